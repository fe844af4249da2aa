"""The guide: every sentence and table is computed from the measurements."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from replication.report.intervals import FEWEST
from replication.report.prose import NOTHING
from replication.report.tables import markdown
from replication.report.text import counted, fixed, listing, number

NAMES = {"l1": "L1", "l2": "L2", "l2_squared": "L2, squared", "rows": "rows"}
NEAR = 0.01  # below the best R² of a width: what still fits
NOT_RUN = "This sweep has not been run at this scale."


def size(trials: pd.DataFrame, settings: Mapping) -> str:
    """Points, sweeps, networks, and how many diverged."""
    run = settings["run"]["choosing"]
    diverged = len(trials) - len(finished(trials))
    return (
        f"{counted(len(trials), 'network')} in {counted(trials['sweep'].nunique(), 'sweep')}, n = "
        f"{trials['trial'].nunique()} of each combination; {run['points']:,} points; {diverged or 'none'} diverged."
    )


def answer(trials: pd.DataFrame) -> str:
    """Whether there is enough to choose by, and how the strength goes with the width."""
    widths = of_sweep(trials, "widths")
    n = widths["trial"].nunique() if len(widths) else 0
    if n < FEWEST:
        return f"**Answer: not tested.** Of each combination {counted(n, 'network')} finished; {FEWEST} are needed."
    falling = [slope(each) < 0 for _, each in strongest_of(widths).groupby("penalty")]
    said = "the wider the network, the weaker" if all(falling) else "by the penalty"
    return f"**Answer: {said}** (n = {n}). {' '.join(powers(widths)) or 'One width was tried.'}"


def finished(trials: pd.DataFrame) -> pd.DataFrame:
    """The networks whose training did not diverge."""
    return trials[np.isfinite(trials["r2"].astype(float))] if len(trials) else trials


def of_sweep(trials: pd.DataFrame, name: str) -> pd.DataFrame:
    """The finished networks of a sweep."""
    return finished(trials[trials["sweep"] == name]) if len(trials) else trials


def powers(widths: pd.DataFrame) -> list[str]:
    """How the largest strength that fits goes with the width, a sentence for each penalty with several widths."""
    return [
        f"With {NAMES[penalty]} the largest strength that fits goes as {power(each)}."
        for penalty, each in strongest_of(widths).groupby("penalty", sort=False)
        if len(each) > 1
    ]


def strongest_of(widths: pd.DataFrame) -> pd.DataFrame:
    """``largest_strengths`` of the means over trials, with what is open and left there."""
    return largest_strengths(
        widths.groupby(["penalty", "width", "rho"], as_index=False)[["r2", "neurons", "open_share"]].mean()
    )


def largest_strengths(means: pd.DataFrame) -> pd.DataFrame:
    """The largest ρ whose mean R² is within NEAR of the best at its width: a row for each penalty and width."""
    best = means.groupby("width")["r2"].transform("max")
    fits = means[means["r2"] >= best - NEAR]
    return fits.sort_values("rho").groupby(["penalty", "width"], sort=False).tail(1).sort_values(["penalty", "width"])


def slope(rows: pd.DataFrame) -> float:
    """d log ρ / d log N by least squares over widths; NaN for fewer than two."""
    if len(rows) < 2:
        return float("nan")
    return float(np.polyfit(np.log(rows["width"]), np.log(rows["rho"]), 1)[0])


def power(rows: pd.DataFrame) -> str:
    """N to the ``slope``, as text."""
    return f"N^{number(round(slope(rows), 2) + 0.0)}"  # + 0.0: no negative zero


def strengths(trials: pd.DataFrame) -> str:
    """How large ρ may be at each width, and what that leaves."""
    widths = of_sweep(trials, "widths")
    if widths.empty:
        return NOT_RUN
    strongest = strongest_of(widths)
    rows = [
        {
            "penalty": NAMES[row.penalty],
            "width N": row.width,
            "largest ρ that fits": number(row.rho),
            "R²": fixed(row.r2, 4),
            "neurons open": f"{100 * row.open_share:.0f} %",
            "left after compaction": number(row.neurons),
        }
        for row in strongest.itertuples()
    ]
    said = powers(widths)
    free = widths[widths["rho"] == widths["rho"].min()]
    opened = f"At the least strength {100 * free['open_share'].mean():.0f} % of the neurons are open."
    return " ".join([*said, opened]) + "\n\n" + markdown(pd.DataFrame(rows))


def starts(trials: pd.DataFrame) -> str:
    """Where networks stay linear, by start, rate and steps."""
    found = of_sweep(trials, "starts")
    if found.empty:
        return NOT_RUN
    rows = []
    for (scale, rate, steps), each in found.groupby(["initial_scale", "learning_rate", "steps"]):
        rows.append(
            {
                "start of λ": "0" if scale == 0 else f"N(0, {scale:g}²)",
                "rate": number(rate),
                "steps": f"{steps:,}",
                "R²": fixed(each["r2"].mean(), 3),
                "a linear map's": fixed(each["linear_r2"].mean(), 3),
                "linear after compaction": f"{int((each['neurons'] == 0).sum())} of {len(each)}",
            }
        )
    few = found[found["steps"] == found["steps"].min()]
    means = few.groupby("initial_scale")["r2"].mean()
    said = [f"{number(value)} from {'0' if scale == 0 else f'N(0, {scale:g}²)'}" for scale, value in means.items()]
    opening = f"After {counted(int(few['steps'].iloc[0]), 'step')} R² is {listing(said)}, over all rates."
    return f"{opening}\n\n{markdown(pd.DataFrame(rows))}"


def zeros(trials: pd.DataFrame) -> str:
    """Which eigenvalues end at exactly zero: by L1's gradient, and by soft thresholding."""
    found = of_sweep(trials, "zeros")
    if found.empty:
        return NOT_RUN
    rows = []
    for (shrunk, rho), each in found.groupby(["shrunk", "rho"]):
        rows.append(
            {
                "L1 by": "soft thresholding" if shrunk else "its gradient",
                "ρ": number(rho),
                "exact zeros": f"{100 * each['zero_share'].mean():.1f} %",
                "R²": fixed(each["r2"].mean(), 3),
                "left after compaction": number(each["neurons"].mean()),
            }
        )
    shares = found.groupby("shrunk")["zero_share"].mean()
    said = [
        f"{'soft thresholding' if shrunk else 'the gradient of L1'} leaves {100 * share:.1f} % of the eigenvalues at "
        "exactly zero"
        for shrunk, share in shares.items()
    ]
    sentence = listing(said)
    return f"{sentence[0].upper()}{sentence[1:]}.\n\n{markdown(pd.DataFrame(rows))}"


def validation(trials: pd.DataFrame) -> str:
    """What compaction costs on test points when it was chosen on few."""
    found = of_sweep(trials, "validation")
    if found.empty:
        return NOT_RUN
    rows = []
    for points, each in found.groupby("validation_points"):
        lost = each["r2"] - each["compact_r2"]
        rows.append(
            {
                "validation points": f"{points:,.0f}",
                "R² before": fixed(each["r2"].mean(), 3),
                "after": fixed(each["compact_r2"].mean(), 3),
                "worst loss of R²": fixed(lost.max(), 3),
                "neurons left": number(each["neurons"].mean()),
            }
        )
    ends = found["validation_points"].agg(["min", "max"])
    fewest, most = (found[found["validation_points"] == each] for each in ends)
    loses = [number((each["r2"] - each["compact_r2"]).mean()) for each in (fewest, most)]
    return (
        f"Chosen on {fewest['validation_points'].iloc[0]:.0f} points, compaction takes {loses[0]} of R² on average. "
        f"Chosen on {most['validation_points'].iloc[0]:.0f} it takes {loses[1]}.\n\n{markdown(pd.DataFrame(rows))}"
    )


def fine_tuning(trials: pd.DataFrame) -> str:
    """What training on gives back after compaction, over all networks that kept a neuron."""
    kept = finished(trials)
    kept = kept[kept["neurons"] > 0] if len(kept) else kept
    if kept.empty:
        return NOTHING
    gain, lost = (kept["tuned_r2"] - kept["compact_r2"]), (kept["r2"] - kept["compact_r2"])
    better = int((kept["tuned_r2"] >= kept["r2"]).sum())
    return (
        f"Over {counted(len(kept), 'network')} compaction takes {number(lost.mean())} of R² and training on gives "
        f"{number(gain.mean())} back. {better} of them end at least as good as before compaction."
    )


def when_not(tables: pd.DataFrame) -> str:
    """On which real tables a linear model is as good as the best SPARCS; from the experiment on these."""
    if tables.empty or not {"data_set", "method", "score"} <= set(tables):
        return "The experiment on real tables has not been run."
    best = tables[~tables["flips"]].groupby(["data_set", "method"])["best_score"].mean().unstack()
    ours = best.filter(like="sparcs").max(axis=1)
    if "linear" not in best or ours.isna().all():
        return "The experiment on real tables has no linear model beside SPARCS."
    as_good = [name.replace("_", " ") for name in best.index if best.loc[name, "linear"] >= ours[name] - NEAR]
    others = [name.replace("_", " ") for name in best.index if name.replace("_", " ") not in as_good]
    return (
        f"A linear model is within {NEAR:g} of the best SPARCS on {listing(as_good) or 'no table'}: nothing is to be "
        f"found there. SPARCS is better by more on {listing(others) or 'none'}."
    )
