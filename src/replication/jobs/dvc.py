"""dvc.yaml, as the registry says: who owns which folder, and what it was made from."""

from typing import Any

import click
import yaml

from replication import params
from replication.experiment import Experiment
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import SCALES, resolve_settings
from replication.records.fingerprints import declares
from replication.records.git import ROOT
from replication.records.sources import files_of, imports_of

HEAD = """\
# DVC over the Snakemake workflow: who owns which folder, and what it was made from (docs/dvc.md).
# Snakemake decides which jobs run. `persist`: DVC must not delete what a stage has, or all of it would be made again.
# Written by `python -m replication describe-dvc`; a test compares.
"""
ROOMS = "src/replication/experiments/"
ALWAYS = ["scale", "scales.${scale}", "root_seed", "device"]
# folders of data that are drawn, named after the experiments that define them
DRAWN = tuple(dict.fromkeys(name for each in EXPERIMENTS.values() for name in each.data if name in EXPERIMENTS))
SHARED = (*DRAWN, "images")  # folders of data that stages of their own make
ENDS = ("claims", "claims.csv", "core_minutes.csv", "provenance.json", "settings.json", "benchmarks", "reports", "site")
PUBLISHED = ("benchmark", "claims.csv", "reliability.csv")
PLOTS = [
    {
        "Gamma against alpha": {
            axis: {"figures/${scale}/fig07.csv": name} for axis, name in (("x", "alpha"), ("y", "mean"))
        }
    },
    "figures/${scale}/fig09.png",
    "figures/${scale}/fig10.png",
]


@click.command()
def describe_dvc() -> None:
    """Write dvc.yaml anew, on standard output."""
    click.echo(HEAD + yaml.safe_dump({"stages": stages(), "plots": PLOTS}, sort_keys=False, width=120), nl=False)


def stages() -> dict[str, dict[str, Any]]:
    """The data, every experiment, and last what is made of all."""
    drawn = [name for name, each in EXPERIMENTS.items() if set(each.data) & set(DRAWN)]
    return {
        "data": _stage(
            "snakemake draw_data",
            [*sources("replication.data.commands"), "workflow"],
            [*ALWAYS, *drawn],
            [_data(name) for name in DRAWN],
        ),
        "images": _stage(
            "snakemake find_images",
            [*sources("replication.data.commands"), "workflow"],
            [*ALWAYS, "images"],
            [_data("images")],
        ),
        **{name: of_experiment(each) for name, each in EXPERIMENTS.items()},
        "report": of_reports(),
    }


def of_experiment(experiment: Experiment) -> dict[str, Any]:
    """Its jobs and tables: made from its own sources, its settings and its data."""
    own = sources(experiment.package, *modules_of(experiment))
    deps = sorted({*own, *(file for file in sources("replication.jobs.commands") if not file.startswith(ROOMS))})
    blocks = [experiment.name] * bool(experiment.settings) + [name for name in experiment.data if name in EXPERIMENTS]
    data = [_data(name) for name in experiment.data if name in SHARED]
    outs = [_data(name) for name in experiment.data if name not in SHARED] + [_results(experiment.name)]
    return _stage(
        f"snakemake make_{experiment.name}", [*deps, "workflow", *data], [*ALWAYS, *dict.fromkeys(blocks)], outs
    )


def modules_of(experiment: Experiment) -> set[str]:
    """The modules that train its jobs, at any scale, and that finish its tables."""
    base = params.read_yaml(ROOT / "params.yaml")
    found = {
        experiment.module(path) for path in (*(stage.train for stage in experiment.stages), experiment.finish) if path
    }
    for scale in SCALES:
        run = resolve_settings(base, {"scale": scale})
        for job in (job for stage in experiment.stages for job in stage.jobs(run)):
            found |= {*job.modules, *(job.data.modules if job.data else ())}
    return found


def of_reports() -> dict[str, Any]:
    """What is left of `snakemake`, and Snakemake's own records."""
    deps = ["src", "workflow", "notebooks", "requirements.lock", *[f"results/published/{name}" for name in PUBLISHED]]
    deps += [_results(name) for name in EXPERIMENTS]
    outs = [".snakemake/metadata", "figures/${scale}", *[_results(name) for name in ENDS]]
    stage = _stage("snakemake", deps, [{"params.yaml": None}], outs)
    return stage | {"metrics": [{_results("metrics.json"): {"persist": True}}]}


def sources(*modules: str) -> list[str]:
    """The files of modules and of all that they import; the packages of experiments only declare."""
    return files_of((name for name in imports_of(*modules) if not declares(name)), ROOT)


def _stage(command: str, deps: list[str], params: list, outs: list[str]) -> dict[str, Any]:
    """A stage. Its command holds no setting, for DVC gives it to a shell before anything looks at settings."""
    return {"cmd": command, "deps": deps, "params": params, "outs": [{path: {"persist": True}} for path in outs]}


def _data(name: str) -> str:
    return f"data/${{scale}}/{name}"


def _results(name: str) -> str:
    return f"results/${{scale}}/{name}"
