"""What replicates, what depends on choices that the paper leaves open, and what became of its other statements."""

from collections.abc import Mapping

import pandas as pd

from replication.account.penalty_share import penalty_shares
from replication.account.readings import of_ensemble, over_linear
from replication.account.scorecard import decisive
from replication.data.description import GENERATED
from replication.experiments import EXPERIMENTS
from replication.experiments.cifar10 import findings as cifar10
from replication.experiments.cifar10.tables import HEADS, WITHOUT_EIGENVALUES
from replication.experiments.depth import findings as depth
from replication.experiments.teacher_student.layers import PAPERS, hidden
from replication.experiments.teacher_student.tables import mean_or_groups
from replication.judging.heads import HIDDEN, LAST, SPARCS
from replication.report.intervals import FEWEST, count_range, finished
from replication.report.stand_in import mark
from replication.report.tables import markdown

Tables = Mapping[str, pd.DataFrame]


def with_verdict(claims: pd.DataFrame, verdict: str) -> str:
    """The claims of one verdict as a table: what was measured where it was decided, and the remark."""
    rows = [
        {
            "": f"**{claim.id}**",
            "the paper says": claim.statement,
            "measured [95 % interval]": measured,
            "n": f"{int(shown.n):,}" if measured else "",
            "remark": shown.reason if isinstance(shown.reason, str) else "",
        }
        for claim, shown, measured in decisive(claims)
        if claim.verdict == verdict
    ]
    return markdown(pd.DataFrame(rows)) if rows else "None."


def choices(tables: Tables) -> dict:
    """Choices that the paper leaves open, and how much the result depends on each, as far as it was run."""
    images = tables["cifar10/trials"]
    return {
        "penalties": _students(tables, "l2", "l1", "l2_squared", "none"),
        "strengths": _strengths(tables["hyperparameters/trials"]),
        "teachers": _students(tables, "l2", "one_rotation"),
        "removal": _removal(of_ensemble(tables, "l2")),
        "signs": over_linear(images, [head for head in HEADS if head not in WITHOUT_EIGENVALUES]),
        "accuracies": _accuracies(tables["cifar10/epochs"], images),
        "stamp": mark(images),
    }


def _students(tables: Tables, *ensembles: str) -> list[dict]:
    """R² and live neurons of those ensembles of experiment 2 that were trained."""
    networks = {name: of_ensemble(tables, name) for name in ensembles}
    return [
        {"ensemble": name, "r2": of["test_r2"].mean(), "live": mean_or_groups(of["live_neurons"]), "n": len(of)}
        for name, of in networks.items()
        if len(of)
    ]


def _strengths(sweep: pd.DataFrame) -> list[dict]:
    """Experiment 2 by the strength of each kind of penalty: means of the neurons that it recruits, and of R²."""
    if sweep.empty:
        return []
    students = finished(sweep[(sweep["experiment"] == "teacher_student") & (sweep["rho"] > 0)])
    return [
        {
            "penalty": penalty,
            "means": rows.groupby("rho", as_index=False)[["active_neurons", "r2"]].mean().to_dict("records"),
            "n": count_range(rows.groupby("rho")["trial"].count()),
        }
        for penalty, rows in students.groupby("penalty", sort=False)
    ]


def _removal(networks: pd.DataFrame) -> dict | None:
    """What is kept in Figure 10, by what a removed neuron loses."""
    kept = ["kept_eigenvalues", "kept_neurons_weight_space"]
    return {**networks[kept].mean(), "n": len(networks)} if len(networks) else None


def _accuracies(epochs: pd.DataFrame, trials: pd.DataFrame) -> list[dict]:
    """Accuracies of the heads of experiment 3, by the images on which they are taken."""
    if epochs.empty or trials.empty:
        return []
    last = epochs[epochs["epoch"] == epochs["epoch"].max()]
    taken = {
        "validation images, augmented": last.groupby("head")["validation_accuracy_augmented"],
        "validation images, plain": last.groupby("head")["validation_accuracy"],
        "test images": trials.groupby("head")["test_accuracy"],
    }
    means = {images: accuracies.mean().dropna() for images, accuracies in taken.items()}
    n = int(trials.groupby("head")["trial"].count().min())
    return [
        {"images": images, "means": {HEADS[head]: of[head] for head in HEADS if head in of}, "n": n}
        for images, of in means.items()
    ]


def other_statements(tables: Tables, run: Mapping) -> dict:
    """Statements of the paper beside its claims: what was found, on n networks; None where nothing was run.

    run: the settings, by experiment.
    """
    free, eigenvalues = tables["depth/without_penalty"], tables["cifar10/eigenvalues"]
    deep = depth.without_penalty(free)
    return {
        "without_penalty": _without_penalty(of_ensemble(tables, "none")),
        "depth": {"found": deep, "n": free.groupby("depth").size().min()} if deep["networks"] else None,
        "opening": _opening(eigenvalues),
        "orders": _orders(eigenvalues),
        "shares": list(penalty_shares(tables, run)),
        "heads": [
            {"images": each.trained_on, "numbers": cifar10.direct_space(run[name]["widths"])}
            for name, each in EXPERIMENTS.items()
            if "widths" in run.get(name, {}) and not each.trained_on.startswith(GENERATED)
        ],
        "stamp": mark(tables["cifar10/trials"]),
        "fewest": FEWEST,
    }


def _without_penalty(networks: pd.DataFrame) -> dict | None:
    """How many networks of experiment 2 without a penalty have one surviving layer of two, and both's largest |λ|."""
    if networks.empty or hidden(networks) != PAPERS:
        return None
    largest = networks[["largest_eigenvalue_2", "largest_eigenvalue_3"]].mean()
    return {"single": int((networks["surviving_layer"] != 0).sum()), "largest": list(largest), "n": len(networks)}


def _opening(eigenvalues: pd.DataFrame) -> dict | None:
    """The open hidden neurons of experiment 3 over the epochs, by the size that counts at the end."""
    rows = _sizes(eigenvalues, HIDDEN)
    if rows.empty:
        return None
    final = rows[rows["epoch"] == rows["epoch"].max()].groupby("trial")["size"].max()
    opened = rows[rows["size"] > 0.01 * rows["trial"].map(final)].groupby(["epoch", "trial"]).size()
    if opened.empty:  # no trial has an eigenvalue that is a number
        return None
    means = opened.groupby("epoch").mean()
    telling = means[sorted({means.index[0], means.idxmin(), means.index[-1]})]
    return {"counts": telling.to_dict(), "turns": len(telling) > 2, "n": len(final)}


def _orders(eigenvalues: pd.DataFrame) -> dict | None:
    """The largest hidden eigenvalues of experiment 3 beside the last layer's, which shrink."""
    rows = _sizes(eigenvalues, HIDDEN, LAST)
    if rows.empty:
        return None
    rows = rows[rows["epoch"] == rows["epoch"].max()]
    largest = rows.groupby(["trial", "layer"])["size"].max().unstack().reindex(columns=[HIDDEN, LAST]).dropna()
    if largest.empty:
        return None
    return {
        "hidden": largest[HIDDEN].mean(),
        "last": largest[LAST].mean(),
        "above": bool((largest[HIDDEN] > largest[LAST]).all()),
        "medians": cifar10.last_layer(rows[rows["layer"] == LAST]),
        "n": len(largest),
    }


def _sizes(eigenvalues: pd.DataFrame, *layers: int) -> pd.DataFrame:
    """Sizes of the eigenvalues of the SPARCS head by (4.3) in experiment 3."""
    if eigenvalues.empty:
        return eigenvalues
    rows = eigenvalues[(eigenvalues["head"] == SPARCS) & eigenvalues["layer"].isin(layers)]
    return rows.dropna(subset=["eigenvalue"]).assign(size=rows["eigenvalue"].abs())
