"""What the networks of several hidden layers did, as the values that the report's sentences take."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from replication.experiments.depth.figures import default_start
from replication.report.intervals import count_range

OFTEN = 0.8  # as for the paper's claim D2: the share of networks that makes an answer
WORSE = 2  # times the loss at gain 1, above which an initial scale is said to harm


def size(trials: pd.DataFrame, settings: Mapping) -> dict:
    """n, depths, width and epochs, and how many trials diverged."""
    rows = default_start(trials)
    return {
        "depths": [str(depth) for depth in sorted(rows["depth"].unique())],
        "each": count_range(rows.groupby("depth")["trial"].count()),
        "teacher": settings["run"]["depth"]["teacher"],
        "more": len(trials) - len(rows),
        "diverged": int((trials["diverged_epoch"] >= 0).sum()),
    }


def answer(trials: pd.DataFrame, settings: Mapping) -> dict:
    """How often one hidden layer is in use where more are allowed, and the answer that makes."""
    deep = default_start(trials).query("depth > 1 and diverged_epoch < 0")
    single = int((deep["surviving_by_function"] == 1).sum())
    share = single / max(len(deep), 1)
    return {
        "missing": _less_than_planned(settings),
        "networks": len(deep),
        "each": count_range(deep.groupby("depth")["trial"].count()),
        "verdict": "yes" if share >= OFTEN else "no" if share <= 1 - OFTEN else "partly",
        "single": single,
        "by_eigenvalue": int((deep["surviving_by_eigenvalue"] == 1).sum()),
    }


def in_use(trials: pd.DataFrame, layers: pd.DataFrame) -> dict:
    """Layers in use and fit at the smallest and the largest depth, where the layers in use lie, and what compacts."""
    networks = default_start(trials).query("diverged_epoch < 0")
    if networks.empty:
        return {"networks": 0}
    columns = ["surviving_by_function", "surviving_by_eigenvalue", "test_r2"]
    means = networks.groupby("depth")[columns].mean()
    pairs, paired = _pairs(default_start(layers))
    return {
        "networks": len(networks),
        "ends": [
            {"depth": int(depth), **means.loc[depth]} for depth in dict.fromkeys([means.index[0], means.index[-1]])
        ],
        "linear": int(networks["stayed_linear"].sum()),
        "pairs": pairs,
        "paired": paired,
        "agree": int((networks["compact_hidden_layers"] == networks["surviving_by_function"]).sum()),
    }


def scale(start: pd.DataFrame, trials: pd.DataFrame) -> dict:
    """Growth of the start's variance for every gain at the largest depth, and the fit after training beside gain 1."""
    deepest = start[start["depth"] == start["depth"].max()]
    gains = [
        {"gain": gain, "variance": rows["variance_ratio"].mean(), "gradient": rows["gradient_eigenvalues"].mean(),
         "after": _after(trials, gain)}
        for gain, rows in deepest.groupby("gain")
    ]  # fmt: skip
    return {"depth": int(deepest["depth"].max()) if len(deepest) else 0, "gains": gains}


def without_penalty(free: pd.DataFrame) -> dict:
    """How many networks use fewer layers than they have, without a penalty; of none of several layers nothing."""
    deep = free.query("depth > 1 and diverged_epoch < 0") if len(free) else free
    if deep.empty:
        return {"networks": 0}
    deepest = deep[deep["depth"] == deep["depth"].max()]
    return {
        "networks": len(deep),
        "fewer": int((deep["surviving_by_function"] < deep["depth"]).sum()),
        "single": int((deep["surviving_by_function"] <= 1).sum()),
        "depth": int(deepest["depth"].iloc[0]),
        "mean": deepest["surviving_by_function"].mean(),
    }


def _less_than_planned(settings: Mapping) -> str:
    """What the teacher's trials have less of than planned at full size, as text; empty if nothing."""
    run, full = (settings[side]["depth"]["teacher"] for side in ("run", "paper"))
    counts = {
        "epochs": (run["training"]["epochs"], full["training"]["epochs"]),
        "points": (run["points"], full["points"]),
    }
    return ", ".join(f"{name} {actual} of {planned}" for name, (actual, planned) in counts.items() if actual < planned)


def _pairs(layers: pd.DataFrame) -> tuple[int, int]:
    """Networks with several hidden layers; those whose layers in use all have, or follow, large eigenvalues."""
    networks = [rows.sort_values("layer") for _, rows in layers[layers["depth"] > 1].groupby(["depth", "trial"])]
    opened = [network["survives_by_eigenvalue"].astype(bool).to_numpy() for network in networks]
    used = [network["survives_by_function"].astype(bool).to_numpy() for network in networks]
    fits = [
        all(large[k] or (k > 0 and large[k - 1]) for k in in_use.nonzero()[0])
        for large, in_use in zip(opened, used, strict=True)
    ]
    return len(networks), sum(fits)


def _after(trials: pd.DataFrame, gain: float) -> dict | None:
    """The fit at a gain and at gain 1, at the largest depth that has both, and how they compare."""
    finished = trials[(trials["data_set"] == "teacher") & (trials["diverged_epoch"] < 0)]
    of_gain, default = (finished[finished["gain"] == each].groupby("depth")["test_r2"] for each in (gain, 1))
    both = of_gain.mean().index.intersection(default.mean().index)
    if gain == 1 or both.empty:
        return None
    depth = both.max()
    at, beside = of_gain.mean()[depth], default.mean()[depth]
    ratio = np.divide(1 - at, 1 - beside)
    said = "worse than" if ratio > WORSE else "better than" if ratio < 1 / WORSE else "comparable to"
    return {"depth": int(depth), "r2": at, "n": int(of_gain.count()[depth]), "said": said, "default": beside}
