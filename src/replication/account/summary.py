"""The account of the whole replication: what holds, and what depends on choices that the paper leaves open."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from replication.account.image_prose import gain
from replication.account.penalty_share import penalty_shares
from replication.account.scorecard import decisive, whole
from replication.data.description import GENERATED
from replication.experiments import EXPERIMENTS
from replication.experiments.cifar10 import findings as cifar10
from replication.experiments.cifar10.tables import HEADS, WITHOUT_EIGENVALUES
from replication.experiments.depth import findings as depth
from replication.experiments.teacher_student.tables import mean_or_groups
from replication.report.intervals import FEWEST, count_range, finished
from replication.report.prose import IN_A_SENTENCE
from replication.report.stand_in import mark
from replication.report.tables import VERDICTS, markdown
from replication.report.template import in_words, line, sections
from replication.report.text import counted, listing, number

_CIFAR10, _DEPTH = (sections(f"replication.experiments.{name}") for name in ("cifar10", "depth"))
Tables = Mapping[str, pd.DataFrame]


def answer(claims: pd.DataFrame) -> str:
    """The number of the paper's claims with each verdict, then of those beyond it, and a table of their ids."""
    papers, beyond = whole(claims)
    said = [f"**Answer: of the paper's {counted(len(papers), 'claim')} {_verdicts(papers)}.**"]
    said += [f"Of {counted(len(beyond), 'claim')} beyond it {_verdicts(beyond)}."] * bool(len(beyond))
    every = pd.concat([papers, beyond]) if len(beyond) else papers
    rows = [
        {"verdict": verdict, "claims": listing(list(every.loc[every["verdict"] == verdict, "id"]))}
        for verdict in VERDICTS
        if verdict in set(every["verdict"])
    ]
    return f"{' '.join(said)}\n\n{markdown(pd.DataFrame(rows))}"


def _verdicts(claims: pd.DataFrame) -> str:
    counts = claims["verdict"].value_counts()
    said = [
        f"{in_words(counts[name])} {'is' if counts[name] == 1 else 'are'} {IN_A_SENTENCE.get(name, name)}"
        for name in VERDICTS
        if name in counts
    ]
    return listing(said)


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


def choices(tables: Tables) -> str:
    """Choices that the paper leaves open, and how much the result depends on each, as far as it was run."""
    rows = [row for make in (_penalty, _strength, _teacher, _removal, _sign, _images) for row in make(tables)]
    columns = ["what the paper leaves open", "choice", "outcome", "n"]
    return markdown(pd.DataFrame(rows, columns=columns)) if rows else "Nothing that bears on them was run."


def other_statements(tables: Tables, run: Mapping) -> str:
    """Statements of the paper beside its claims, each with what was found, and on how many networks.

    run: the settings, by experiment.
    """
    rows = [row for make in (_without_penalty, _depth, _opening, _orders) for row in make(tables)]
    rows += [(what, found, _count(n)) for what, found, n in penalty_shares(tables, run)]
    for name, each in EXPERIMENTS.items():
        if "widths" in run.get(name, {}) and not each.trained_on.startswith(GENERATED):  # a head on images
            what = f"inference in direct space needs less memory ({each.trained_on})"
            rows.append((what, line(_CIFAR10.direct_space(**cifar10.direct_space(run[name]["widths"]))), "exact"))
    return markdown(pd.DataFrame(rows, columns=["the paper says", "found", "n"]))


def _without_penalty(tables: Tables) -> Iterator[tuple]:
    """Experiment 2 without a penalty."""
    networks = _ensemble(tables, "none")
    if len(networks):
        single = int((networks["surviving_layer"] != 0).sum())
        means = networks[["largest_eigenvalue_2", "largest_eigenvalue_3"]].mean()
        sizes = " and ".join(number(value) for value in means)
        measured = (
            f"one layer survives by eigenvalue in {single} of {len(networks)}; largest |λ| of both layers: {sizes}"
        )
        yield "without any penalty the smaller depth is preferred (experiment 2)", measured, _count(len(networks))


def _depth(tables: Tables) -> Iterator[tuple]:
    """Networks of several hidden layers without a penalty."""
    free = tables["depth/without_penalty"]
    found = line(_DEPTH.without_penalty(**depth.without_penalty(free)))
    if found:
        what = "without any penalty the smaller depth is preferred (Section 4; up to ten hidden layers)"
        yield what, found, _count(free.groupby("depth").size().min())


def _opening(tables: Tables) -> Iterator[tuple]:
    """The open hidden neurons of experiment 3 over the epochs, by the size that counts at the end."""
    rows = _hidden(tables)
    if len(rows):
        last = rows["epoch"].max()
        final = rows[rows["epoch"] == last].groupby("trial")["size"].max()
        opened = rows[rows["size"] > 0.01 * rows["trial"].map(final)].groupby(["epoch", "trial"]).size()
        means = opened.groupby("epoch").mean()
        telling = means[sorted({means.index[0], means.idxmin(), means.index[-1]})]
        counts = listing([f"{number(value)} after {epoch}" for epoch, value in telling.items()])
        turns = "; it falls before it rises" * (len(telling) > 2)
        what = f"from the zero start the rank increases gradually (experiment 3{mark(tables['cifar10/trials'])})"
        found = (
            f"not shown: this counts open neurons, not the rank{turns}. Hidden |λ| above 1 % of the largest at the "
            f"end: {counts} epochs (means)"
        )
        yield what, found, _count(len(final))


def _orders(tables: Tables) -> Iterator[tuple]:
    """The largest hidden eigenvalues of experiment 3 beside the last layer's, which shrink."""
    rows = _hidden(tables, layers=(2, 3))
    if rows.empty:
        return
    final = rows[rows["epoch"] == rows["epoch"].max()]
    largest = final.groupby(["trial", "layer"])["size"].max().unstack().reindex(columns=[2, 3]).dropna()
    if len(largest):
        above = "end above" if (largest[2] > largest[3]).all() else "do not all end above"
        fell = line(_CIFAR10.last_layer(**cifar10.last_layer(final[final["layer"] == 3])))
        found = (
            f"the largest hidden |λ|, {number(largest[2].mean())} (mean), {above} the last layer's, "
            f"{number(largest[3].mean())}. {fell}"
        )
        stamp = mark(tables["cifar10/trials"])
        yield f"on CIFAR-10{stamp} hidden λ reach the order of the last layer's", found, _count(len(largest))


def _hidden(tables: Tables, layers: tuple[int, ...] = (2,)) -> pd.DataFrame:
    """Sizes of the eigenvalues of the SPARCS head by (4.3) in experiment 3."""
    rows = tables["cifar10/eigenvalues"]
    if rows.empty:
        return rows
    rows = rows[(rows["head"] == "spectral") & rows["layer"].isin(layers)].dropna(subset=["eigenvalue"])
    return rows.assign(size=rows["eigenvalue"].abs())


def _count(n: int) -> str:
    return f"{n}" if n >= FEWEST else f"{n}: an example, not a test"


def _penalty(tables: Tables) -> Iterator[tuple]:
    """Experiment 2 by kind of penalty."""
    for name in ("l2", "l1", "l2_squared", "none"):
        yield from _students(tables, "experiment 2: kind of penalty", name, name)


def _strength(tables: Tables) -> Iterator[tuple]:
    """Experiment 2 by the strength of each kind of penalty: neurons that it recruits, and the fit."""
    sweep = tables["hyperparameters/trials"]
    if len(sweep):
        students = finished(sweep[(sweep["experiment"] == "teacher_student") & (sweep["rho"] > 0)])
        for kind, of_penalty in students.groupby("penalty", sort=False):
            means = of_penalty.groupby("rho")[["active_neurons", "r2"]].mean()
            recruited = [
                f"{row['active_neurons']:.0f} at {number(rho)} (R² {row['r2']:.4f})" for rho, row in means.iterrows()
            ]
            counts = count_range(of_penalty.groupby("rho")["trial"].count())
            what = "experiment 2: strength of the penalty (recruited: |λ| above 1 % of the largest)"
            yield what, kind, f"recruited neurons: {', '.join(recruited)}", counts


def _teacher(tables: Tables) -> Iterator[tuple]:
    """Experiment 2 by the number of rotations of the teacher."""
    for name, label in (("l2", "two rotations, as the text"), ("one_rotation", "one, as the authors' notebook")):
        yield from _students(tables, "experiment 2: rotations of the teacher", name, label)


def _students(tables: Tables, what: str, ensemble: str, label: str) -> Iterator[tuple]:
    networks = _ensemble(tables, ensemble)
    if len(networks):
        live = mean_or_groups(networks["live_neurons"], 0)
        found = f"R² {networks['test_r2'].mean():.4f}; live neurons within the loss budget: {live}"
        yield what, label, found, len(networks)


def _removal(tables: Tables) -> Iterator[tuple]:
    """Figure 10 by what is removed."""
    networks = _ensemble(tables, "l2")
    if len(networks):
        what = "Figure 10: what a removed neuron loses"
        yield what, "its eigenvalue", f"{networks['kept_eigenvalues'].mean():.0f} eigenvalues are kept", len(networks)
        yield what, "its weights", f"{networks['kept_neurons_weight_space'].mean():.0f} neurons are kept", len(networks)


def _sign(tables: Tables) -> Iterator[tuple]:
    """Experiment 3 by the sign of W_31."""
    trials = tables["cifar10/trials"]
    for head in [head for head in HEADS if head in set(trials.get("head", ())) - {*WITHOUT_EIGENVALUES}]:
        label = "(4.3)" if head == "spectral" else "the authors' scripts"
        n = int(trials.loc[trials["head"] == head, "test_accuracy"].notna().sum())
        yield f"experiment 3{mark(trials)}: the sign of $W_{{31}}$", label, f"test accuracy {gain(trials, head)}", n


def _images(tables: Tables) -> Iterator[tuple]:
    """Experiment 3 by the images on which accuracy is taken."""
    epochs, trials = tables["cifar10/epochs"], tables["cifar10/trials"]
    if epochs.empty or trials.empty:
        return
    last = epochs[epochs["epoch"] == epochs["epoch"].max()]
    what, n = f"experiment 3{mark(trials)}: which accuracy", int(trials.groupby("head")["trial"].count().min())
    for label, rows, column in (
        ("validation images, augmented", last, "validation_accuracy_augmented"),
        ("validation images, plain", last, "validation_accuracy"),
        ("test images", trials, "test_accuracy"),
    ):
        means = rows.groupby("head")[column].mean()
        parts = [f"{HEADS[head]} {means[head]:.1f} %" for head in HEADS if head in means and np.isfinite(means[head])]
        yield what, label, ", ".join(parts), n


def _ensemble(tables: Tables, name: str) -> pd.DataFrame:
    trials = finished(tables["teacher_student/trials"])
    return trials[trials["ensemble"] == name] if len(trials) else trials
