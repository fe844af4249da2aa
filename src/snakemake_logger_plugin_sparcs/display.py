"""The writer of what there is to say of a run: lines, and on a terminal also the jobs that are running now."""

import sys
import time
from collections import Counter
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_sparcs.locked import LOCKED, advice
from snakemake_logger_plugin_sparcs.run import Job, Run, last_lines, published_in, tried, verdicts_in

WIDTH = 80  # of a terminal that does not tell
MOST_SHOWN = 10  # running jobs; on a cluster there are more
VERDICTS = ["replicated", "partly", "inconclusive", "not replicated", "untested"]
NOT_SHOWN = (  # of Snakemake's own sentences: nothing that a reader needs, or said below in other words
    "Assuming unrestricted shared filesystem",
    "Building DAG of jobs",
    "Complete log(s)",
    "Elapsed time",
    "Exiting because a job execution failed",
    "RuleException:\nCalledProcessError",
    "Select jobs to execute",
    "Shutting down",
    "Using shell",
    "WorkflowError:\nAt least one job did not complete successfully",
    "host: ",
)
JOBS_ABOVE = "\n    (check individual jobs above for details)"  # they are listed with --verbose only
NOT_SAID = {LogEvent.JOB_STARTED, LogEvent.PROGRESS, LogEvent.GROUP_INFO, LogEvent.GROUP_ERROR}


class Display:
    """Takes Snakemake's records one by one, and writes to standard error, or to standard output in a dry run."""

    def __init__(self, settings) -> None:
        self.settings = settings
        stream = sys.stdout if settings.stdout else sys.stderr  # None if it is closed, which the console knows
        is_terminal = stream is not None and stream.isatty()
        colours = {"color_system": None} if settings.nocolor or not is_terminal else {}
        self.console = Console(stderr=not settings.stdout, force_terminal=is_terminal, **colours)
        if self.console.width < 1:  # where COLUMNS is 0 nothing would be shown
            self.console.width = WIDTH
        self.live = None
        self.is_told = False
        self.is_stopped = False
        self.run = Run(start=time.time())

    def show(self, record, words) -> None:
        """Show a record; words: puts one in Snakemake's own words."""
        event = getattr(record, "event", None)
        known = {
            LogEvent.WORKFLOW_STARTED: self.workflow_started,
            LogEvent.RESOURCES_INFO: self.resources_info,
            LogEvent.RUN_INFO: self.run_info,
            LogEvent.JOB_INFO: self.job_info,
            LogEvent.JOB_FINISHED: self.job_finished,
            LogEvent.JOB_ERROR: self.job_error,
        }
        if event in known:
            known[event](record)
        elif event not in NOT_SAID:
            self.other(record, words)

    def workflow_started(self, record) -> None:
        """The published core-minutes lie beside the workflow."""
        table = Path(record.basedir).parent / "results/published/core_minutes.csv"
        self.run.published = tried(published_in, table, otherwise={})

    def resources_info(self, record) -> None:
        """Cores of this machine, or jobs that a cluster takes at once."""
        self.run.cores = getattr(record, "cores", getattr(record, "nodes", self.run.cores))

    def run_info(self, record) -> None:
        """The jobs are known. A dry run tells twice, with the same table of jobs by rule."""
        if self.run.planned:
            return
        self.run.planned = Counter({rule: count for rule, count in record.stats.items() if rule != "total"})
        if self.settings.dryrun:
            self.write(record.getMessage())
            return
        self.write(f"{counted(self.run.total, 'job')}, at most {min(self.run.cores, self.run.total)} at once")
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self.live = Live(get_renderable=self.now, console=self.console, refresh_per_second=4, transient=True)
            self.live.start()

    def job_info(self, record) -> None:
        """A job starts."""
        if self.settings.verbose or (self.settings.dryrun and self.settings.printshellcmds):
            self.write(f"{record.rule_msg or record.rule_name}: {record.reason}")
        self.run.begin(record.jobid, job_of(record))
        if not self.settings.dryrun:
            self.tell_times(record.created)

    def job_finished(self, record) -> None:
        """A job has ended well: one line."""
        job = self.run.finish(record.job_id, record.created)
        count = f"{len(self.run.finished):{len(str(self.run.total))}}/{self.run.total}"
        times = [clock(record.created - self.run.start), self.left(record.created)]
        self.write("  ".join([count, *filter(None, times), f"{job.message} ({duration(job.end - job.start)})"]))

    def job_error(self, record) -> None:
        """A job has failed: write its rule, the end of its log, and where that is, unless the user has stopped it."""
        if self.is_stopped:
            return
        job = self.run.fail(record.jobid, job_of(record), record.created)
        lines = [f"Failed after {duration(job.end - job.start)}: {job.message} (rule {job.rule})"]
        log = next((path for path in record.log if is_text(path)), None)
        if log:
            lines += [f"    {line}" for line in tried(last_lines, log, otherwise=[])] + [f"its log: {log}"]
        else:
            lines.append(f"its log is empty: {', '.join(record.log)}" if record.log else "it has no log")
        self.write("\n".join(lines), style="red")

    def other(self, record, words) -> None:
        """Write what is no event of a job, in Snakemake's own words."""
        text = words(record).replace(JOBS_ABOVE, "")
        text = advice() if LOCKED in text else text
        self.is_stopped |= text.startswith("Terminating processes on user request")
        if text and text != "None" and (self.settings.verbose or not text.startswith(NOT_SHOWN)):
            self.write(text, style={"ERROR": "red", "WARNING": "yellow"}.get(record.levelname, ""))

    def left(self, now: float) -> str:
        """What is left, in words; "" if it isn't known."""
        estimate = self.run.left(now)
        if estimate is None:
            return ""
        return f"about {duration(60 * estimate[0])} left" if estimate[0] > 1 / 6 else "seconds left"

    def tell_times(self, now: float) -> None:
        """Say once which scale the times behind the estimate come from, if it is not this run's."""
        estimate = self.run.left(now)
        if estimate and estimate[1] and not self.is_told:
            self.write(f"What is left is reckoned from the published times of scale {estimate[1]}.")
        self.is_told = True

    def now(self) -> Group:
        """The part of a terminal below the lines: running jobs with their timers, a bar, what is left."""
        now, running = time.time(), list(self.run.running.values())
        jobs = Table.grid(padding=(0, 2))
        jobs.add_column(justify="right", min_width=len(clock(0)))
        jobs.add_column(no_wrap=True, overflow="ellipsis")
        for job in running[:MOST_SHOWN]:
            jobs.add_row(clock(now - job.start), Text(job.message))
        if len(running) > MOST_SHOWN:
            jobs.add_row("", f"and {len(running) - MOST_SHOWN} more")
        whole = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=self.run.total, completed=len(self.run.finished), width=30)
        failed = f", {len(self.run.failed)} failed" if self.run.failed else ""
        count = f"{len(self.run.finished)}/{self.run.total}{failed}"
        whole.add_row(clock(now - self.run.start), bar, count, self.left(now))
        return Group(jobs, whole)

    def close(self) -> None:
        """Say what this run has made, what it cost and what has failed; only once."""
        if self.live:
            self.live.stop()
            self.live = None
        run, self.run = self.run, Run(start=self.run.start)
        now = time.time()
        for line in plan(run, now) if self.settings.dryrun else summary(run, now):
            self.write(line, style="red" if line.startswith(("Failed", "Not done")) else "bold")

    def write(self, text: str, style: str = "") -> None:
        """Write lines as they are, however long."""
        self.console.print(Text(text, style=style), soft_wrap=True)


def plan(run: Run, now: float) -> list[str]:
    """The last line of a dry run, if all is known of this scale."""
    estimate = run.left(now)
    if estimate is None or estimate[1]:
        return []
    return [f"By the published times these jobs take {estimate[0]:.3g} core-minutes."]


def summary(run: Run, now: float) -> list[str]:
    """The last lines of a run; none if no job has run."""
    lines = []
    for path in run.claims():
        for what, verdicts in zip(
            ("Claims", "Claims beyond the paper"), tried(verdicts_in, path, ({}, {})), strict=True
        ):
            counts = [f"{verdicts[name]} {name}" for name in VERDICTS if verdicts.get(name)]
            lines += [f"{what}: {', '.join(counts)} ({path})"] if counts else []
    if run.has_stand_in():
        lines.append("Stand-in images took the place of CIFAR's.")
    lines += [f"Site: {path}" for path in run.made("/site/index.html")]
    if run.finished:
        cost = f", {run.core_minutes:.3g} core-minutes" if run.core_minutes else ""
        lines.append(f"Done: {len(run.finished)} of {counted(run.total, 'job')} in {duration(now - run.start)}{cost}")
    not_done = run.total - len(run.finished) - len(run.failed)
    if run.failed:
        rules = ", ".join(job.rule for job in run.failed.values())
        others = f"; {not_done} not done" if not_done > 0 else ""
        lines.append(f"Failed: {counted(len(run.failed), 'job')} ({rules}){others}")
    elif not_done:
        lines.append(f"Not done: {counted(not_done, 'job')}; the same command goes on")
    return lines


def job_of(record) -> Job:
    """The job that a record tells of."""
    outputs, inputs = tuple(record.output), tuple(record.input)
    return Job(
        rule=record.rule_name,
        message=record.rule_msg or record.rule_name,
        start=record.created,
        files=inputs + outputs,
        outputs=outputs,
        benchmark=getattr(record, "benchmark", None) or "",
    )


def is_text(log: str) -> bool:
    """Whether a log has something to read; an executed notebook is no text."""
    return not log.endswith(".ipynb") and Path(log).is_file() and Path(log).stat().st_size > 0


def counted(number: int, what: str) -> str:
    """A count with its noun, for instance "1 job" or "3 jobs"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, as in 0:01:05."""
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def duration(seconds: float) -> str:
    """A time in words, as exact as one needs it: 5 s, 12 min, 3 h 20 min."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
