"""Tables 1 and 2 and others of experiments 3 and 4, as Markdown: the paper's values beside what was measured."""

import re
from collections.abc import Mapping
from itertools import groupby

import numpy as np
import pandas as pd

from replication.experiment import Experiment
from replication.experiments.cifar10.claims import EARLY, differences, early_curves
from replication.judging.heads import OTHER_SIGN, finished
from replication.judging.statistics import mean_interval
from replication.report import intervals
from replication.report.intervals import FEWEST, count_range
from replication.report.prose import NOTHING
from replication.report.stand_in import backbone_note, backbone_of, title
from replication.report.tables import markdown
from replication.report.template import line, sections
from replication.report.text import interval, number, penalty_name

HEADS = {
    "linear": "linear",
    "spectral": "SPARCS",
    "spectral_authors_sign": "SPARCS with the authors' sign",
    "hidden": "plain hidden layer",
    "mlp": "MLP",
}
WITHOUT_EIGENVALUES = ("linear", "hidden", "mlp")
QUANTITIES = {
    "mean_allocated_mib": "memory allocated after a step, mean, MiB",
    "peak_allocated_mib": "memory, peak, MiB",
    "seconds": "training time, s",
    "milliseconds_per_step": "time of a step, ms",
    "test_accuracy": "test accuracy, %",
}
COSTS = [name for name in QUANTITIES if name != "test_accuracy"]
PAPERS_GPU = {1: "the paper's, NVIDIA RTX A5500", 2: "the paper's GPU"}  # Section 6 names it for experiment 3
TABLES = {  # the paper's: Table 1 (CIFAR-10), Table 2 (CIFAR-100); it writes MB, its code counts MiB
    1: {
        "mean_allocated_mib": {"linear": 17.9, "spectral": 21.2},
        "seconds": {"linear": 1357.0, "spectral": 1361.98},
        "test_accuracy": {"linear": 68.2, "spectral": 73.9},
    },
    2: {
        "mean_allocated_mib": {"linear": 408.4, "spectral": 518.5},
        "seconds": {"linear": 138.8, "spectral": 139.5},
        "test_accuracy": {"linear": 73.2, "spectral": 72.7},
    },
}
PAPERS_TRIALS = 100  # of each head, by Table 5
SIGNS = {  # Table 1, and the last epoch of the authors' stored log
    "test_accuracy": ("test accuracy", 73.9),
    "validation_accuracy_augmented": ("validation accuracy (augmented)", 70.6),
    "validation_accuracy_augmented_pruned": ("validation accuracy (augmented, λ₂ := 0)", 43.0),
}
STARTS = {"spectral": "λ_3 = 1", "spectral_authors_sign": "λ_3 = −1"}
_REPORT = sections(__package__)


def table_of(experiment: Experiment) -> int | None:
    """Which of the paper's tables of costs is of an experiment, by what this says of its place in the paper."""
    return next((table for table in TABLES if re.search(rf"Tables? [\d, and]*\b{table}\b", experiment.paper)), None)


def cost_table(paper_table: int, trials: pd.DataFrame, costs: pd.DataFrame) -> str:
    """Table 1 or 2: accuracy, memory and time of each head, and the ratio SPARCS / linear paired by seed.

    costs: of trainings on any devices, each in rows of its own; the accuracies are those of ``trials``.
    """
    measured = [(quantity, device, trained) for quantity in COSTS for device, trained in costs.groupby("device")]
    rows = [
        row
        for quantity, of_quantity in groupby([*measured, ("test_accuracy", "", trials)], key=lambda each: each[0])
        for row in (
            *_papers_rows(paper_table, quantity),
            *(
                _cost_row(quantity, device, trained, head)
                for _, device, trained in of_quantity
                for head in HEADS
                if (trained["head"] == head).any()
            ),
        )
    ]
    heading = _REPORT.costs(
        table=paper_table,
        devices=sorted(costs["device"].unique()),
        shared=bool(costs["seconds"].isna().any()),
        machines=_machines(costs),
        **_about(f"Table {paper_table}", trials),
    )
    return f"{line(heading)}\n\n{markdown(pd.DataFrame(rows))}"


def costs_on(costs: pd.DataFrame) -> str:
    """The machines on which times and memory were measured, by device; empty where the table names none."""
    return line(_REPORT.costs_on(_machines(costs)))


def compaction_table(trials: pd.DataFrame, settings: Mapping) -> str:
    """Recruited neurons, and the head before and after compaction, over the finished trials."""
    rows = [
        {
            "head": HEADS[head],
            "n": len(of_head),
            "hidden neurons": "–" if head == "linear" else settings["widths"][1],
            "recruited": _spread(of_head["recruited_neurons"].dropna()),
            "compact: hidden neurons": _spread(of_head["compact_neurons"].dropna()),
            "parameters": f"{of_head['parameters'].mean():,.0f}",
            "compact: parameters": _spread(of_head["compact_parameters"].dropna()),
            "test accuracy, %": _spread(of_head["test_accuracy"]),
            "compact: test accuracy, %": _spread(of_head["compact_test_accuracy"].dropna()),
        }
        for head, of_head in _by_head(trials.dropna(subset=["test_accuracy"]))
    ]
    heading = line(_REPORT.compacted(**_about("Heads", trials)))
    return f"{heading}\n\n{markdown(pd.DataFrame(rows))}" if rows else NOTHING


def signs_table(trials: pd.DataFrame, epochs: pd.DataFrame) -> str:
    """The paper's accuracies beside those with either sign of W_31."""
    values = sign_values(trials, epochs)
    rows = [
        {
            "after the last epoch, %": label,
            "the paper": paper,
            **{HEADS[head]: _spread(values[head, column]) for head in HEADS if (head, column) in values},
        }
        for column, (label, paper) in SIGNS.items()
    ]
    heading = line(_REPORT.either_sign(**_about("Sign", trials)))
    return f"{heading}\n\n{markdown(pd.DataFrame(rows).fillna(''))}"


def early_table(epochs: pd.DataFrame, trials: pd.DataFrame) -> str:
    """The paired differences of every two of Figure 16's curves at claim E3's early epoch, judged and beside."""
    rows = finished(epochs, trials)
    columns = {
        "augmented images, judged": early_curves(rows),
        "plain images": early_curves(rows, images=""),
        "augmented images, the authors' sign": early_curves(rows, OTHER_SIGN),
    }
    if columns["augmented images, judged"].empty:
        return ""
    found = {what: differences(curves) for what, curves in columns.items() if len(curves)}
    pairs = next(iter(found.values()))
    table = [{"points": pair} | {what: _interval(each[pair], 2) for what, each in found.items()} for pair in pairs]
    n = count_range(pd.Series([len(curves) for curves in columns.values() if len(curves)]))
    return f"{line(_REPORT.early(title(f'Epoch {EARLY}', trials), n))}\n\n{markdown(pd.DataFrame(table))}"


def priced_table(priced: pd.DataFrame) -> str:
    """Accuracy and size of both starts by kind and strength of the penalty: means over the finished trials."""
    if priced.empty:
        return "A price on weights has not been run here."
    rows = []
    for (head, kind, rho), each in intervals.finished(priced).groupby(["head", "penalty", "rho"], sort=False):
        rows.append(
            {
                "start": STARTS[head],
                "penalty": penalty_name(kind),
                "ρ": number(rho),
                "n": len(each),
                "test accuracy, %": interval(*mean_interval(each["test_accuracy"])),
                "compacted, %": number(each["compact_test_accuracy"].mean()),
                "hidden neurons left": number(each["compact_neurons"].mean()),
                "parameters of the head": number(each["compact_parameters"].mean()),
            }
        )
    return markdown(pd.DataFrame(rows)) if rows else NOTHING


def sign_values(trials: pd.DataFrame, epochs: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    """The values of the finished trials after the last epoch, by SPARCS head and column of SIGNS."""
    last = epochs[epochs["epoch"] == epochs["epoch"].max()]
    rows = trials.merge(last, on=["head", "trial"]).dropna(subset=["test_accuracy"])
    return {
        (head, column): of_head[column]
        for head, of_head in rows.groupby("head", sort=False)
        if head not in WITHOUT_EIGENVALUES
        for column in SIGNS
    }


def probes_table(probes: pd.DataFrame, trials: pd.DataFrame) -> str:
    """Accuracy, gain over the linear head, size and recruited neurons of the heads on fixed features."""
    rows = []
    for head, of_head in _by_head(probes.dropna(subset=["test_accuracy"])):
        gains = paired(probes, "test_accuracy", head)
        rows.append(
            {
                "head": HEADS[head],
                "n": len(of_head),
                "test accuracy, %": _spread(of_head["test_accuracy"]),
                "points above linear [95 %]": "–" if head == "linear" else _interval(gains[0] - gains[1], 2),
                "parameters": f"{of_head['parameters'].mean():,.0f}",
                "recruited": _one(of_head["recruited_neurons"].mean()),
            }
        )
    heading = _REPORT.probes(title("Probes", probes), backbone_note(probes.assign(**backbone_of(trials))))
    return f"{line(heading)}\n\n{markdown(pd.DataFrame(rows))}" if rows else NOTHING


def paired(rows: pd.DataFrame, column: str, head: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of a head and of the linear one, for the trials that have both."""
    columns = rows.pivot(index="trial", columns="head", values=column)
    both = columns.reindex(columns=["linear", head]).dropna().to_numpy(np.float64)
    return both[:, 1], both[:, 0]


def _papers_rows(paper_table: int, quantity: str) -> list[dict]:
    """The paper's numbers of a quantity, one row for each head."""
    values = TABLES[paper_table].get(quantity, {})
    return [
        {
            "quantity": QUANTITIES[quantity],
            "head": HEADS[head],
            "device": PAPERS_GPU[paper_table],
            "mean ± sd": value,
            "n": "",
            "95 % interval": "",
            "SPARCS / linear [95 %]": f"{value / values['linear']:.3f}" if head == "spectral" else "",
        }
        for head, value in values.items()
    ]


def _cost_row(quantity: str, device: str, rows: pd.DataFrame, head: str) -> dict:
    values = rows.loc[rows["head"] == head, quantity].dropna()
    of_head, linear = paired(rows, quantity, head)
    ratios = of_head[linear != 0] / linear[linear != 0]  # none to an accuracy of 0
    mean, low, high = mean_interval(values.to_numpy())
    place = _place(mean) if len(values) else 0
    return {
        "quantity": QUANTITIES[quantity],
        "head": HEADS[head],
        "device": device,
        "mean ± sd": _spread(values),
        "n": len(values),
        "95 % interval": f"{low:,.{place}f} to {high:,.{place}f}" if len(values) >= FEWEST else "",
        "SPARCS / linear [95 %]": "" if head in WITHOUT_EIGENVALUES else _interval(ratios, 3),
    }


def _by_head(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(head, rows[rows["head"] == head]) for head in HEADS if (rows["head"] == head).any()]


def _about(name: str, trials: pd.DataFrame) -> dict:
    """What a table's heading says of its trials."""
    return {
        "title": title(name, trials),
        "each": count_range(trials.groupby("head")["trial"].count()),
        "papers": PAPERS_TRIALS,
        "backbone": backbone_note(trials) if "backbone" in trials else "",
    }


def _machines(costs: pd.DataFrame) -> dict[str, list[str]]:
    """The machines of each device; none where the table does not name them."""
    by_device = costs.groupby("device") if "machine" in costs else ()
    return {device: sorted(of_device["machine"].dropna().unique()) for device, of_device in by_device}


def _spread(values: pd.Series) -> str:
    """Mean ± standard deviation of those that there are, both to the place of the mean's fourth digit."""
    values = values.dropna()
    if len(values) == 0:
        return "–"
    place = _place(values.mean())
    return f"{values.mean():,.{place}f}" + (f" ± {values.std():,.{place}f}" if len(values) > 1 else "")


def _interval(values: np.ndarray, place: int) -> str:
    if len(values) == 0:
        return "–"
    mean, low, high = mean_interval(values)
    bounds = f" [{low:.{place}f}, {high:.{place}f}]" if len(values) >= FEWEST else ""
    return f"{mean:.{place}f}{bounds}".replace("-", "−")


def _place(value: float) -> int:
    return max(0, 3 - int(np.floor(np.log10(abs(value))))) if value else 2


def _one(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.1f}"
