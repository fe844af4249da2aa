"""SPARCS against the baselines: error against size of the networks found, two scalars, and their paired tests (G2)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import scipy

from replication.data.names import TEACHER
from replication.judging.statistics import bootstrap_interval, lowest

REFERENCE = "sparcs_l2"
OWN = ("sparcs_l2", "sparcs_l1", "sparcs_l2_minus", "sparcs_rows", "sparcs_rows_skip", "sparcs_paths")  # no baselines
METHODS = {  # names for the reader, in the order of the report
    "sparcs_l2": "SPARCS with L2",
    "sparcs_l1": "SPARCS with L1",
    "sparcs_l2_minus": "SPARCS with L2 from λ = −1",
    "sparcs_rows": "SPARCS with rows",
    "sparcs_rows_skip": "SPARCS with rows and skip",
    "sparcs_paths": "SPARCS with paths and skip",
    "linear": "linear",
    "mlp_magnitude": "MLP pruned by magnitude",
    "mlp_spectral": "pruned spectral MLP",
    "lasso_zero": "group lasso from zero",
    "lasso_half": "group lasso from half zero",
    "lasso_random": "group lasso from random",
    "darts": "DARTS",
    "gdas": "GDAS",
    "fairdarts": "FairDARTS",
    "pc_darts": "PC-DARTS",
    "gaea": "single-level GAEA",
    "gaea_bilevel": "bi-level GAEA",
    "random": "random search",
    "optuna": "Optuna",
    "neat": "NEAT",
    "reinforce": "REINFORCE",
}
GOOD_R2 = 0.98
FEW = 30
FEWEST_SEEDS = 10  # for a test
LEVEL = 0.05
SEED = 20250102  # of the bootstraps
NETWORK = ["hidden_layers", "neurons", "bundles", "parameters", "multiply_adds", "skip_norm"]
FIT = ["validation_mse", "test_mse", "test_r2"]
MARGIN = 1.1  # of sizes that match: the whole interval of their ratio lies between 1 / 1.1 and 1.1
TARGETS = ("loss_budget", "min_r2", "max_30_neurons")  # of compaction, as in replication.experiments.baselines.measures
WITHIN = TARGETS[:2]  # those with a limit on the loss, which may have flips
KEYS = ["task", "method", "trial", "strength"]
SCALARS = {
    "parameters": f"parameters at test R² ≥ {GOOD_R2}",
    "error": f"test error at ≤ {FEW} neurons",
}
RETRAINED = {"parameters": False, "error": True}  # whether a scalar counts retrained networks too
LEAST = 1e-8  # a share of the variance; differences between smaller errors are those of rounding in float32
OTHERWISE = {  # what else could have been counted: arguments of ``compare``, by the scalar that they bear on
    "parameters": {"retrained networks count, too": {"retrained": RETRAINED | {"parameters": True}}},
    "error": {
        "networks as they are count alone": {"retrained": RETRAINED | {"error": False}},
        "1 − R² below 10⁻⁸ counts as 10⁻⁸": {"least": LEAST},
    },
}


def name_of(method: str) -> str:
    """A method's name for the reader."""
    return METHODS.get(method, method)


def networks(trials: pd.DataFrame) -> pd.DataFrame:
    """The small networks made of what was found, one a row: the points of every curve of error against size.

    Columns: KEYS, maximal_parameters, target (of TARGETS), retrained, NETWORK, FIT. Diverged trials have none.
    """
    parts = []
    for target in TARGETS:
        for retrained, state in ((False, ""), (True, "retrained_")):
            columns = {f"{target}_{name}": name for name in NETWORK}
            columns |= {f"{target}_{state}{name}": name for name in FIT}
            part = trials[[*KEYS, "maximal_parameters", *columns]].rename(columns=columns)
            parts.append(part.assign(target=target, retrained=retrained))
    return pd.concat(parts, ignore_index=True).dropna(subset=FIT)


def with_flips(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials whose signs were flipped, with those networks in place of the networks as they are.

    Retrained ones are left out: they were not flipped. Empty where the table has no flips.
    """
    columns = {f"{target}_{name}": f"{target}_flipped_{name}" for target in WITHIN for name in (*NETWORK, *FIT)}
    if not set(columns.values()) <= set(trials):
        return trials.iloc[:0]
    flipped = trials[trials["loss_budget_flipped_parameters"].notna() | trials["test_r2"].isna()]
    retrained = [f"{target}_retrained_{name}" for target in TARGETS for name in FIT]
    return flipped.assign(
        **{name: flipped[source] for name, source in columns.items()}, **dict.fromkeys(retrained, np.nan)
    )


def smallest(points: pd.DataFrame, retrained: bool = RETRAINED["parameters"]) -> pd.DataFrame:
    """The network with the fewest parameters at test R² ≥ GOOD_R2 of each task, method and trial that has one.

    points: rows of ``networks``; all strengths together. Only networks as they are unless ``retrained``: what a
    retraining adds is not the search's.
    """
    good = points[_counted(points, retrained) & (points["test_r2"] >= GOOD_R2)]
    return lowest(good, "parameters", KEYS[:-1])


def most_exact(points: pd.DataFrame, retrained: bool = RETRAINED["error"]) -> pd.DataFrame:
    """The network with the least validation error of those with at most FEW neurons, of each task, method and trial.

    points: rows of ``networks``. Retrained ones count too if ``retrained``: the number of neurons is given, and the
    retraining is the same for all.
    """
    small = points[_counted(points, retrained) & (points["neurons"] <= FEW)]
    return lowest(small, "validation_mse", KEYS[:-1])


def scalars(trials: pd.DataFrame, retrained: Mapping[str, bool] = RETRAINED, least: float = 0.0) -> pd.DataFrame:
    """Both scalars of every search: a row per task, method and trial, all strengths together.

    ``parameters``: of the smallest network with test R² ≥ GOOD_R2, those of the maximal one without any. ``error``:
    test error of the network with at most FEW neurons that is best on the validation points. A method that diverged at
    every strength has that of the best constant. retrained: see RETRAINED; least: the least error, a share of the
    variance.
    """
    points = networks(trials)
    good = smallest(points, retrained["parameters"]).set_index(KEYS[:-1])["parameters"]
    error = most_exact(points, retrained["error"]).set_index(KEYS[:-1])["test_mse"]
    searches = trials.groupby(KEYS[:-1])[["maximal_parameters"]].first()
    searches = searches.assign(parameters=good, error=error)
    searches["parameters"] = searches["parameters"].fillna(searches["maximal_parameters"])
    constant = searches.index.get_level_values("task").map(_variances(points)).to_numpy(np.float64)
    searches["error"] = np.fmax(searches["error"].fillna(pd.Series(constant, searches.index)), least * constant)
    return searches.drop(columns="maximal_parameters").reset_index()


def compare(
    trials: pd.DataFrame,
    task: str = TEACHER,
    retrained: Mapping[str, bool] = RETRAINED,
    least: float = 0.0,
    reference: str = REFERENCE,
) -> pd.DataFrame:
    """Compare every baseline with one of SPARCS on one task, paired by seed; Holm over a scalar's baselines.

    retrained, least: as ``scalars`` takes them; claim G2 is judged by the defaults, SPARCS with unsquared L2.

    Columns: scalar, method, n, ratio (geometric mean of baseline / SPARCS, above 1 where SPARCS is better) with its
    95 % bootstrap interval, effect (matched-pairs rank-biserial correlation), p (Wilcoxon, two-sided), p_holm, result
    ("SPARCS better", "baseline better", "no difference", "not tested"), matches (whether the interval lies within
    MARGIN). With fewer than FEWEST_SEEDS there is no test.
    """
    searches = scalars(trials[trials["task"] == task], retrained, least)
    baselines = [name for name in searches["method"].unique() if name not in OWN]
    rows = []
    for scalar in SCALARS:
        values = np.log(searches.pivot(index="trial", columns="method", values=scalar))
        if reference not in values:
            continue
        tests = [{"scalar": scalar, "method": name} | paired(values[name], values[reference]) for name in baselines]
        for row, adjusted in zip(tests, holm([row["p"] for row in tests]), strict=True):
            matches = row["low"] >= 1 / MARGIN and row["high"] <= MARGIN
            rows.append(row | {"p_holm": adjusted, "result": _result(adjusted, row["effect"]), "matches": matches})
    columns = ["scalar", "method", "n", "ratio", "low", "high", "effect", "p", "p_holm", "result", "matches"]
    return pd.DataFrame(rows, columns=columns)


def paired(baseline: pd.Series, reference: pd.Series) -> dict[str, float]:
    """n, ratio, low, high, effect, p of the differences of two columns of logarithms, paired by index."""
    differences = (baseline - reference).dropna().to_numpy()
    n = len(differences)
    if n < 2:
        return {"n": n, "ratio": np.nan, "low": np.nan, "high": np.nan, "effect": np.nan, "p": np.nan}
    mean, low, high = (
        float(np.exp(bound))
        for bound in bootstrap_interval(lambda sample: sample.mean(), differences[None], np.random.default_rng(SEED))
    )
    equal = not differences.any()
    p = 1.0 if equal else float(scipy.stats.wilcoxon(differences, zero_method="pratt").pvalue)
    p = p if n >= FEWEST_SEEDS else np.nan
    return {"n": n, "ratio": mean, "low": low, "high": high, "effect": rank_biserial(differences), "p": p}


def rank_biserial(differences: np.ndarray) -> float:
    """(W⁺ − W⁻) / (W⁺ + W⁻), W the sums of the ranks of |d| with either sign: 1 if every difference is positive."""
    ranks = scipy.stats.rankdata(np.abs(differences))
    up, down = ranks[differences > 0].sum(), ranks[differences < 0].sum()
    return float((up - down) / (up + down)) if up + down else 0.0


def holm(p_values: list[float]) -> list[float]:
    """Adjusted p: the k-th smallest of m times (m − k + 1), at least the one before, at most 1; NaN stays."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)  # NaN last
    m = int(np.isfinite(p).sum())
    adjusted, before = np.full(len(p), np.nan), 0.0
    for k, index in enumerate(order[:m]):
        before = adjusted[index] = max(before, min(1.0, (m - k) * p[index]))
    return adjusted.tolist()


def _counted(points: pd.DataFrame, retrained: bool) -> pd.Series:
    return ~points["retrained"] | retrained


def _variances(points: pd.DataFrame) -> dict[str, float]:
    """The variance of each task's test points, from the row with the least R², which determines it best."""
    worst = lowest(points, "test_r2", "task").set_index("task")
    return (worst["test_mse"] / (1 - worst["test_r2"])).to_dict()


def _result(p: float, effect: float) -> str:
    if np.isnan(p):
        return "not tested"
    if p >= LEVEL:
        return "no difference"
    return "SPARCS better" if effect > 0 else "baseline better"
