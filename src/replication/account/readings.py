"""The readings of the paper under which its figures come out, beside the one by which they are judged."""

from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from replication.account.image_prose import gain
from replication.experiments.cifar10 import findings as cifar10
from replication.experiments.cifar10.claims import CLAIMS
from replication.experiments.teacher_student.figures.pruning import PAPER_COUNT
from replication.experiments.teacher_student.kept import last_at_budget, r2_at_papers_count
from replication.experiments.teacher_student.layers import eigenvalues
from replication.judging.heads import OTHER_SIGN, SPARCS
from replication.judging.statistics import mean_interval
from replication.judging.verdicts import judge
from replication.report.intervals import MANY, finished
from replication.report.stand_in import mark
from replication.report.tables import markdown
from replication.report.template import line, sections
from replication.report.text import counted, interval, listing, number

_CIFAR10 = sections("replication.experiments.cifar10")
Tables = Mapping[str, pd.DataFrame]

COLUMNS = ["the paper shows", "reading", "measured [95 % interval] (range)", "n"]
STUDENTS = {  # ensembles of experiment 2, the judged one first
    "l2": "Table 4: one strength of 0.003 for both layers",
    "graded": "0.003 on the first hidden layer, 0.001 on the second",
    "minus_one": "Table 4, started at λ_4 = −1",
    "l1_weak": "L1 of strength 0.001",
    "authors_notebook": "the authors' notebook: one rotation, strength 0.001, 150 epochs",
    "orthonormal": "L1 of strength 0.0001, and φ kept orthonormal",
    "authors_last": "the authors' last notebook: 2,000 neurons a layer",
}
OURS = "graded"  # the one that is nobody's but ours
LAST = 3  # the layer that survives in Figure 9
HEADS = {  # of experiment 3, the judged one first
    "spectral": "equation (4.3), started at λ_3 = 1",
    "spectral_authors_sign": "equation (4.3), started at λ_3 = −1, as the authors' scripts",
    "hidden": "no SPARCS: a plain hidden layer of as many neurons",
}


def readings(tables: Tables) -> str:
    """What the paper shows by each reading that was run, the judged one first."""
    rows = [*_students(tables), *_heads(tables["cifar10/trials"])]
    return markdown(pd.DataFrame(rows, columns=COLUMNS)) if rows else "No reading was run."


def _students(tables: Tables) -> Iterator[tuple]:
    """Experiment 2: which layer survives and what deleting the other costs, the neurons that are left, and the fit."""
    for what, measure in (
        ("Figure 9: λ₃ alone survives. Loss added by deleting the other layer, %", _survivor),
        ("Figure 10: about 30 neurons are left. Live neurons", _counts(_column("live_neurons"))),
        ("the same, counted by eigenvalues that are kept", _counts(_column("kept_eigenvalues"))),
        ("the same, counted by λ₃ that are kept, the authors' axis", _counts(authors_count)),
        ("Section 5: R² is about 0.98. R² at 30 kept eigenvalues", _fit),
    ):
        for name in ensembles(tables):
            measured, n = measure(tables, name)
            if n:
                yield what, STUDENTS[name], measured, n


def ensembles(tables: Tables) -> list[str]:
    """The readings of experiment 2 of which a network finished."""
    trials = finished(tables["teacher_student/trials"])
    return [name for name in STUDENTS if len(trials) and name in set(trials["ensemble"])]


def of_ensemble(tables: Tables, name: str) -> pd.DataFrame:
    """The finished networks of one reading."""
    trials = finished(tables["teacher_student/trials"])
    return trials[trials["ensemble"] == name]


def authors_count(tables: Tables, name: str, trials: pd.DataFrame) -> pd.Series:
    """The λ₃ that each network of a reading keeps at the loss budget; none where its eigenvalues are not there."""
    values = tables["teacher_student/eigenvalues"]
    return last_at_budget(trials, values[values["ensemble"] == name]) if len(values) else pd.Series(dtype=float)


def _survivor(tables: Tables, name: str) -> tuple[str, int]:
    trials = of_ensemble(tables, name)
    counts = trials["surviving_layer"].value_counts().drop(0, errors="ignore")
    if counts.empty:
        return "neither layer survives", len(trials)
    survives = listing([f"{eigenvalues(int(layer))} in {count} of {len(trials)}" for layer, count in counts.items()])
    added = 100 * trials.loc[trials["surviving_layer"] != 0, "other_layer_loss_increase"].median()
    return f"{survives}; median {number(added)}", len(trials)


def _column(name: str) -> Callable:
    return lambda tables, ensemble, trials: trials[name]


def _counts(values: Callable) -> Callable[[Tables, str], tuple[str, int]]:
    """The measure of a count of neurons: its mean, and how many networks lie in claim D3's region."""

    def measure(tables: Tables, name: str) -> tuple[str, int]:
        counts = values(tables, name, of_ensemble(tables, name)).dropna()
        low, high = PAPER_COUNT
        inside = f"{counts.between(low, high).sum()} of {len(counts)} in {low} to {high}"
        return f"{_mean(counts)}; {inside}", len(counts)

    return measure


def _fit(tables: Tables, name: str) -> tuple[str, int]:
    pruning = tables["teacher_student/pruning"]
    fits = r2_at_papers_count(pruning[pruning["ensemble"] == name]) if len(pruning) else pd.Series(dtype=float)
    return _mean(fits), len(fits)


def _mean(values: pd.Series) -> str:
    """The mean with its interval; with the range of few values, whose interval may leave what is possible."""
    mean, *bounds = mean_interval(values.to_numpy())
    if len(values) >= MANY:
        return interval(mean, *bounds)
    same = values.nunique() < 2
    return number(mean) if same else f"{number(mean)} ({number(values.min())} to {number(values.max())})"


def _heads(trials: pd.DataFrame) -> Iterator[tuple]:
    """Experiment 3: points of test accuracy above the linear head."""
    for head in [head for head in HEADS if head in set(trials.get("head", ()))]:
        what = f"Table 1: 5.7 points above the linear head on CIFAR-10{mark(trials)}"
        n = int(trials.loc[trials["head"] == head, "test_accuracy"].notna().sum())
        yield what, HEADS[head], gain(trials, head), n


def reasons(tables: Tables, claims: pd.DataFrame) -> str:
    """What three of the paper's figures hang on, and what comes out with it; claims: claims.csv."""
    return "\n".join(
        [
            "- **The start of Table 1.** Their image scripts give $W_{31}$ the opposite sign. That is (4.3) at "
            "$(-\\varphi, -\\lambda)$, so it starts at $\\lambda_\\ell = -1$. " + start_findings(tables, claims),
            "- **The price of a layer in Figures 9 and 10.** $\\lambda_2 \\neq 0$ opens both hidden layers, for only "
            "differences of eigenvalues act. $\\lambda_3 \\neq 0$ opens the second alone. At one price for both, "
            "$\\lambda_2$ is the bargain. Their loss has a factor for a dearer $\\lambda_2$. It is 0 in every version "
            "that they stored. " + price_findings(tables),
            "- **The axis of Figure 10.** Their pruning curve counts the $\\lambda_3$ above a threshold. The "
            "$\\lambda_2$ above it stay, uncounted. " + axis_findings(tables),
        ]
    )


def price_findings(tables: Tables) -> str:
    """Where a dearer first hidden layer gives Figures 9 and 10; whether another reading gives Figure 9."""
    there = ensembles(tables)
    if OURS not in there:
        return "A dearer first layer has not been run here."
    trials = of_ensemble(tables, OURS)
    n, survives = len(trials), int((trials["surviving_layer"] == LAST).sum())
    count = int(trials["live_neurons"].between(*PAPER_COUNT).sum())
    others = [name for name in there if name != OURS and (of_ensemble(tables, name)["surviving_layer"] == LAST).any()]
    alone = "" if others else " No other reading that was run gives Figure 9: it comes out only with a choice of ours."
    return (
        f"With $\\lambda_2$ three times as dear, Figure 9 comes out in {survives} of {counted(n, 'network')}, "
        f"Figure 10's count in {count}. The paper names no such price, and what it ran there is not known.{alone}"
    )


def axis_findings(tables: Tables) -> str:
    """What the authors' axis counts at the loss budget, with Table 4's settings and with their notebook's."""
    said, inside = [], 0
    for name, settings in (("l2", "Table 4's settings"), ("authors_notebook", "their notebook's settings")):
        counts = authors_count(tables, name, of_ensemble(tables, name)) if name in ensembles(tables) else []
        if len(counts):
            inside += counts.between(*PAPER_COUNT).sum()
            span = " to ".join(f"{value:g}" for value in sorted({counts.min(), counts.max()}))
            said.append(f"With {settings} it counts {span} (n = {len(counts)}).")
    if not said:
        return "What it counts in our networks is not known here."
    return " ".join(["The axis alone does not give 30." if not inside else "", *said]).strip()


def start_findings(tables: Tables, claims: pd.DataFrame) -> str:
    """The verdicts on experiment 3 by the authors' start, its worth in points, and whether a control shares it.

    claims: claims.csv; nothing is said where claim E1 is untested.
    """
    trials = tables["cifar10/trials"]
    tested = claims.loc[claims["id"] == "E1", "verdict"].ne("untested").any()
    if trials.empty or not tested or not (trials["head"] == OTHER_SIGN).any():
        return ""
    verdicts = judge([claim for claim in CLAIMS if claim.id in ("E1", "E3", "E4")], _by_other_start(tables), {})
    by_verdict = verdicts[verdicts["quantity"] != ""].groupby("verdict", sort=False)["id"].agg(list)
    said = [f"{listing(ids)} would be {verdict}" for verdict, ids in by_verdict.items()]
    worth = cifar10.gain(trials, OTHER_SIGN, over=SPARCS)
    points = f" {line(_CIFAR10.gained('it', **worth, over='that from $+1$'))}" * bool(worth["n"])
    control = (
        line(_CIFAR10.control(**cifar10.control(trials)))
        if (trials["head"] == "hidden").any()
        else "A plain hidden layer has not been run, so the gain is not shown to be SPARCS's."
    )
    return f"Judged by this start {'; '.join(said)}.{points} {control}"


def _by_other_start(tables: Tables) -> dict[str, pd.DataFrame]:
    """The tables of experiment 3 in which SPARCS is that of the authors' start."""
    named = {name: tables[f"cifar10/{name}"] for name in ("trials", "epochs", "eigenvalues")}
    return {
        f"cifar10/{name}": rows[rows["head"] != SPARCS].replace({"head": {OTHER_SIGN: SPARCS}})
        for name, rows in named.items()
    }
