"""Shared parts of several tests: the counts of the tests of reliability, and one whole run of a tiny scale."""

import fcntl
import os
import sys
import time
from collections import Counter
from functools import wraps
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import is_hypothesis_test

import tiny
from markers import APART
from replication.records import provenance
from replication.records.io import read_csv, write_csv

os.environ.setdefault("OMP_NUM_THREADS", "1")  # where all cores are busy, PyTorch's threads wait for each other
ROOT = tiny.ROOT
PROPERTIES = "Properties of algebra, networks and data, on random examples"
SELECTED = pytest.StashKey[set]()  # tests
RAN = pytest.StashKey[set]()  # of these
COUNTED = pytest.StashKey[Counter]()
STARTED = pytest.StashKey[float]()


def pytest_addoption(parser):
    group = parser.getgroup("reliability")
    group.addoption("--moments", type=int, default=1, help="number of moments at which runs are killed")
    group.addoption("--evidence", type=Path, help="CSV file for what the tests of one marker counted, if all pass")


def pytest_configure(config):
    if config.getoption("--evidence") and config.getoption("markexpr") not in APART:
        raise pytest.UsageError(f"--evidence: it needs -m with one of {', '.join(APART)}")
    part = [] if config.args == config.getini("testpaths") else config.args
    if config.getoption("--evidence") and (part or config.getoption("keyword")):
        raise pytest.UsageError(f"--evidence: it needs all tests, not {' '.join(part) or '-k'} alone")
    config.stash[COUNTED] = Counter()
    config.stash[SELECTED], config.stash[RAN] = set(), set()
    config.stash[STARTED] = time.monotonic()


def pytest_collection_modifyitems(items):
    """Put files that run the workflow first, so that none of several processes is left with a long one."""
    long = {item.path for item in items if item.get_closest_marker("pipeline")}
    items.sort(key=lambda item: item.path not in long)


def pytest_itemcollected(item):
    """Every property test counts its examples, unless it counts them itself."""
    if is_hypothesis_test(item.obj) and "evidence" not in item.fixturenames:
        item.add_marker(pytest.mark.reliability)
        property_of = item.obj.hypothesis
        counted, name = item.config.stash[COUNTED], item.originalname.removeprefix("test_").replace("_", " ")
        if not hasattr(property_of.inner_test, "counted"):  # the items of one parametrized test share it
            property_of.inner_test = counting(property_of.inner_test, counted, (PROPERTIES, name))


def pytest_collection_finish(session):
    session.config.stash[SELECTED] |= {item.nodeid for item in session.items}


def counting(test, counted, name):
    """The test of one example, which counts those that held."""

    @wraps(test)
    def run(*arguments, **named):
        test(*arguments, **named)
        counted[name] += 1

    run.counted = True
    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    counted = item.config.stash[COUNTED]
    if report.skipped:
        name = item.originalname.removeprefix("test_").replace("_", " ")
        counted["Not tried on this machine", name] += 1
    if report.passed and report.when == "call":
        counted["Tests", "passed"] += 1
    if report.when == "call" or report.skipped:
        item.config.stash[RAN].add(item.nodeid)
    return report


def pytest_sessionfinish(session, exitstatus):
    """Keep the counts of a marker if each of its tests was run, and none failed; those of other markers stay.

    One of several processes hands its own to the first.
    """
    config = session.config
    if hasattr(config, "workeroutput"):
        counts = [(*name, float(value)) for name, value in config.stash[COUNTED].items()]
        tests = {name: sorted(config.stash[key]) for name, key in (("selected", SELECTED), ("ran", RAN))}
        config.workeroutput["evidence"] = {"counts": counts, **tests}
        return
    path, counted = config.getoption("--evidence"), config.stash[COUNTED]
    if path and exitstatus == pytest.ExitCode.OK and config.stash[RAN] == config.stash[SELECTED]:
        counted["Tests", "minutes"] = round((time.monotonic() - config.stash[STARTED]) / 60, 1)
        marker = config.getoption("markexpr")
        rows = pd.DataFrame(
            [(*name, value) for name, value in counted.items()], columns=["subject", "quantity", "value"]
        )
        where = {"machine": provenance.machine(), "commit": provenance.commit(), "date": provenance.now()}
        before = read_csv(path, ["marker"]) if path.exists() else pd.DataFrame(columns=["marker"])
        rows = rows.assign(**where)
        rows.insert(0, "marker", marker)
        write_csv(path, pd.concat([before[before["marker"] != marker], rows], ignore_index=True))
    elif path:
        print(f"\n{path} is not written: not every test of the marker was run, or one failed")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Take over what one of several processes has counted; one that crashed has run nothing."""
    of_process = getattr(node, "workeroutput", {}).get("evidence")
    if of_process:
        stash = node.config.stash
        for subject, quantity, value in of_process["counts"]:
            stash[COUNTED][subject, quantity] += value
        stash[SELECTED] |= {*of_process["selected"]}
        stash[RAN] |= {*of_process["ran"]}


@pytest.fixture(scope="session")
def evidence(pytestconfig):
    """Adds to what was counted of a subject, once it has held: evidence(subject, quantity, value)."""
    counted = pytestconfig.stash[COUNTED]

    def add(subject, quantity, value=1):
        counted[subject, quantity] += value

    return add


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    """The tables of one small run of everything: no test changes them. One of several processes makes it."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "whole_run"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "smoke/claims.csv").exists():
            tiny.run(folder, sys.executable, ROOT / "tests/whole_run.py", folder, PYTHONPATH=str(ROOT / "src"))
    return folder / "smoke"


@pytest.fixture(scope="session")
def one_core(tmp_path_factory):
    """A clone in which a run with one core and other chunks goes on beside the other tests; a function waits for it.

    Trial 1 of one data set of experiment 1 is trained before trial 0; the second trials of experiment 2, of the depth
    experiment and of the baselines are added after the tables of the first ones were made.
    """
    folder = tiny.copy_of_checkout(tmp_path_factory.mktemp("one_core"))
    first = [
        *tiny.CHUNKS[:2],
        "teacher_student={chunk: 1, ensembles: {l2: {trials: 1}}}",
        "depth={chunk: 1, teacher: {trials: 1}}",
        "baselines={chunk: 1, alpha_beta: {trials: 1}}",
    ]
    first_trial = "results/smoke/regression/trials/beta5_alpha1/1-1_trials.parquet"
    targets = [first_trial, "tabulate_teacher_student", "tabulate_depth", "tabulate_baselines"]
    commands = [["snakemake", "--cores", "1", "--config", *first, "--", *targets],
                ["snakemake", "--cores", "1", "--config", *tiny.CHUNKS]]  # fmt: skip
    running = tiny.start(folder, commands)

    def finished():
        output, _ = running.communicate()
        assert running.returncode == 0, output[-5000:]
        return folder

    yield finished
    if running.poll() is None:
        running.terminate()
    if not running.stdout.closed:  # nobody has waited for it
        running.communicate()


@pytest.fixture(scope="session")
def built(tmp_path_factory, one_core):
    """A repository after `dvc repro`, its lock committed, its results pushed to a remote in a folder."""
    folder = tiny.copy_of_checkout(tmp_path_factory.mktemp("built"))
    tiny.run(folder, "dvc", "repro")
    tiny.run(folder, "dvc", "remote", "add", "--default", "store", tmp_path_factory.mktemp("store"))
    tiny.commit(folder, "built")
    tiny.run(folder, "dvc", "push")
    return folder
