"""Every table of a run, changed in every way: judged and reported all the same, or refused in a sentence.

By default each table meets one of the changes; with ``--moments 20`` it meets all of them. What held stands on the
reliability page, experiment by change, as "change | experiment".
"""

from collections import Counter

import pandas as pd
import pytest

import changed_tables as thin
import whole_run as makes
from mutations import MUTATIONS, TWICE, most_diverged
from notebooks import ROOT, assert_readable
from replication.account.commands import tables_of
from replication.experiments import EXPERIMENTS
from replication.judging.verdicts import judge
from replication.records.io import ArtifactError, read_measures, write_table

SUBJECT = "Tables changed one by one: judged and reported, or refused in a sentence"
EVERY = 20  # moments from which every table is tried


@pytest.fixture(scope="module")
def run(tables, whole_run, tmp_path_factory):
    """The folder of a whole run of three trials, judged."""
    folder = thin.write(tmp_path_factory.mktemp("run"), tables, of=whole_run)
    makes.verb("record-settings", "--params-file", ROOT / "params.yaml", "--overrides", '{"scale": "overnight"}',
               "--output", folder / "settings.json")  # fmt: skip
    makes.judge(folder)
    return folder


@pytest.fixture
def changed(run, tables):
    """Writes a change of one table; afterwards the table is as before."""
    written = []

    def write(name, table):
        written.append(name)
        write_table(run / f"{name}.parquet", table)

    yield write
    for name in written:
        write_table(run / f"{name}.parquet", tables[name])


def cases(tables, every):
    """(table, change, changed table): each table meets every change that has something to change there, or one.

    That one is of those that the fewest tables before have met.
    """
    met = Counter()
    for name, table in tables.items():
        experiment, kind = name.split("/")
        changed = {
            mutation: change(table, EXPERIMENTS[experiment].tables[kind]) for mutation, change in MUTATIONS.items()
        }
        possible = [(name, mutation, after) for mutation, after in changed.items() if after is not None]
        chosen = possible if every else [min(possible, key=lambda case: met[case[1]])]
        met.update(mutation for _, mutation, _ in chosen)
        yield from chosen


def judged(folder, experiment):
    """Judge one experiment's claims anew, if it has any, and gather them with the others'."""
    with_claims = [name for name, each in EXPERIMENTS.items() if each.claims]
    if experiment in with_claims:
        about = ("--settings", folder / "settings.json", "--provenance", folder / experiment / "provenance.json")
        read = sorted((folder / experiment).glob("*.parquet"))
        makes.verb("judge-claims", experiment, *read, *about, "--output", folder / experiment / "claims.csv")
    makes.verb("gather-claims", *(folder / name / "claims.csv" for name in with_claims),
               "--output", folder / "claims.csv")  # fmt: skip


@pytest.mark.reliability
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_table_can_be_changed(experiment, run, tables, changed, said, pytestconfig, evidence):
    every = pytestconfig.getoption("--moments") >= EVERY
    for name, mutation, after in cases(tables, every):
        if not name.startswith(f"{experiment}/"):
            continue
        changed(name, after)
        if mutation == TWICE:
            refused(run, name)
        else:
            judged(run, experiment)
            assert_readable(said(EXPERIMENTS[experiment].notebook, run))
        changed(name, tables[name])
        evidence(SUBJECT, f"{mutation} | {experiment}")
    judged(run, experiment)


def refused(folder, name):
    """Assert that a table in which a trial stands twice is refused in a sentence, by judge and notebook alike."""
    experiment = name.split("/")[0]
    notebook = ROOT / f"notebooks/{EXPERIMENTS[experiment].notebook}.ipynb"
    where = [part for key in ("tables", "claims", "figures", "published") for part in ("-p", key, folder)]
    commands = [("execute-notebook", notebook, folder / "executed.ipynb", folder / "page.html", *where)]
    about = ("--settings", folder / "settings.json", "--output", folder / "refused.csv")
    if EXPERIMENTS[experiment].claims:
        commands.append(("judge-claims", experiment, *tables_of(notebook.stem, [folder]), *about))
    for command in commands:
        with pytest.raises(ArtifactError, match=rf"^\S*{name}\.parquet: .* stands there twice: allowed is once$"):
            makes.verb(*command)
    assert not [*folder.glob("refused.csv"), *folder.glob("executed.ipynb"), *folder.glob("page.html")]


@pytest.mark.parametrize("experiment", [name for name, each in EXPERIMENTS.items() if each.claims and each.settings])
def test_a_claim_of_which_too_much_diverged_is_untested_and_says_so(experiment, tables, tmp_path):
    """Also where nothing else keeps it from being tested; D1 needs no training, and G1b's was not run."""
    of = EXPERIMENTS[experiment]
    lost = {}
    for name, table in thin.repeated(tables, 12).items():
        change = most_diverged if name.split("/")[1] in thin.TRIALS else lambda table, key: table
        write_table(
            tmp_path / f"{name}.parquet", change(table, EXPERIMENTS[name.split("/")[0]].tables[name.split("/")[1]])
        )
        lost[name] = read_measures(tmp_path / f"{name}.parquet")
    verdicts = judge(of.load(of.claims), lost, {}).set_index("id").drop(index=["D1", "G1b"], errors="ignore")
    parts = verdicts[verdicts["quantity"] != ""]
    assert set(verdicts["verdict"]) == {"untested"} and len(parts)
    assert parts["reason"].str.contains(r"\d+ of [\d,]+ diverged.*: more than 10 % of an ensemble").all()


def test_by_default_every_table_meets_a_change_and_every_change_a_table(tables):
    few = list(cases(tables, every=False))
    assert [name for name, *_ in few] == list(tables) and {mutation for _, mutation, _ in few} == set(MUTATIONS)


def test_counts_of_two_names_are_one_table():
    from replication.site.account import counted

    rows = [("a", "one", 2.0), ("b", "no row | depth", 3.0), ("b", "no row | cells", 1.0), ("b", "two | cells", 4.0)]
    table = pd.DataFrame(rows, columns=["subject", "quantity", "value"]).assign(marker="reliability")
    [(_, [one, two])] = counted(table)
    assert one == ("a", ["Number"], [("one", ["2"])])
    assert two == ("b", ["depth", "cells"], [("no row", ["3", "1"]), ("two", ["", "4"])])
