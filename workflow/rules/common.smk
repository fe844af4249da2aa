"""Settings of this run, folders, and what a rule needs to name its inputs and parameters."""

import hashlib
import json
import os
import re
import shlex
import sys
from contextlib import contextmanager

from snakemake.settings.types import DeploymentMethod

import replication
from replication import params, processes
from replication.records.fingerprints import fingerprint, numerics
from replication.records.io import ArtifactError, require_writable, sha256
from replication.records.notebooks import figures_of, published_by
from replication.records.sources import (
    REGISTRY,
    changes_with,
    imported_by,
    relative,
    templates_of,
)
from replication.records.verbs import COUNT, SEED, require_device

if DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method:

    container: "sparcs.sif"  # else every run would say that it ignores it


@contextmanager
def told_in_a_sentence():
    """End with one sentence for what is wrong with settings, declarations, notebooks or published tables."""
    try:
        yield
    except (params.ParameterError, ArtifactError) as error:
        print(f"snakemake: {error}", file=sys.stderr)
        sys.exit(2)


os.environ[processes.PROCESS] = str(
    os.getpid()
)  # its jobs, and what they leave undone, end with this Snakemake
if workflow.is_main_process:  # which ends with DVC, and then needs no --unlock
    processes.end_with_dvc(lambda: workflow.persistence.unlock())
OVERRIDES = params.typed(workflow.config_settings.overwrite_config)
REUSE = OVERRIDES.pop("reuse", None)
REPLACE = OVERRIDES.pop("replace", False)  # "yes" is true in YAML
SAMPLE = OVERRIDES.pop("sample", 3)  # jobs of each stage that spot_check draws
DRAW = OVERRIDES.pop("seed", 0)  # of that draw
ALSO = re.findall(
    "[^,]+", str(OVERRIDES.pop("also", ""))
)  # what spot_check leaves out else
ROOT = relative(Path(workflow.basedir).parent)
PARAMS_FILE = ROOT / "params.yaml"
LOCK_FILE = ROOT / "requirements.lock"
OWN_FOLDERS = ["docs", "notebooks", "src", "tests", "workflow"]


def require_own_package(project):
    """Refuse to run the code of another checkout, whose edits this one's rules would not see."""
    imported = Path(replication.__file__).resolve().parents[2]
    if imported != project:
        raise params.ParameterError(
            f"the package replication is imported from {imported}: allowed is {project}"
            f' (in an environment of its own, pip install -e ".[paper]")'
        )


def require_own_place(project):
    """Refuse to put results among the project's own files, as `cd workflow && snakemake` would."""
    for folder in OWN_FOLDERS:
        if Path.cwd().is_relative_to(project / folder):
            raise params.ParameterError(
                f"the working directory {Path.cwd()} holds the project's own files:"
                f" allowed are its main folder (cd {os.path.relpath(project)}) and folders for results"
            )


with told_in_a_sentence():
    require_own_place(Path(workflow.basedir).parent.resolve())
    require_own_package(Path(workflow.basedir).parent.resolve())
    from replication.experiments import EXPERIMENTS
    from replication.experiments.settings import load_settings, paper_settings
    from replication.jobs.declarations import require_declared

    SETTINGS = load_settings(PARAMS_FILE, OVERRIDES)
    require_declared(EXPERIMENTS, ROOT / "notebooks")
    if (
        workflow.resource_settings.nodes is None
    ):  # else jobs go elsewhere, and each looks for itself
        require_device(SETTINGS.device)
    SCALE = SETTINGS.scale
    DATA, RESULTS, FIGURES = (
        f"{folder}/{SCALE}" for folder in ("data", "results", "figures")
    )
    require_writable(Path(DATA), Path(RESULTS), Path(FIGURES))
    if REUSE not in (None, "published"):
        raise params.ParameterError(
            f"reuse = {params.shown(REUSE)}: allowed is published"
        )
    if not isinstance(REPLACE, bool):
        raise params.ParameterError(
            f"replace = {params.shown(REPLACE)}: allowed are yes and no"
        )
    for name, value, of in (("sample", SAMPLE, COUNT), ("seed", DRAW, SEED)):
        if type(value) is not int or not of.min <= value <= of.max:
            raise params.ParameterError(
                f"{name} = {params.shown(value)}: allowed are whole numbers from {of.min} to {of.max}"
            )
    for name in ALSO:
        if name not in EXPERIMENTS:
            raise params.ParameterError(
                f"also = {params.shown(name)}: allowed are {', '.join(EXPERIMENTS)}"
            )
    NOTEBOOKS = ["00_summary", *[each.notebook for each in EXPERIMENTS.values()]]
    DRAWN = {name: figures_of(ROOT / f"notebooks/{name}.ipynb") for name in NOTEBOOKS}
    SHOWN = {name: published_by(ROOT / f"notebooks/{name}.ipynb") for name in NOTEBOOKS}


# glibc gives large freed blocks back to the system and asks for them again at each step; kept, a step of experiment 4
# costs a fifth less and has the same bits. Other systems ignore these variables.
KEEP_FREED_MEMORY = "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=8589934592"
PUBLISHED = os.path.relpath(ROOT / "results/published")
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"


RULE_FILES = sorted(ROOT.glob("workflow/**/*.smk"))
WRITTEN_BY_HAND = [
    PARAMS_FILE,
    LOCK_FILE,
    *RULE_FILES,
    *sorted(ROOT.glob("notebooks/*.ipynb")),
    *sorted(ROOT.glob("src/*/**/*.py")),
    *sorted(ROOT.glob("src/*/**/*.md.j2")),
]
AT_START = {path: sha256(path) for path in WRITTEN_BY_HAND}


onstart:
    # Snakemake's own locks do not see to it: it removes those of all runs at the end of each. Dry runs, --unlock, --report,
    # --lint, --dag and jobs that are run by a Snakemake of their own do not come here.
    lock = Path(f".snakemake/runs/{SCALE}.lock")
    if workflow.is_main_process and not processes.hold(lock):
        sys.stderr.write(  # in one piece: the logger writes there, too
            f"snakemake: scale = {params.shown(SCALE)} is being run in {Path.cwd()} by another Snakemake:"
            f" allowed is one run of a scale in a folder at a time\n"
        )
        sys.exit(2)
    if workflow.resource_settings.nodes is None:
        # Snakemake's limit of jobs a second, meant for clusters, wakes the scheduler once more a second for every job
        # that has ended.
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    for path in WRITTEN_BY_HAND:
        if not path.exists() or sha256(path) != AT_START[path]:
            sys.exit(
                f"snakemake: {path} was edited meanwhile: the same command again brings all results up to date"
            )


def as_given(text):
    """A text for a rule's params, by a function: of a text itself Snakemake would take braces for wildcards."""
    return lambda wildcards: text


def word(text):
    """A text as one shell word, for a rule's params."""
    return as_given(shlex.quote(text))


def quoted(value):
    """A value as one shell word of JSON, for a rule's params."""
    return word(json.dumps(value, sort_keys=True))


JOBS = {  # of every stage: by the name of its rule, then by their own
    stage.rule: {job.name: job for job in stage.jobs(SETTINGS)}
    for experiment in EXPERIMENTS.values()
    for stage in experiment.stages
}


def own_settings(experiment):
    """An experiment's block of the settings, as plain values."""
    return (
        getattr(SETTINGS, experiment.name).model_dump(mode="json")
        if experiment.settings
        else {}
    )


def tabulators(experiment):
    """The modules that gather an experiment's tables: what it declares, and what adds what no job can know alone."""
    finish = [experiment.module(experiment.finish)] if experiment.finish else []
    return ["replication.jobs.commands", experiment.package, *finish]


def run_tables(experiment):
    """The tables of an experiment that a run has: none of a stage that the scale leaves out."""
    names = [
        table
        for stage in experiment.stages
        if JOBS[stage.rule]
        for table in stage.tables
    ]
    names = [*dict.fromkeys(names), *experiment.extra] if names else []
    return [f"{RESULTS}/{experiment.name}/{table}.parquet" for table in names]


def judges(experiment):
    """The modules of what an experiment declares and of the claims that it tests."""
    each = EXPERIMENTS[experiment]
    return [each.package, each.module(each.claims)]


def notebook_modules(notebook):
    """The modules that a notebook's page is made with."""
    imported = imported_by(ROOT / f"notebooks/{notebook}.ipynb")
    return ["replication.report.pages", *imported]


def published_inputs(notebook):
    """Published tables that a notebook shows beside the run's."""
    return [
        path
        for pattern in SHOWN[notebook]
        for path in sorted((ROOT / "results/published").glob(f"{pattern}.csv"))
    ]
