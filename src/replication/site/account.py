"""The paper's five tables, its misprints, the results' origins, and the counts of the tests of reliability."""

from dataclasses import dataclass

import pandas as pd

from replication.experiments import EXPERIMENTS
from replication.experiments.cifar10.tables import cost_table, table_of
from replication.report.pages import to_html
from replication.report.tables import finished_trials, hyperparameter_table
from replication.report.text import number
from replication.site.run import Run

TITLES = {
    1: "Table 1: memory, time and accuracy on CIFAR-10",
    2: "Table 2: memory, time and accuracy on CIFAR-100",
    3: "Table 3: settings of the α/β regression",
    4: "Table 4: settings of the teacher and its student",
    5: "Table 5: settings of the image experiments",
}


@dataclass(frozen=True)
class Table:
    """One of the paper's tables as HTML; empty if the run has nothing for it."""

    number: int
    title: str
    html: str


def paper_tables(run: Run) -> list[Table]:
    """Tables 1 to 5, the paper's values beside this run's."""
    return [Table(index, title, to_html(_markdown(index, run))) for index, title in TITLES.items()]


def misprints(run: Run) -> list[dict]:
    """The paper's mistakes and gaps, as rows."""
    table = run.table("theory/misprints")
    return [] if table is None else table.to_dict("records")


def data_sources(claims: pd.DataFrame) -> list[str]:
    """The data that the claims were judged on, each once."""
    return list(dict.fromkeys(text for text in claims["data"] if text))


def experiments(provenance: dict) -> list[dict]:
    """The origin of each experiment's trials, in the registry's order: its record and its title."""
    records = provenance["experiments"]
    return [records[name] | {"name": each.title} for name, each in EXPERIMENTS.items() if name in records]


Subject = tuple[str, list[str], list[tuple[str, list[str]]]]  # its name, columns, and rows with their values as text


def counted(reliability: pd.DataFrame) -> list[tuple[pd.Series, list[Subject]]]:
    """What the tests of each marker counted: a row with marker, machine, commit and date, and the subjects.

    A quantity "row | column" stands in a column of its own, others in "Number".
    """
    return [(rows.iloc[0], _subjects(rows)) for _, rows in reliability.groupby("marker", sort=False)]


def _subjects(counts: pd.DataFrame) -> list[Subject]:
    return [(subject, *_crossed(rows)) for subject, rows in counts.groupby("subject", sort=True)]


def _crossed(rows: pd.DataFrame) -> tuple[list[str], list[tuple[str, list[str]]]]:
    values: dict[str, dict[str, str]] = {}
    for row in rows.itertuples():
        name, _, column = row.quantity.partition(" | ")
        values.setdefault(name, {})[column or "Number"] = _count(row.value)
    columns = list(dict.fromkeys(column for of_row in values.values() for column in of_row))
    return columns, [(name, [of_row.get(column, "") for column in columns]) for name, of_row in values.items()]


def _count(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else number(value)


def _markdown(table: int, run: Run) -> str:
    timed = {table_of(each): name for name, each in EXPERIMENTS.items()}
    if table not in timed:
        finished = finished_trials(
            {name: run.table(f"{name}/trials") for name in EXPERIMENTS if name in run.settings["run"]}
        )
        return hyperparameter_table(run.settings, table, finished)
    trials, costs = (run.table(f"{timed[table]}/{name}") for name in ("trials", "costs"))
    if trials is None or costs is None:
        return ""
    return cost_table(table, trials, costs)
