"""Who goes stale when what is edited: every source file in turn, settings, counts, versions of Python."""

import ast
import inspect
import json
import re
import subprocess

import pytest

from command_lines import BASE, ROOT
from interpreters import PYTHONS, interpreter
from replication import params
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import resolve_settings
from replication.records import fingerprints

FILES = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("src/*/**/*.py"))
ON_DARTS = [f"baselines:{search}" for search in ("darts", "gdas", "fairdarts", "pc_darts", "reinforce")]
ALONE = (
    *("gdas", "fairdarts", "pc_darts", "reinforce", "linear", "bayesian", "evolution", "group_lasso"),
    *("spectral_search", "spectral_pruning"),
)
STALE = {  # files below src, and whose fingerprint a statement there changes; every file of no row: nobody's
    "replication/__init__ replication/data/__init__": "all",
    "replication/training/{__init__,work}": "all -regression.independent",
    "replication/training/torch_threads sparcs/{__init__,metrics,spectral}": (
        "all -regression.independent -tabular.data"
    ),
    "sparcs/{activations,checks,compact,compact_network,io,judging,layer,pruning,saved,search}": (
        "theory depth baselines cifar10 cifar100 cells tabular.trials choosing"
    ),
    "sparcs/{eigenbasis,eigenvalues,network}": "theory depth cifar10 cifar100 cells choosing",
    "sparcs/penalties": (
        "theory regression -regression.independent teacher_student hyperparameters depth cifar10 cifar100 cells "
        "baselines:spectral_search baselines:spectral_pruning tabular.trials choosing"
    ),
    "sparcs/{head_names,heads}": "cifar10 cifar100 cells",
    "replication/training/seeds": (
        "regression -regression.independent teacher_student hyperparameters depth baselines cifar10 cifar100 cells "
        "tabular.trials choosing"
    ),
    "replication/training/memory": "baselines cifar10 cifar100.trials cifar100.fine_tuning tabular.trials",
    "replication/training/classifiers": "cifar10 cifar100 cells",
    "replication/training/split": "cifar10 cifar100.trials cifar100.fine_tuning",
    "replication/training/cuda_graphs": (
        "regression -regression.independent teacher_student hyperparameters depth cifar10 choosing"
    ),
    "replication/training/adam": (
        "theory regression -regression.independent teacher_student hyperparameters depth baselines cells "
        "tabular.trials choosing"
    ),
    "replication/training/ensemble/{__init__,batches}": (
        "regression -regression.independent teacher_student hyperparameters depth baselines cells tabular.trials "
        "choosing"
    ),
    "replication/training/compiled": (
        "regression -regression.independent teacher_student hyperparameters depth baselines cifar10 cells "
        "tabular.trials choosing"
    ),
    "replication/training/{fused_adam,vectors,floating_point}": (
        "regression -regression.independent hyperparameters cifar10"
    ),
    "replication/training/small_cnn/{__init__,heads,network,shapes,stages,step,tiles}": "cifar10",
    "replication/training/ensemble/training": (
        "regression -regression.independent teacher_student "
        "hyperparameters depth baselines:spectral_search baselines:spectral_pruning tabular.trials choosing"
    ),
    "replication/training/ensemble/batched": (
        "regression -regression.independent teacher_student hyperparameters depth choosing"
    ),
    "replication/training/ensemble/{kernel,step}": "regression -regression.independent hyperparameters",
    "replication/data/regression": "theory regression hyperparameters depth.trials baselines",
    "replication/data/teacher": "teacher_student hyperparameters depth baselines -baselines:evolution",
    "replication/data/names": "baselines",
    "replication/data/{augmentation,image_arrays}": "cifar10 cifar100 cells",
    "replication/data/backbones": "cifar100",
    "replication/experiments/theory/{train,bundles,checks,identities,misprints,misprint_checks,statements}": "theory",
    "replication/experiments/regression/train": "regression -regression.independent hyperparameters",
    "replication/experiments/regression/independent": "regression.independent",
    "replication/experiments/regression/starts": "regression.starts",
    "replication/experiments/regression/priced": "regression.priced",
    "replication/experiments/teacher_student/{train,survival}": "teacher_student hyperparameters depth",
    "replication/experiments/hyperparameters/train": "hyperparameters",
    "replication/experiments/depth/{train,compaction}": "depth",
    "replication/experiments/baselines/{train,tuned,measures}": "baselines",
    "replication/experiments/cifar10/{train,run,backends,side_by_side}": "cifar10",
    "replication/experiments/cifar100/train": "cifar100.trials cifar100.fine_tuning",
    "replication/experiments/cifar100/fine_tuning": "cifar100.fine_tuning",
    "replication/experiments/cifar100/probes": "cifar100.probes",
    "replication/experiments/cifar100/features": "cifar100",
    "replication/data/{tabular,table_names}": "tabular choosing",
    "replication/experiments/choosing/train": "choosing",
    "replication/experiments/tabular/{train,searches,compaction}": "tabular.trials",
    "replication/experiments/tabular/description": "tabular.data",
    "replication/experiments/cells/{train,space,supernet}": "cells",
    "replication/baselines/{__init__,network,task}": "baselines cells tabular.trials",
    "replication/baselines/{gated,supernet}": " ".join(["cells", "baselines:gaea", *ON_DARTS]),
    "replication/baselines/darts": " ".join(ON_DARTS),
    "replication/baselines/gaea": "baselines:gaea cells",
    "replication/baselines/{candidates,random_search}": "baselines:random_search baselines:bayesian",
    "replication/baselines/magnitude_pruning": "baselines:magnitude_pruning tabular.trials",
    **{f"replication/baselines/{search}": f"baselines:{search}" for search in ALONE},
}


ROWS = " ".join(STALE.values())


def spelled_out(patterns):
    """The names that words with braces stand for."""
    names = patterns.split()
    while braces := next((re.search(r"\{([^{}]*)\}", name) for name in names if "{" in name), None):
        names = [each for name in names for each in _unfolded(name, braces)]
    return names


def _unfolded(name, braces):
    return [name.replace(braces[0], part) for part in braces[1].split(",")] if braces[0] in name else [name]


def meant_by(row):
    """The jobs that a row of the table names; words that begin with - name those that are left out."""

    def named(words):
        parts = [{*re.split(r"[.:]", word)} for word in words]
        return {job for job in JOBS for word in parts if word <= {"all", *re.split(r"[.:]", job)}}

    left_out = [word for word in row.split() if word.startswith("-")]
    return named({*row.split()} - {*left_out}) - named(word.removeprefix("-") for word in left_out)


def jobs_of(settings):
    """(experiment, stage, job) of everything, by stage and, for a baseline, by its method's file."""
    found = {}
    for experiment in EXPERIMENTS.values():
        for stage in experiment.stages:
            for job in stage.jobs(settings):
                search = f":{job.settings['method']['search']}" if experiment.name == "baselines" else ""
                found.setdefault(f"{experiment.name}.{stage.name}{search}", []).append((experiment, stage, job))
    return found


RUN = resolve_settings(BASE, {"scale": "overnight"})
JOBS = {  # one of each kind of data is enough: the others have the same sources
    name: [*{job.data and job.data.modules: (experiment, stage, job) for experiment, stage, job in jobs}.values()]
    for name, jobs in jobs_of(RUN).items()
}


def now():
    """The fingerprints of all those jobs."""
    fingerprints.numerics.cache_clear()
    return {name: [fingerprints.fingerprint(*job, RUN.root_seed) for job in jobs] for name, jobs in JOBS.items()}


@pytest.fixture
def stale(monkeypatch):
    """Edits the text of one file, as far as fingerprints see; gives the jobs that go stale."""
    monkeypatch.chdir(ROOT)
    read, kept, before = fingerprints.source, fingerprints.digest, now()

    def after(file, edit):
        monkeypatch.setattr(fingerprints, "source", lambda path: edit(read(path)) if path == file else read(path))
        monkeypatch.setattr(fingerprints, "digest", lambda path: kept.__wrapped__(path) if path == file else kept(path))
        return {name for name, made in now().items() if made != before[name]}

    yield after
    fingerprints.numerics.cache_clear()


def expected(file):
    """The jobs that the table says go stale with a file."""
    name = file.removeprefix("src/").removesuffix(".py")
    rows = [row for patterns, row in STALE.items() if name in spelled_out(patterns)]
    assert len(rows) <= 1, f"{file} is in more than one row"
    return meant_by(rows[0]) if rows else set()


def test_a_statement_makes_those_stale_that_the_table_names(stale):
    found = {file: stale(file, lambda text: f"{text}\nadded = 1\n") for file in FILES}
    assert {file: sorted(who ^ expected(file)) for file, who in found.items() if who != expected(file)} == {}


def test_every_experiment_has_a_row():
    """An experiment that trains nothing that the table names would be seen by no test here."""
    assert [name for name in EXPERIMENTS if not re.search(rf"\b{name}\b", ROWS)] == []


def test_every_row_of_the_table_is_of_a_file():
    assert {f"src/{name}.py" for patterns in STALE for name in spelled_out(patterns)} <= {*FILES}


CONSTANT = re.compile(r"^([A-Z][A-Z_]* = -?)(\d)", flags=re.MULTILINE)


def test_a_changed_constant_makes_the_same_ones_stale(stale):
    files = [file for file in FILES if CONSTANT.search((ROOT / file).read_text()) and expected(file)]
    assert len(files) > 10
    for file in files:
        assert stale(file, lambda text: CONSTANT.sub(r"\g<1>9\2", text, count=1)) == expected(file), file


def test_comments_docstrings_and_empty_lines_make_nobody_stale(stale):
    def edited(text):
        tree = ast.parse(text)
        lines = text.splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                at = node.body[0].lineno - 1
                lines[at] = lines[at].replace('"""', '"""Another text. ', 1)
        return "\n".join(["# a comment", "", *lines, "", "# another", ""])

    assert {file: who for file in FILES if (who := stale(file, edited))} == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"regression": {"trials": 7, "chunk": 3}},
        {"teacher_student": {"chunk": 1, "ensembles": {"l2": {"trials": 11}}}},
        {"depth": {"chunk": 1, "teacher": {"trials": 3}}},
        {"baselines": {"chunk": 1, "teacher": {"trials": 2}, "alpha_beta": {"trials": 2}}},
        {"cifar10": {"trials": 9, "chunk": 2, "checkpoint_every": 7}},
        {"cifar100": {"trials": 9, "checkpoint_every": 7, "probes": {"chunk": 1, "trials": 3}}},
        {"cells": {"trials": 2}},
        {"tabular": {"trials": 2, "chunk": 1}},
        {"device": "cuda"},
    ],
    ids=str,
)
def test_counts_chunks_and_the_device_change_no_fingerprint(changes):
    sets = [
        {name: {fingerprints.fingerprint(*job, run.root_seed) for job in jobs} for name, jobs in jobs_of(run).items()}
        for run in (RUN, resolve_settings(BASE, params.merge({"scale": "overnight"}, changes)))
    ]
    assert sets[0] == sets[1]


def of_stage(settings, name, of_kind="trials"):
    experiment = EXPERIMENTS[name]
    stage = experiment.stage(of_kind)
    jobs = [(job, fingerprints.fingerprint(experiment, stage, job, settings.root_seed)) for job in stage.jobs(settings)]
    return {(*job.keys.values(), job.seeds): made for job, made in jobs}


def test_neither_the_scale_nor_other_ensembles_are_part_of_it():
    laptop, paper = (resolve_settings(BASE, {"scale": scale}) for scale in ("laptop", "paper"))
    assert of_stage(laptop, "regression") == of_stage(paper, "regression")
    teachers = [of_stage(run, "teacher_student") for run in (laptop, paper)]
    assert teachers[0].items() <= teachers[1].items() and len(teachers[0]) < len(teachers[1])
    few = resolve_settings(BASE, {"scale": "overnight", "baselines": {"methods": ["gaea"]}})
    assert of_stage(few, "baselines").items() < of_stage(RUN, "baselines").items()


def test_settings_seeds_and_what_the_data_are_drawn_from_are_part_of_it():
    for changes in (
        {"root_seed": 1},
        {"regression": {"active_threshold": 0.02}},
        {"regression": {"data_seed": 1}},
        {"regression": {"training": {"rho": 0.1}}},
    ):
        other = resolve_settings(BASE, params.merge({"scale": "overnight"}, changes))
        pairs = [of_stage(run, "regression") for run in (RUN, other)]
        assert pairs[0].keys() == pairs[1].keys() and not {*pairs[0].values()} & {*pairs[1].values()}, changes


@pytest.mark.parametrize("version", PYTHONS)
def test_the_statements_of_a_file_are_the_same_in_every_python(version):
    python = interpreter(version)
    functions = "\n".join(map(inspect.getsource, (fingerprints.code, fingerprints._docstring)))
    script = (
        f"import ast, json, sys, tokenize\nfrom io import StringIO\nfrom pathlib import Path\n{functions}\n"
        "json.dump([code(Path(file).read_text(encoding='utf-8')) for file in sys.argv[1:]], sys.stdout)"
    )
    done = subprocess.run([python, "-c", script, *FILES], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [fingerprints.code((ROOT / file).read_text(encoding="utf-8")) for file in FILES]


def test_an_ensemble_is_of_one_fingerprint():
    """Else it could not be published. A job of several ensembles has them in its rows alone."""
    for jobs in jobs_of(RUN).values():
        found = {}
        for experiment, stage, job in jobs:
            if stage.ensemble:
                of = tuple(job.keys.get(column) for column in stage.ensemble)
                found.setdefault(of, set()).add(fingerprints.fingerprint(experiment, stage, job, RUN.root_seed))
        assert all(len(several) == 1 for several in found.values()), (experiment.name, stage.name, found)
