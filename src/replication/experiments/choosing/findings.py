"""What the sweeps found, as the values that the guide's sentences and tables take."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from replication.report.intervals import FEWEST

NAMES = {"l1": "L1", "l2": "L2", "l2_squared": "L2, squared", "rows": "rows"}
NEAR = 0.01  # below the best R² of a width: what still fits


def size(trials: pd.DataFrame, settings: Mapping) -> dict:
    """Points, sweeps, networks, and how many diverged."""
    return {
        "networks": len(trials),
        "sweeps": trials["sweep"].nunique(),
        "each": trials["trial"].nunique(),
        "points": settings["run"]["choosing"]["points"],
        "diverged": len(trials) - len(finished(trials)),
    }


def answer(trials: pd.DataFrame) -> dict:
    """Whether there is enough to choose by, and what to start with."""
    widths = of_sweep(trials, "widths")
    n = widths["trial"].nunique() if len(widths) else 0
    enough = n >= FEWEST
    everywhere = at_every_width(widths) if enough else []
    return {
        "n": n,
        "fewest": FEWEST,
        "best": min(everywhere, key=lambda row: row["neurons"], default=None),
        "widths": sorted(widths["width"].unique().tolist()) if enough else [],
    }


def finished(trials: pd.DataFrame) -> pd.DataFrame:
    """The networks whose training did not diverge."""
    return trials[np.isfinite(trials["r2"].astype(float))] if len(trials) else trials


def of_sweep(trials: pd.DataFrame, name: str) -> pd.DataFrame:
    """The finished networks of a sweep."""
    return finished(trials[trials["sweep"] == name]) if len(trials) else trials


def means_of(widths: pd.DataFrame) -> pd.DataFrame:
    """Means over trials, with what is open and left, by penalty, width and ρ."""
    return widths.groupby(["penalty", "width", "rho"], as_index=False)[["r2", "neurons", "open_share"]].mean()


def fitting(means: pd.DataFrame) -> pd.DataFrame:
    """Those whose R² is within NEAR of the best at their width."""
    return means[means["r2"] >= means.groupby("width")["r2"].transform("max") - NEAR]


def largest_strengths(means: pd.DataFrame) -> pd.DataFrame:
    """The largest ρ that fits: a row for each penalty and width."""
    of_width = fitting(means).sort_values("rho").groupby(["penalty", "width"], sort=False)
    return of_width.tail(1).sort_values(["penalty", "width"])


def at_every_width(widths: pd.DataFrame) -> list[dict]:
    """For each penalty the largest ρ that fits at every width, if one does, and the neurons left there on average."""
    found = []
    for penalty, fits in fitting(means_of(widths)).groupby("penalty", sort=False):
        counts = fits.groupby("rho")["width"].nunique()
        whole = counts.index[counts == widths["width"].nunique()]
        if len(whole):
            left = fits.loc[fits["rho"] == whole.max(), "neurons"].mean()
            found.append({"penalty": NAMES[penalty], "rho": whole.max(), "neurons": left})
    return found


def slope(rows: pd.DataFrame) -> float:
    """d log ρ / d log N by least squares over widths, to two decimals; NaN for fewer than two."""
    if len(rows) < 2:
        return float("nan")
    fitted = np.polyfit(np.log(rows["width"]), np.log(rows["rho"]), 1)[0]
    return round(float(fitted), 2) + 0.0  # no negative zero


def powers(widths: pd.DataFrame) -> list[dict]:
    """The power of the width with which the largest strength that fits goes, of means and of single trials.

    A row for each penalty with several widths.
    """
    each = [_slopes(of_trial) for _, of_trial in widths.groupby("trial")]
    return [
        {"penalty": NAMES[penalty], "power": power, "range": _range([of[penalty] for of in each if penalty in of])}
        for penalty, power in _slopes(widths).items()
    ]


def _slopes(widths: pd.DataFrame) -> dict[str, float]:
    found = {
        penalty: slope(each) for penalty, each in largest_strengths(means_of(widths)).groupby("penalty", sort=False)
    }
    return {penalty: power for penalty, power in found.items() if not np.isnan(power)}


def _range(values: list[float]) -> tuple[float, float]:
    return min(values, default=float("nan")), max(values, default=float("nan"))


def strengths(trials: pd.DataFrame) -> dict:
    """How large ρ may be at each width, and what that leaves; no row if it was not run."""
    widths = of_sweep(trials, "widths")
    if widths.empty:
        return {"rows": []}
    free = widths[widths["rho"] == widths["rho"].min()]
    return {
        "rows": [
            row | {"penalty": NAMES[row["penalty"]]} for row in largest_strengths(means_of(widths)).to_dict("records")
        ],
        "everywhere": at_every_width(widths),
        "powers": powers(widths),
        "open": free["open_share"].mean(),
    }


def starts(trials: pd.DataFrame) -> dict:
    """Where networks stay linear, by start, rate and steps; no row if it was not run."""
    found = of_sweep(trials, "starts")
    if found.empty:
        return {"rows": []}
    rows = [
        {"scale": scale, "rate": rate, "steps": int(steps), "r2": each["r2"].mean(), "n": len(each),
         "linear_r2": each["linear_r2"].mean(), "linear": int((each["neurons"] == 0).sum())}
        for (scale, rate, steps), each in found.groupby(["initial_scale", "learning_rate", "steps"])
    ]  # fmt: skip
    few = found[found["steps"] == found["steps"].min()]
    return {
        "rows": rows,
        "fewest_steps": int(few["steps"].iloc[0]),
        "means": few.groupby("initial_scale")["r2"].mean().to_dict(),
    }


def zeros(trials: pd.DataFrame) -> dict:
    """Which eigenvalues end at exactly zero, by L1's gradient and by soft thresholding; no row if it was not run."""
    found = of_sweep(trials, "zeros")
    if found.empty:
        return {"rows": []}
    means = found.groupby(["shrunk", "rho"], as_index=False)[["zero_share", "r2", "neurons"]].mean()
    strongest = means[means["rho"] == means["rho"].max()]
    return {
        "rows": means.to_dict("records"),
        "strongest": strongest.to_dict("records"),
        "shares": {bool(shrunk): share for shrunk, share in found.groupby("shrunk")["zero_share"].mean().items()},
    }


def validation(trials: pd.DataFrame) -> dict:
    """What compaction costs on test points when it was chosen on few; no row if it was not run."""
    found = of_sweep(trials, "validation")
    if found.empty:
        return {"rows": []}
    found = found.assign(lost=found["r2"] - found["compact_r2"])
    rows = [
        {"points": int(points), "worst": each["lost"].max(), **each[["r2", "compact_r2", "lost", "neurons"]].mean()}
        for points, each in found.groupby("validation_points")
    ]
    return {"rows": rows, "ends": [rows[0], rows[-1]] if len(rows) > 1 else rows}


def fine_tuning(trials: pd.DataFrame) -> dict:
    """What training on gives back after compaction, over all networks that kept a neuron."""
    kept = finished(trials)
    kept = kept[kept["neurons"] > 0] if len(kept) else kept
    if kept.empty:
        return {"n": 0}
    return {
        "n": len(kept),
        "lost": (kept["r2"] - kept["compact_r2"]).mean(),
        "gain": (kept["tuned_r2"] - kept["compact_r2"]).mean(),
        "better": int((kept["tuned_r2"] >= kept["r2"]).sum()),
    }


def when_not(tables: pd.DataFrame) -> dict:
    """On which real tables a linear model is as good as the best SPARCS; from the experiment on these."""
    found = {"near": NEAR, "was_run": bool(len(tables)) and {"data_set", "method", "score"} <= set(tables)}
    if not found["was_run"]:
        return found | {"compared": False}
    best = tables[~tables["flips"]].groupby(["data_set", "method"])["best_score"].mean().unstack()
    ours = best.filter(like="sparcs").max(axis=1)
    if "linear" not in best or ours.isna().all():
        return found | {"compared": False}
    as_good = {name: bool(best.loc[name, "linear"] >= ours[name] - NEAR) for name in best.index}
    named = {side: [name.replace("_", " ") for name, good in as_good.items() if good is side] for side in (True, False)}
    return found | {"compared": True, "as_good": named[True], "others": named[False]}
