"""What a run shows, on a terminal and without one."""

import json
import math
import os
import pty
import subprocess
import sys
from collections import Counter

import nbformat
import pytest
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from log_records import handler, info, record
from snakemake_logger_plugin_sparcs.display import duration
from snakemake_logger_plugin_sparcs.run import Job, Run, published_in
from tiny import BIN, ROOT

SNAKEFILE = r'''
rule all:
    input: "results/laptop/after", expand("results/laptop/part{n}", n=range(3))
rule part:
    output: "results/laptop/part{n}"
    message: "Making [b]part[/b] {wildcards.n} of α"
    shell: "sleep 0.5; touch {output}"
rule flaky:
    output: "results/laptop/flaky"
    log: "flaky.log"
    retries: 1
    shell: "(echo again >> tries; test $(wc -l < tries) = 2 && touch {output}) 2> {log}"
rule bad:
    output: "results/laptop/bad"
    log: "results/laptop/logs/bad.log"
    message: "Failing"
    shell: r"""(seq -f 'line %g' 30; printf '1%%\r2%%\n\033[31mred\033[0m\n'
        test -e good && touch {output}) > {log}"""
rule after:
    input: "results/laptop/bad", "results/laptop/flaky"
    output: "results/laptop/after"
    shell: "touch {output}"
'''


def environment(**more):
    return os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "FORCE_COLOR": "1"} | more


def small(folder, *arguments, **streams):
    """A run of the small workflow; FORCE_COLOR, which CI servers set, must not bring colours into a file."""
    (folder / "Snakefile").write_text(SNAKEFILE)
    command = [BIN / "snakemake", "--workflow-profile", "none", "--logger", "sparcs", "--cores", "2", "-k", *arguments]
    streams = streams or {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=folder, env=environment(), text=True, **streams)


def test_what_is_left_is_reckoned_from_published_times_then_measured_ones_then_those_of_another_scale():
    published = {("laptop", "a"): 4.0, ("paper", "b"): 10.0, ("paper", "c"): 6.0}
    run = Run(start=0, published=published, cores=2, planned=Counter(a=3, b=2, c=2, unknown=1))
    run.begin(1, Job("a", "", start=0, benchmark="results/laptop/benchmarks/a/1.tsv"))
    assert run.left(60) == ((3 * 4 - 1 + 2 * 10 + 2 * 6) / 2, "paper")
    run.begin(2, Job("b", "", start=0))
    run.finish(2, 60).core_minutes = 3.0
    run.finished[2].end = 180  # as long as it had to compute
    assert run.left(60) == ((3 * 4 - 1 + 3 + 2 * 6) / 2, "paper")
    for number in (3, 4):
        run.fail(number, Job("c", "", start=0), 60)
    assert run.left(60) == ((3 * 4 - 1 + 3) / 2, "")
    assert run.left(10**6) == ((2 * 4 + 3) / 2, "")  # a job that takes longer than expected is about to end
    assert Run(start=0, planned=Counter(a=1)).left(0) is None


def test_one_job_alone_does_not_use_all_cores():
    run = Run(start=0, published={("laptop", "a"): 4.0}, cores=8, planned=Counter(a=1))
    assert run.left(0) == (4.0, "laptop")


def test_the_longest_job_is_waited_for():
    run = Run(start=0, published={("laptop", "a"): 9.0, ("laptop", "b"): 1.0}, cores=8, planned=Counter(a=1, b=7))
    assert run.left(0) == (9.0, "laptop")


def test_what_is_left_keeps_the_pace_of_what_is_done():
    """Where others share the machine, a core-minute takes longer than a minute."""
    run = Run(start=0, published={("laptop", "a"): 4.0}, planned=Counter(a=3))
    run.begin(1, Job("a", "", start=0, benchmark="results/laptop/benchmarks/a/1.tsv"))
    run.finish(1, 8 * 60)
    minutes, scale = run.left(8 * 60)
    assert scale == "" and 0.9 * 16 < minutes < 16


def test_a_job_without_a_benchmark_has_no_core_minutes():
    run = Run(start=0, planned=Counter(a=1))
    run.begin(1, Job("a", "", start=0))
    assert math.isnan(run.finish(1, 1).core_minutes) and run.core_minutes == 0


def test_the_published_core_minutes_are_read():
    assert published_in(ROOT / "results/published/core_minutes.csv")["laptop", "train_regression"] > 0
    assert published_in(ROOT / "nothing.csv") == {}


def test_a_time_is_as_exact_as_one_needs_it():
    assert [duration(seconds) for seconds in (4.2, 99, 160, 12000)] == ["4 s", "99 s", "3 min", "3 h 20 min"]


def test_the_last_lines_say_what_this_run_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    claims, site, images = "results/smoke/claims.csv", "results/smoke/site/index.html", "data/smoke/images/cifar10.json"
    benchmark = "results/smoke/benchmarks/judge_claims.tsv"
    for name, text in {
        claims: "id,verdict,paper\nA1,untested,x\nA1a,untested,x\nB1,replicated,x\nC1,replicated,x\nT1,replicated,\n",
        images: json.dumps({"stand_in": True}),
        benchmark.replace(".tsv", ".json"): json.dumps({"core_seconds": 90.0}),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shown = handler()
    shown.emit(record(LogEvent.RESOURCES_INFO, 0, cores=2))
    shown.emit(record(LogEvent.RUN_INFO, 0, stats={"judge_claims": 1, "build_site": 1, "other": 1, "total": 3}))
    shown.emit(info(1, "judge_claims", 0, [claims], benchmark=benchmark, input=[images], rule_msg="Judging"))
    shown.emit(info(2, "build_site", 0, [site]))
    for number in (1, 2):
        shown.emit(record(LogEvent.JOB_FINISHED, shown.display.run.start + 65, job_id=number))
    shown.close()
    shown.close()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "3 jobs, at most 2 at once"
    assert lines[1].startswith("1/3  0:01:05  Judging (")
    assert lines[3:7] == [
        f"Claims: 2 replicated, 1 untested ({claims})",
        f"Claims beyond the paper: 1 replicated ({claims})",
        "Stand-in images took the place of CIFAR's.",
        f"Site: {site}",
    ]
    assert lines[7].startswith("Done: 2 of 3 jobs in ") and lines[7].endswith(", 1.5 core-minutes")
    assert lines[8:] == ["Not done: 1 job; the same command goes on"]


@pytest.mark.parametrize("whole", [True, False])
def test_verdicts_are_said_once(tmp_path, monkeypatch, capsys, whole):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/smoke/claims").mkdir(parents=True)
    parts = [f"results/smoke/claims/{name}.csv" for name in ("cifar10", "theory")]
    paths = [*parts, "results/smoke/claims.csv"] if whole else parts
    for path in paths:
        (tmp_path / path).write_text("id,verdict,paper,data\nA1,replicated,x,stand-in images\n")
    shown = handler()
    shown.emit(record(LogEvent.RUN_INFO, 0, stats={"judge": len(paths), "total": len(paths)}))
    for number, path in enumerate(paths):
        shown.emit(info(number, "judge", 0, [path]))
        shown.emit(record(LogEvent.JOB_FINISHED, 0, job_id=number))
    shown.close()
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith(("Claims", "Stand-in"))]
    verdicts = [f"Claims: 1 replicated ({path})" for path in (paths[2:] or parts)]
    assert said == [*verdicts, "Stand-in images took the place of CIFAR's."]


def test_a_run_that_made_no_claims_says_nothing_of_them(capsys):
    shown = handler()
    shown.emit(record(LogEvent.RUN_INFO, 0, stats={"a": 1, "total": 1}))
    shown.emit(info(1, "a", 0, ["results/smoke/a.csv"]))
    shown.emit(record(LogEvent.JOB_FINISHED, 0, job_id=1))
    shown.close()
    assert [line.split(" ")[0] for line in capsys.readouterr().err.splitlines()] == ["1", "1/1", "Done:"]


def failure(number, created):
    return record(LogEvent.JOB_ERROR, created, jobid=number, rule_name="a", rule_msg=None, input=[], output=[], log=[])


def test_jobs_that_the_user_has_stopped_have_not_failed(capsys):
    shown = handler()
    shown.handle(record(LogEvent.RUN_INFO, 0, stats={"a": 2, "total": 2}))
    shown.handle(info(1, "a", 0))
    shown.handle(record(None, 0, "Terminating processes on user request, this might take some time."))
    shown.handle(failure(1, 0))
    shown.close()
    assert capsys.readouterr().err.splitlines()[-1] == "Not done: 2 jobs; the same command goes on"


@pytest.mark.parametrize(
    ("quiet", "lines"),
    [({Quietness.RULES, Quietness.PROGRESS}, ["Failed after 5 s: a (rule a)", "it has no log", "Failed: 1 job (a)"]),
     ({Quietness.ALL}, [])],
)  # fmt: skip
def test_a_quiet_run_says_only_why_it_failed(capsys, quiet, lines):
    shown = handler(quiet=quiet)
    shown.handle(record(LogEvent.RUN_INFO, 0, stats={"a": 1, "total": 1}))
    shown.handle(info(1, "a", 0))
    shown.handle(failure(1, 5))
    shown.close()
    assert capsys.readouterr().err.splitlines() == lines


def test_an_error_in_the_display_does_not_end_the_run(capsys):
    handler().emit(record(LogEvent.JOB_FINISHED, 0, job_id=7))
    assert "KeyError: 7" in capsys.readouterr().err


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """Folder, exit code and output of a run with a job that fails, and one that fails at first."""
    folder = tmp_path_factory.mktemp("small")
    running = small(folder)
    output, _ = running.communicate()
    return folder, running.returncode, output


def test_without_a_terminal_there_is_one_plain_line_for_each_finished_job(failed):
    _, code, output = failed
    assert code == 1 and "\x1b" not in output
    assert output.startswith("7 jobs, at most 2 at once\n")
    finished = [line for line in output.splitlines() if line[1:3] == "/7"]
    assert [line[:3] for line in finished] == ["1/7", "2/7", "3/7", "4/7"]
    assert sum("  Making [b]part[/b] 1 of α (" in line for line in finished) == 1
    assert sum("  flaky (" in line for line in finished) == 1 and "Trying to restart job" in output
    assert output.splitlines()[-2].startswith("Done: 4 of 7 jobs in ")
    assert output.splitlines()[-1] == "Failed: 1 job (bad); 2 not done"


def test_a_failed_job_is_shown_with_the_end_of_its_log(failed):
    output = failed[2]
    start = output.index("Failing (rule bad)\n")
    lines = output[start:].splitlines()[1:17]
    assert lines == [
        *(f"    line {n}" for n in range(18, 31)),
        "    2%",
        "    red",
        "its log: results/laptop/logs/bad.log",
    ]
    assert "CalledProcessError" not in output and "line 17" not in output


def test_the_next_runs_count_what_is_left_to_do(failed):
    folder = failed[0]
    (folder / "good").touch()
    plan, _ = small(folder, "-n", "-q").communicate()
    counts = dict(line.split() for line in plan.splitlines() if line[-1:].isdecimal())
    assert counts == {"bad": "1", "after": "1", "all": "1", "total": "3"}
    output, _ = small(folder, "-p").communicate()
    assert "3/3  " in output and "touch results/laptop/after" in output and "Failed" not in output
    again, _ = small(folder).communicate()
    assert again == "Nothing to be done (all requested files are present and up to date).\n"


def test_a_mistake_in_the_command_is_seen(failed):
    output, _ = small(failed[0], "typo").communicate()
    assert "MissingRuleException" in output and "typo" in output


def test_on_a_terminal_running_jobs_are_shown_with_their_time(tmp_path):
    master, terminal = pty.openpty()
    running = small(tmp_path, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    parts = []
    try:
        while part := os.read(master, 4096):
            parts.append(part)
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(master)
    assert running.wait() == 1
    shown = b"".join(parts).decode()
    assert "0:00:00  Making [b]part[/b] 1 of α" in shown
    assert "1/7" in shown and "\x1b[?25l" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is there again
    assert "Failed: 1 job (bad); 2 not done" in shown[shown.rindex("\x1b[?25h") :]


@pytest.fixture
def kernels(tmp_path):
    """A folder for JUPYTER_PATH with a kernel that counts its starts, and does not start while `broken` is there."""
    folder = tmp_path / "kernels/python3"
    folder.mkdir(parents=True)
    script = 'echo start >> "$0.starts"; rm "$(dirname "$0")/broken" 2> /dev/null && exit 1; exec "$@"'
    (folder / "run.sh").write_text(script)
    command = ["sh", str(folder / "run.sh"), sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "p", "language": "python"}))
    return folder


def notebook(path, *sources):
    cells = [nbformat.v4.new_code_cell(source, id=f"c{number}") for number, source in enumerate(sources)]
    cells[0].metadata["tags"] = ["parameters"]
    spec = {"name": "python3", "display_name": "p", "language": "python"}
    title = nbformat.v4.new_markdown_cell("# Title", id="title")
    nbformat.write(nbformat.v4.new_notebook(cells=[title, *cells], metadata={"kernelspec": spec}), path)


def execute(folder, kernels):
    """A run of one notebook, as the workflow runs it."""
    (folder / "Snakefile").write_text("""
rule report:
    output: "page"
    log: text="page.log", notebook="log.ipynb"
    shell: "python -m replication execute-notebook a.ipynb {log.notebook} {output} -p name nothing > {log.text} 2>&1"
""")
    command = [BIN / "snakemake", "--workflow-profile", "none", "--logger", "sparcs", "--cores", "1"]
    variables = environment(JUPYTER_PATH=str(kernels.parents[1]))
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=variables, check=False)
    return done.returncode, done.stdout + done.stderr, (kernels / "run.sh.starts").read_text().count("start")


def test_a_failing_notebook_shows_its_cell_and_error_and_runs_once(tmp_path, kernels):
    long = "\n".join(f"value_{number} = {number}" for number in range(20))
    notebook(tmp_path / "a.ipynb", "name = ''", f"from pathlib import Path\n{long}\nPath(name).read_text()\nnever = 1")
    code, output, starts = execute(tmp_path, kernels)
    assert (code, starts) == (1, 1)
    assert "a.ipynb: a cell has failed" in output and "---> 22 Path(name).read_text()" in output
    assert "FileNotFoundError: [Errno 2] No such file or directory: 'nothing'\nits log: page.log\n" in output
    assert "cell_type" not in output and "\x1b" not in output and len(output.splitlines()) < 20


def test_a_kernel_that_did_not_start_is_started_once_more(tmp_path, kernels):
    notebook(tmp_path / "a.ipynb", "name = ''", "assert name == 'nothing'")
    (kernels / "broken").touch()
    code, output, starts = execute(tmp_path, kernels)
    assert (code, starts) == (0, 2), output
