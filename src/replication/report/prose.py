"""Computed sentences: what was run, the answer, the findings. No number of a notebook is typed."""

from collections.abc import Iterable, Mapping

import pandas as pd

from replication.judging.verdicts import GOOD_FIT, SWEET_SPOT
from replication.report.intervals import count_range, over_trials
from replication.report.provenance_text import duration
from replication.report.tables import VERDICTS
from replication.report.text import counted, listing, number

ANSWERS = {
    "replicated": "yes",
    "partly": "in part",
    "inconclusive": "neither yes nor no",
    "not replicated": "no",
    "untested": "not tested",
}
NOTHING = "No trial finished."


def answer(claims: pd.DataFrame, deciding: str) -> str:
    """The answer to the notebook's question, then the verdict of every claim treated in it.

    claims: rows of claims.csv; deciding: the id of the claim that the question asks for.
    """
    verdicts = claims.set_index("id")["verdict"]
    verdicts = verdicts[verdicts.index.str[-1].str.isdigit()]  # a claim's parts end in a letter
    by_verdict = {name: list(verdicts.index[verdicts == name]) for name in VERDICTS}
    treated = "; ".join(f"{name}: {listing(ids)}" for name, ids in by_verdict.items() if ids)
    said = f"claim {deciding}: {claims.set_index('id').at[deciding, 'statement']}"
    if verdicts[deciding] == "untested":
        parts = claims.loc[claims["id"].str.fullmatch(f"{deciding}[a-z]"), "reason"]
        reasons = (parts if len(parts) else claims.loc[claims["id"] == deciding, "reason"]).dropna()
        said += f"; {reasons.iloc[0]}" if len(reasons) else ""
    return f"**Answer: {ANSWERS[verdicts[deciding]]}** ({said}). Verdicts on the paper's claims: {treated}."


def illustrative(claims: pd.DataFrame) -> str:
    """The warning of a run that is too small to test claims, empty if all are tested."""
    untested = claims[claims["verdict"] == "untested"]
    if untested.empty:
        return ""
    parts = untested["id"].str[-1].str.isalpha()
    claims_of_parts = untested["id"].str.rstrip("abcdefghijklmnopqrstuvwxyz")
    named = untested.loc[~parts | ~claims_of_parts.isin(untested["id"]), "id"]  # a claim stands for its parts
    reasons = untested.loc[~untested["id"].isin(claims_of_parts[parts]), "reason"].dropna().unique()
    return f"> **Illustrative only.** Not tested in this run: {listing(list(named))}; {'; '.join(map(str, reasons))}."


def run(provenance: Mapping, size: str) -> str:
    """The sentences on what was run, where, on what data, when and how long.

    provenance: of the experiment, with its data and its share by device; size: a sentence about its n and epochs.
    """
    return (
        f"*Scale* {provenance['scale']}. *Size:* {size} *Machine:* {provenance['machine']}, {provenance['device']}. "
        f"*Duration:* {duration(provenance)}. *Data:* {provenance['data']}. "
        f"*Finished* {provenance['date']}."
    )


def regression_size(trials: pd.DataFrame, settings: Mapping) -> str:
    """n, data sets and epochs of experiment 1, and how many trials diverged."""
    counts = trials.groupby(["alpha", "beta"])["trial"].count()
    return (
        f"{counted(len(counts), 'data set')}, n = {counted(count_range(counts), 'trial')} each, {len(trials):,} in "
        f"all; {_epochs(settings, 'regression')}; {_diverged(trials)}."
    )


def teacher_student_size(trials: pd.DataFrame, of_map: pd.DataFrame, settings: Mapping) -> str:
    """n, teachers and epochs of experiment 2, how many trials diverged, and the trainings of the map beside them."""
    counts, teachers = trials["ensemble"].value_counts(sort=False), trials["teacher"].nunique()
    size = f"{listing([f'n = {n} with {name}' for name, n in counts.items()])}, on {counted(teachers, 'teacher')}"
    more = f" The map has {counted(len(of_map), 'more training')}." if len(of_map) else ""
    return f"{size}; {_student_epochs(counts.index, len(of_map) > 0, settings)}; {_diverged(trials)}.{more}"


def _student_epochs(ensembles: Iterable[str], has_map: bool, settings: Mapping) -> str:
    """The epochs of experiment 2, and of those ensembles and of the map that have others."""
    run = settings["run"]["teacher_student"]
    own = {name: run.get("ensembles", {}).get(name, {}).get("epochs") for name in ensembles}
    others = [f"{epochs} in {name}" for name, epochs in own.items() if epochs]
    others += [f"{run['map']['epochs']} in the map"] if has_map and "map" in run else []
    return ", ".join([_epochs(settings, "teacher_student"), *others])


def sweep_size(trials: pd.DataFrame, settings: Mapping) -> str:
    """n of the sweep, and how many trials diverged."""
    counts = trials.groupby(["experiment", "penalty", "rho", "alpha"], dropna=False)["trial"].count()
    return (
        f"penalty {listing(list(trials['penalty'].unique()))}, {counted(trials['rho'].nunique(), 'strength')}, "
        f"n = {counted(count_range(counts), 'trial')} each; {_epochs(settings, 'regression')}; {_diverged(trials)}."
    )


def regression_findings(trials: pd.DataFrame) -> str:
    """‖Γ‖ at both ends for every β, and how well the trials fit."""
    norms = over_trials(trials, "gamma_norm", ["beta", "alpha"])
    if norms.empty:
        return NOTHING
    sentences = []
    for beta, of_beta in norms.groupby("beta"):
        first, last = of_beta.iloc[0], of_beta.iloc[-1]
        below, above = _around_half(of_beta)
        sentences.append(
            f"For $\\beta = {beta:g}$ the mean $\\|\\Gamma\\|$ is {number(first['mean'])} at "
            f"$\\alpha = {first['alpha']:g}$ and {number(last['mean'])} at $\\alpha = {last['alpha']:g}$; between "
            f"$\\alpha = {below['alpha']:g}$ and ${above['alpha']:g}$, around the middle, it goes from "
            f"{number(below['mean'])} to {number(above['mean'])}."
        )
    good = int((trials["r2"] >= GOOD_FIT).sum())
    fit = f"{good:,} of {counted(len(trials), 'trial')} reach a held-out R² of {GOOD_FIT}; the worst has"
    return " ".join([*sentences, f"{fit} {number(trials['r2'].min())}."])


def sweep_findings(trials: pd.DataFrame) -> str:
    """The least mean R² inside the shaded strengths and over all, on the worst data set, for every kind of penalty."""
    swept = trials[trials["rho"] > 0].fillna({"alpha": -1})  # a teacher has no α
    means = over_trials(swept, "r2", ["experiment", "penalty", "rho", "alpha"])
    if means.empty:
        return "No trial with a penalty finished."
    low, high = SWEET_SPOT
    sentences = []
    for (experiment, penalty), of_kind in means.groupby(["experiment", "penalty"]):
        within = of_kind[of_kind["rho"].between(low * 0.999, high * 1.001)]
        worst = of_kind.groupby("rho")["mean"].min()
        inside = f"inside the range at least {_worst(within)}" if len(within) else "no strength inside the range"
        sentences.append(
            f"{experiment.replace('_', '–').capitalize()}, {penalty}: mean R² on the worst data set {inside}; over all "
            f"strengths at least {_worst(of_kind)}; best at $\\rho$ = {number(worst.idxmax())}, {number(worst.max())}."
        )
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _worst(means: pd.DataFrame) -> str:
    row = means.loc[means["mean"].idxmin()]
    place = f", $\\alpha$ = {row['alpha']:g}" if row["alpha"] >= 0 else ""
    return f"{number(row['mean'])} ($\\rho$ = {number(row['rho'])}{place})"


def _epochs(settings: Mapping, experiment: str) -> str:
    run, paper = (settings[side][experiment]["training"]["epochs"] for side in ("run", "paper"))
    return f"{counted(run, 'epoch')} (the paper: {paper})"


def _diverged(trials: pd.DataFrame) -> str:
    count = int((trials["diverged_epoch"] >= 0).sum())
    if count == 0:
        return "no trial diverged"
    of, are = counted(len(trials), "trial"), "is" if count == 1 else "are"
    return f"{count:,} of {of} diverged and {are} left out of the means"


def _around_half(norms: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    below, above = norms[norms["alpha"] < 0.5], norms[norms["alpha"] > 0.5]
    return (below if len(below) else norms).iloc[-1], (above if len(above) else norms).iloc[0]
