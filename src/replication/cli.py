"""``python -m replication <verb>``: one verb per rule of the workflow. A verb's module is loaded only when it runs."""

import resource
import sys
from importlib import import_module
from pathlib import Path

import click

from replication import processes
from replication.params.loading import ParameterError, shown
from replication.records.io import ArtifactError, write_json

VERBS = {
    "generate-regression-data": "data.commands",
    "generate-teacher-data": "data.commands",
    "describe-data": "data.croissant",
    "prepare-images": "data.commands",
    "extract-features": "experiments.cifar100.commands",
    "train": "jobs.commands",
    "tabulate": "jobs.commands",
    "record-settings": "account.commands",
    "record-provenance": "account.commands",
    "judge-claims": "account.commands",
    "gather-claims": "account.commands",
    "execute-notebook": "account.commands",
    "tabulate-core-minutes": "account.commands",
    "build-site": "site.commands",
    "describe-params": "account.describe",
    "describe-dvc": "jobs.dvc",
    "draw-workflow": "jobs.drawing",
    "benchmark-step": "experiments.cost.commands",
    "benchmark-cifar10": "experiments.cost.commands",
    "benchmark-cost": "experiments.cost.commands",
    "benchmark-full-size": "experiments.cost.commands",
    "benchmark-side-by-side": "experiments.cost.commands",
    "benchmark-latency": "experiments.cost.commands",
    "benchmark-penalties": "experiments.cost.commands",
    "benchmark-regimes": "experiments.cost.commands",
    "publish": "publish.commands",
    "publish-networks": "publish.network_commands",
    "check-networks": "publish.network_commands",
    "publish-notebooks": "publish.notebooks",
    "publish-pages": "site.publish_pages",
    "build-crate": "publish.crate",
    "spot-check": "spot_check",
    "take-published": "publish.commands",
}


LONGEST = 500  # characters of a sentence that repeats what a user gave


class Verbs(click.Group):
    """The verbs, found by name in their modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the workflow's order."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of a verb, or None if there is no such verb."""
        if name not in VERBS:
            return None
        return getattr(import_module(f"replication.{VERBS[name]}"), name.replace("-", "_"))


def require_log(context: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    """The path. Raises BadParameter if it isn't that of a log, whose name a job's benchmark shares."""
    if path is not None and path.suffix != ".log":
        raise click.BadParameter(f"{shown(str(path))}: allowed is the path of a log, <name>.log", context, option)
    return path


@click.command(cls=Verbs)
@click.version_option(package_name="sparcs")
@click.option(
    "--log",
    type=click.Path(path_type=Path),
    callback=require_log,
    help="<name>.log of a job of the workflow: it keeps its core-seconds",
)
def cli(log: Path | None) -> None:
    """Reproduce "Spectral Architecture Search for Neural Network Models", step by step."""


@cli.result_callback()
def keep_core_seconds(result: object, log: Path | None) -> None:
    """Keep the core-seconds of this process and its children beside the job's benchmark, by the system's own account.

    Python's start is included. Nothing is kept of a verb that failed.
    """
    if log:
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        seconds = sum(usage.ru_utime + usage.ru_stime for usage in usages)
        write_json(beside_benchmark(log), {"core_seconds": round(seconds, 2)})


def beside_benchmark(log: Path) -> Path:
    """results/<scale>/logs/<name>.log -> results/<scale>/benchmarks/<name>.json: a job's files share one name."""
    *folders, name = log.parts
    return Path(*("benchmarks" if part == "logs" else part for part in folders), f"{name.removesuffix('.log')}.json")


def main(arguments: list[str] | None = None) -> None:
    """Run a verb. A user's mistake ends with one sentence on standard error and exit code 2."""
    try:
        processes.die_with_parent()
        sys.exit(cli.main(args=arguments, prog_name="python -m replication", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.ctx.get_help())
        sys.exit(0)
    except click.exceptions.Abort:
        _stop("interrupted", 130)
    except click.ClickException as error:
        _stop(error.format_message(), 2)
    except (ParameterError, ArtifactError) as error:
        _stop(str(error), 2)
    except OSError as error:
        _stop(f"{error.filename or 'a file'} cannot be written or read: {error.strerror or error}", 2)


def _stop(sentence: str, code: int) -> None:
    sentence = f"replication: {' '.join(sentence.split())}"
    if len(sentence) > LONGEST:
        sentence = f"{sentence[: LONGEST // 2]} ... {sentence[-LONGEST // 2 :]}"
    try:
        print(sentence, file=sys.stderr)
    except OSError:  # the log is on the disk that is full; Snakemake's own output may not be
        print(sentence)
    sys.exit(code)
