"""The readings of the paper under which its figures come out, beside the one by which they are judged."""

from collections.abc import Iterable, Mapping

import pandas as pd

from replication.experiments.cifar10 import findings as cifar10
from replication.experiments.cifar10.claims import CLAIMS
from replication.experiments.teacher_student.figures.pruning import PAPER_COUNT
from replication.experiments.teacher_student.kept import last_at_budget, r2_at_papers_count
from replication.experiments.teacher_student.layers import eigenvalues
from replication.judging.heads import OTHER_SIGN, SPARCS
from replication.judging.statistics import mean_interval
from replication.judging.verdicts import judge
from replication.report.intervals import MANY, finished
from replication.report.prose import by_verdict
from replication.report.stand_in import mark

Tables = Mapping[str, pd.DataFrame]

STUDENTS = {  # ensembles of experiment 2, the judged one first
    "l2": "Table 4: one strength of 0.003 for both layers",
    "graded": "0.003 on the first hidden layer, 0.001 on the second",
    "minus_one": "Table 4, started at λ_4 = −1",
    "l1": "L1 of Table 4's strength",
    "l1_weak": "L1 of strength 0.001",
    "authors_notebook": "the authors' notebook: one rotation, strength 0.001, 150 epochs",
    "orthonormal": "L1 of strength 0.0001, and φ kept orthonormal",
    "authors_last": "the authors' last notebook: 2,000 neurons a layer",
    "rows": "beyond the paper: a price on the weights that a neuron opens",
}
DEARER = "graded"  # λ_2 has a price of its own, a choice of ours
LAST = 3  # the layer that survives in Figure 9
HEADS = {  # of experiment 3, the judged one first
    "spectral": "equation (4.3), started at λ_3 = 1",
    "spectral_authors_sign": "equation (4.3), started at λ_3 = −1, as the authors' scripts",
    "hidden": "no SPARCS: a plain hidden layer of as many neurons",
}


def readings(tables: Tables) -> dict:
    """What the paper shows by each reading that was run, the judged one first.

    survivors: of experiment 2, which layer survives, and what deleting the other adds to the loss, in %; live, kept,
    last, fits: neurons that are left, by three counts, and R²; low, high: claim D3's region; heads: of experiment 3.
    """
    networks = {name: of_ensemble(tables, name) for name in ensembles(tables)}
    pruning, images = tables["teacher_student/pruning"], tables["cifar10/trials"]
    fits = {name: r2_at_papers_count(pruning[pruning["ensemble"] == name]) for name in networks if len(pruning)}
    low, high = PAPER_COUNT
    return {
        "survivors": [{"reading": STUDENTS[name], **_survivor(of)} for name, of in networks.items()],
        "live": _means({name: of["live_neurons"] for name, of in networks.items()}),
        "kept": _means({name: of["kept_eigenvalues"] for name, of in networks.items()}),
        "last": _means({name: authors_count(tables, name, of) for name, of in networks.items()}),
        "fits": _means(fits),
        "low": low,
        "high": high,
        "heads": [{"reading": HEADS[each["head"]], **each} for each in over_linear(images, HEADS)],
        "stamp": mark(images),
    }


def ensembles(tables: Tables) -> list[str]:
    """The readings of experiment 2 of which a network finished."""
    return [name for name in STUDENTS if len(of_ensemble(tables, name))]


def of_ensemble(tables: Tables, name: str) -> pd.DataFrame:
    """The finished networks of an ensemble of experiment 2."""
    trials = finished(tables["teacher_student/trials"])
    return trials[trials["ensemble"] == name] if len(trials) else trials


def authors_count(tables: Tables, name: str, trials: pd.DataFrame) -> pd.Series:
    """The λ₃ that each network of a reading keeps at the loss budget; none where its eigenvalues are not there."""
    values = tables["teacher_student/eigenvalues"]
    return last_at_budget(trials, values[values["ensemble"] == name]) if len(values) else pd.Series(dtype=float)


def over_linear(trials: pd.DataFrame, heads: Iterable[str]) -> list[dict]:
    """Points of test accuracy above the linear head, of those heads of experiment 3 that are there."""
    there = {head: trials[trials["head"] == head] for head in heads if head in set(trials.get("head", ()))}
    return [
        {"head": head, "gain": cifar10.gain(trials, head), "n": int(of_head["test_accuracy"].notna().sum())}
        for head, of_head in there.items()
    ]


def _survivor(trials: pd.DataFrame) -> dict:
    counts = trials["surviving_layer"].value_counts().drop(0, errors="ignore")
    added = trials.loc[trials["surviving_layer"] != 0, "other_layer_loss_increase"].median()
    layers = {eigenvalues(int(layer)): int(count) for layer, count in counts.items()}
    return {"layers": layers, "added": 100 * added, "n": len(trials)}


def _means(values: Mapping[str, pd.Series]) -> list[dict]:
    """The mean of each reading's networks with its interval, and how many lie in claim D3's region.

    span: the range of few values that differ, whose interval may leave what is possible; else None.
    """
    known = {name: each.dropna() for name, each in values.items()}
    return [
        {
            "reading": STUDENTS[name],
            "bounds": mean_interval(each.to_numpy()),
            "span": (each.min(), each.max()) if len(each) < MANY and each.nunique() > 1 else None,
            "inside": int(each.between(*PAPER_COUNT).sum()),
            "n": len(each),
        }
        for name, each in known.items()
        if len(each)
    ]


def reasons(tables: Tables, claims: pd.DataFrame) -> dict:
    """What three of the paper's figures hang on, and what comes out with it; claims: claims.csv."""
    return {"start": start(tables, claims), "price": price(tables), "axis": axis(tables)}


def price(tables: Tables) -> dict:
    """How often a dearer first hidden layer gives Figure 9 and Figure 10's count, and which others give 9."""
    trials = of_ensemble(tables, DEARER)
    others = {name: of_ensemble(tables, name) for name in ensembles(tables) if name != DEARER}
    return {
        "networks": len(trials),
        "survives": _last_survives(trials),
        "few": int(trials["live_neurons"].between(*PAPER_COUNT).sum()) if len(trials) else 0,
        "others": [
            {"reading": STUDENTS[name], "count": count, "n": len(of)}
            for name, of in others.items()
            if (count := _last_survives(of))
        ],
        "equal": equal_prices(tables["teacher_student/map"]),
    }


def equal_prices(of_map: pd.DataFrame) -> list[dict]:
    """The equal strengths with which Figure 9 comes out at full size, with the ranges of R² and live neurons there."""
    rows = finished(of_map)
    rows = rows[(rows["size"] == "full") & (rows["rho_2"] == rows["rho_3"])] if len(rows) else rows
    found = []
    for rho, networks in rows.groupby("rho_2") if len(rows) else ():
        last = networks[networks["surviving_layer"] == LAST]
        spans = {name: (last[name].min(), last[name].max()) for name in ("test_r2", "live_neurons")}
        found += [{"rho": rho, "count": len(last), "n": len(networks), **spans}] * bool(len(last))
    return found


def _last_survives(trials: pd.DataFrame) -> int:
    return int((trials["surviving_layer"] == LAST).sum()) if len(trials) else 0


def axis(tables: Tables) -> dict:
    """What the authors' axis counts at the loss budget, with Table 4's settings and with their notebook's.

    inside: whether any of it lies in claim D3's region.
    """
    named = [name for name in ensembles(tables) if name in ("l2", "authors_notebook")]
    counts = {name: authors_count(tables, name, of_ensemble(tables, name)) for name in named}
    return {
        "counts": {name: {"span": (of.min(), of.max()), "n": len(of)} for name, of in counts.items() if len(of)},
        "inside": any(of.between(*PAPER_COUNT).any() for of in counts.values()),
    }


def start(tables: Tables, claims: pd.DataFrame) -> dict:
    """The verdicts on experiment 3 by the authors' start, its worth in points, and what a control gains.

    claims: claims.csv; nothing is judged where claim E1 is untested.
    """
    trials = tables["cifar10/trials"]
    tested = claims.loc[claims["id"] == "E1", "verdict"].ne("untested").any()
    if trials.empty or not tested or not (trials["head"] == OTHER_SIGN).any():
        return {"judged": {}}
    verdicts = judge([claim for claim in CLAIMS if claim.id in ("E1", "E3", "E4")], _by_other_start(tables), {})
    return {
        "judged": by_verdict(verdicts[verdicts["quantity"] != ""]),
        "worth": cifar10.gain(trials, OTHER_SIGN, over=SPARCS),
        "control": cifar10.control(trials),
    }


def _by_other_start(tables: Tables) -> dict[str, pd.DataFrame]:
    """The tables of experiment 3 in which SPARCS is that of the authors' start."""
    named = {name: tables[f"cifar10/{name}"] for name in ("trials", "epochs", "eigenvalues")}
    return {
        f"cifar10/{name}": rows[rows["head"] != SPARCS].replace({"head": {OTHER_SIGN: SPARCS}})
        for name, rows in named.items()
    }
