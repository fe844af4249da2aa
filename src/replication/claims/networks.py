"""How claims A to D and G are measured: the theory, experiments 1 and 2, the sweep over penalties."""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pandas as pd
import scipy

from replication.experiments.identities import BINOMIAL_IDENTITIES
from replication.experiments.teacher_student import SURVIVES
from replication.statistics import Interval, bootstrap_interval, mean_interval, share_interval
from replication.verdicts import GOOD_FIT, SWEET_SPOT, Measured, Tables

SEED = 20250101  # of the bootstraps
BUDGET = 0.05
FEWEST_RESAMPLED = 10  # trials: intervals of a bootstrap of fewer are too narrow, at three they hold 67 % instead of 95
NOTHING = (np.nan, np.nan, np.nan)
PENALTIES = {"l1": "L1", "l2_squared": "squared L2"}  # besides the experiments' own
GRID_STEP = 0.05 * (1 + 1e-9)  # between two α of the paper
MIDPOINTS = np.linspace(0, 1, 201)  # of α, in the tanh fit
WIDTHS = np.geomspace(0.001, 1, 61)


def perceptron_start(tables: Tables) -> Iterator[Measured]:
    """A1: the largest relative deviation from W_ℓ1 x over random networks."""
    yield _largest(tables, "perceptron_error", "", "largest relative error", (0, 1e-6))


def identities_hold(tables: Tables) -> Iterator[Measured]:
    """A2: how many entries or sums differ from what an identity says, in exact arithmetic."""
    rows = tables["theory/identities"]
    for part, (name, own) in zip("abcdefg", rows.groupby("identity", sort=False), strict=True):
        what, reason = "matrix entries", f"B = 1 … {own['bundles'].max()}, {own['widths'].nunique()} choices of widths"
        if name in BINOMIAL_IDENTITIES:
            what, reason = "sums", f"B = 1 … {own['bundles'].max()}"
        if name == "B.23":
            reason = f"n, ρ up to {own['bundles'].max()}; as printed, 0 at n = ρ too, it is wrong there"
        statement = f"({name}): {what} that are wrong, exact arithmetic"
        yield Measured(part, statement, _exact(own["wrong"].sum()), int(own["compared"].sum()), (0, 0), reason)


def reactivation(tables: Tables) -> Iterator[Measured]:
    """A3: first gradients at step B−k+1; direct-space hidden weights stay exactly 0."""
    yield _largest(tables, "gradient_step_mismatch", "a", "λ_k whose first gradient is not at step B−k+1", (0, 0))
    yield _largest(
        tables, "direct_hidden_weight", "b", "largest weight into a hidden layer after 1,000 direct-space steps", (0, 0)
    )


def switched_off_when_linear(tables: Tables) -> Iterator[Measured]:
    """B1: ‖Γ‖ at α = 0 over that at α = 1, for each β; Spearman correlation of mean ‖Γ‖ with α at β = 5."""
    for part, beta in (("a", 5), ("b", 1000)):
        _, norms = _gamma_norms(tables, beta)
        ends = norms[:: max(len(norms) - 1, 1)]  # (2, trials), the smallest and the largest α
        interval, n = _bootstrap(_mean_curve(_ratio), ends), _fewest(ends)
        statement = f"mean ‖Γ‖(0)/‖Γ‖(1), β = {beta}"
        yield Measured(part, statement, interval, n, (0, 0.05), untested=_too_few(n))
    alphas, norms = _gamma_norms(tables, 5)
    interval = _bootstrap(_mean_curve(lambda curve: scipy.stats.spearmanr(alphas, curve).statistic), norms)
    n = _fewest(norms)
    yield Measured("c", "Spearman ρ of mean ‖Γ‖ with α, β = 5", interval, n, (0.95, 1), untested=_too_few(n))


def smooth_or_jump(tables: Tables) -> Iterator[Measured]:
    """B2: width and midpoint of a tanh fitted to mean ‖Γ‖ against α."""
    for parts, beta in (("ab", 5), ("cd", 1000)):
        alphas, norms = _gamma_norms(tables, beta)
        midpoint = width = NOTHING
        if len(alphas) > 2:
            midpoint, width = _bootstrap(_mean_curve(lambda curve, alphas=alphas: tanh_fit(alphas, curve)), norms)
        region = (0.1, np.inf) if beta == 5 else (0, GRID_STEP)
        n = _fewest(norms)
        few = _too_few(n)
        yield Measured(parts[0], f"width of the tanh fit, β = {beta}", width, n, region, untested=few)
        yield Measured(parts[1], f"midpoint of the tanh fit, β = {beta}", midpoint, n, (0.4, 0.6), untested=few)


def all_fit(tables: Tables) -> Iterator[Measured]:
    """B3: share of trials with a good held-out fit; a diverged trial has none."""
    r2 = tables["regression/trials"]["r2"]
    worst = f"worst held-out R² {r2.min():.3f}; " if r2.notna().any() else ""
    reason = f"{worst}{int(r2.isna().sum())} diverged"
    share = share_interval(int((r2 >= GOOD_FIT).sum()), len(r2))
    yield Measured("", f"share of trials with held-out R² ≥ {GOOD_FIT}", share, len(r2), (0.99, 1), reason)


def fewer_parameters(tables: Tables) -> Iterator[Measured]:
    """C1: spectral over direct parameter counts at width 100, for ℓ > 2 and for ℓ = 2."""
    checks = tables["theory/checks"]
    ratios = checks[checks["check"] == "spectral_over_direct"].set_index("layers")["value"]
    small = checks.loc[checks["check"] == "spectral_over_direct_small", "value"].item()
    deep = ratios[ratios.index > 2]
    reason = f"width 100; experiment 1's 3-300-1 needs more: {small:.3f} times direct space"
    below = float(np.nextafter(1, 0))
    yield Measured("a", "largest spectral/direct ratio for ℓ > 2", _exact(deep.max()), len(deep), (0, below), reason)
    yield Measured("b", "spectral/direct ratio at ℓ = 2: slightly more", _exact(ratios[2]), 1, (1, 1.05))


def linear_fails(tables: Tables) -> Iterator[Measured]:
    """D1: R² of linear regression with intercept over teachers of two rotations."""
    linear = tables["teacher_student/linear"].query("rotations == 2")
    fits = linear[linear["intercept"]].sort_values("teacher")["r2"]
    without = linear.loc[~linear["intercept"], "r2"].mean()
    reason = f"{len(fits)} teachers, the first {fits.iloc[0]:.3f}; without intercept {without:.3f}"
    yield Measured("", "R² with intercept", mean_interval(fits), len(fits), (-np.inf, 0.9), reason)


def one_layer_survives(tables: Tables) -> Iterator[Measured]:
    """D2: shares of seeds in which one layer's eigenvalues survive, and in which the other layer can go.

    A diverged network counts as one in which neither does.
    """
    trials, started = _default_ensemble(tables), len(_started(tables))
    ratio, increase = trials["eigenvalue_ratio"], trials["other_layer_loss_increase"]
    counts = trials["surviving_layer"].value_counts()
    survivors = ", ".join(f"layer {layer} in {count}" for layer, count in counts.items() if layer) or "none"
    smallest = f"; smallest ratio {ratio.min():.0f}" if ratio.notna().any() else ""
    yield Measured(
        "a",
        f"share of seeds with max |λ| of one layer at least {SURVIVES} times the other's",
        share_interval(int((trials["surviving_layer"] > 0).sum()), started),
        started,
        (0.8, 1),
        f"survivor: {survivors}{smallest}; teachers: {trials['teacher'].nunique()}; {started - len(trials)} diverged",
    )
    yield Measured(
        "b",
        "share of seeds in which deleting the other layer raises the held-out loss by at most 5 %",
        share_interval(int((increase <= BUDGET).sum()), started),
        started,
        (0.8, 1),
        f"median increase {100 * increase.median():,.0f} %" if len(trials) else "none is left",
    )


def neurons_left(tables: Tables) -> Iterator[Measured]:
    """D3: live hidden neurons at the 5 % budget, removal (i)."""
    trials = _default_ensemble(tables)
    _, low, high = mean_interval(trials["kept_eigenvalues"])
    reason = (
        f"non-zero eigenvalues, as the paper counts: {trials['kept_eigenvalues'].mean():.1f} [{low:.1f}, {high:.1f}]; "
        f"where neurons are deleted from the weights {trials['kept_neurons_weight_space'].mean():.1f} are kept (mean)"
    )
    statement = "live hidden neurons of both layers within a loss increase of 5 %"
    yield Measured("", statement, mean_interval(trials["live_neurons"]), len(trials), (20, 40), reason)


def trimmed_fit(tables: Tables) -> Iterator[Measured]:
    """D4: R² of the network trimmed as in D3."""
    trials = _default_ensemble(tables)
    reason = f"untrimmed {trials['test_r2'].mean():.4f}"
    statement = f"R² of the network trimmed to the {trials['live_neurons'].mean():.0f} live neurons of D3"
    yield Measured("", statement, mean_interval(trials["trimmed_r2"]), len(trials), (0.97, np.inf), reason)


def sweet_spot(tables: Tables) -> Iterator[Measured]:
    """G1: shortfall of R² from the best ρ's, at the worst ρ of the range and the worst data set; penalty L2.

    The other kinds of penalty stand in the remark.
    """
    sweep = tables["hyperparameters/trials"].fillna({"alpha": -1})
    experiments = sorted(sweep["experiment"].unique()) or ["regression"]
    for part, experiment in zip("ab", experiments, strict=False):
        own = dict(list(sweep[sweep["experiment"] == experiment].groupby("penalty")))
        found = {kind: _shortfall_interval(rows) for kind, rows in own.items()}
        others = ", ".join(
            f"{PENALTIES[kind]} {value:.3g} [{low:.3g}, {high:.3g}]".replace("-", "−")
            for kind, (value, low, high) in found.items()
            if kind in PENALTIES and np.isfinite(value)
        )
        l2 = own.get("l2", sweep.iloc[:0])
        diverged = l2["r2"].isna().sum()
        remarks = (
            f"with other penalties: {others}" if others else "",
            f"{diverged} trainings diverged and count as R² = 0" if diverged else "",
        )
        yield Measured(
            part if len(experiments) > 1 else "",
            f"shortfall of R² within ρ = 1e-5 … 1e-3, {experiment}",
            found.get("l2", NOTHING),
            _fewest(_cells(l2).to_numpy()),
            (0, 0.01),
            "; ".join(filter(None, remarks)),
        )


def shortfall(rhos: np.ndarray, r2: np.ndarray) -> float:
    """Largest (best R² − R²) over the ρ of SWEET_SPOT and the data sets; rhos: (rhos,), r2: (data sets, rhos)."""
    inside = _inside(rhos)
    return float((r2.max(axis=1, keepdims=True) - r2)[:, inside].max()) if inside.any() else np.nan


def _inside(rhos: np.ndarray) -> np.ndarray:
    return (rhos >= SWEET_SPOT[0] * 0.999) & (rhos <= SWEET_SPOT[1] * 1.001)


def _too_few(trials: int) -> str:
    """Why a bootstrap's interval judges nothing; empty if it does."""
    return f"n = {trials}: an interval by bootstrap needs {FEWEST_RESAMPLED}" if 0 < trials < FEWEST_RESAMPLED else ""


def _shortfall_interval(rows: pd.DataFrame) -> Interval:
    """The shortfall with its interval over trials, of the rows of one experiment and one kind of penalty.

    The same trials have every ρ: with few of them, where a bootstrap's intervals are too narrow, it is Student's, of
    the differences between the ρ that are best and worst in the mean.
    """
    if rows["r2"].isna().all():
        return NOTHING
    cells = _cells(rows)
    rhos = cells.index.get_level_values("rho").unique().to_numpy()
    if _fewest(cells.to_numpy()) >= FEWEST_RESAMPLED:
        return _bootstrap(_mean_curve(lambda r2: shortfall(rhos, r2.reshape(-1, len(rhos)))), cells.to_numpy())
    whole, inside = cells.dropna(axis=1), _inside(rhos)  # trials that were run at every ρ
    if whole.empty or not inside.any():
        return NOTHING
    r2 = whole.to_numpy().reshape(-1, len(rhos), whole.shape[1])  # (data sets, rhos, trials)
    means = r2.mean(axis=2)
    falls = np.where(inside, means.max(axis=1, keepdims=True) - means, -np.inf)
    data_set, worst = np.unravel_index(falls.argmax(), falls.shape)
    return mean_interval(r2[data_set, means[data_set].argmax()] - r2[data_set, worst])


def _cells(rows: pd.DataFrame) -> pd.DataFrame:
    """R², a row per data set and ρ, a column per trial; 0 where the training diverged, which explains nothing."""
    return rows.fillna({"r2": 0}).pivot(index=["alpha", "rho"], columns="trial", values="r2")


def tanh_fit(alphas: np.ndarray, curve: np.ndarray) -> tuple[float, float]:
    """(midpoint m, width w) of the least-squares fit  c + h tanh((α − m)/w)  to a curve, h ≥ 0.

    Over the grid MIDPOINTS × WIDTHS, where c and h follow in closed form: the best (m, w) is that whose tanh
    correlates most with the curve. NaN for a curve that is constant or not finite.
    """
    centred = curve - curve.mean()
    if not (np.isfinite(centred).all() and centred.any()):
        return np.nan, np.nan
    correlation = _tanh_shapes(tuple(alphas)) @ centred  # (midpoints, widths), up to one common factor
    m, w = np.unravel_index(correlation.argmax(), correlation.shape)
    return float(MIDPOINTS[m]), float(WIDTHS[w])


def _largest(tables: Tables, check: str, part: str, statement: str, region: tuple[float, float]) -> Measured:
    values = tables["theory/checks"].query("check == @check")["value"]
    return Measured(part, statement, _exact(values.max()), len(values), region)


def _exact(value: float) -> Interval:
    return float(value), float(value), float(value)


def _gamma_norms(tables: Tables, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """α, ascending, and ‖Γ‖ of every trial, (alphas, trials)."""
    trials = tables["regression/trials"]
    norms = trials[trials["beta"] == beta].pivot(index="alpha", columns="trial", values="gamma_norm")
    return norms.index.to_numpy(), norms.to_numpy()


def _started(tables: Tables) -> pd.DataFrame:
    return tables["teacher_student/trials"].query("ensemble == 'l2'")


def _default_ensemble(tables: Tables) -> pd.DataFrame:
    return _started(tables).query("diverged_epoch < 0")


def _bootstrap(statistic: Callable[[np.ndarray], object], samples: np.ndarray) -> Interval | list[Interval]:
    """The statistic's interval, or a list of intervals for a statistic of several numbers; of one group, NOTHING."""
    if len(samples) < 2:
        return NOTHING
    found = np.stack(bootstrap_interval(statistic, samples, np.random.default_rng(SEED)))  # (3,) or (3, numbers)
    return tuple(found.tolist()) if found.ndim == 1 else [tuple(one) for one in found.T.tolist()]


def _fewest(samples: np.ndarray) -> int:
    return int(np.isfinite(samples).sum(axis=1).min()) if len(samples) else 0


def _ratio(ends: np.ndarray) -> float:
    return float(ends[0] / ends[1])


@cache
def _tanh_shapes(alphas: tuple[float, ...]) -> np.ndarray:
    """tanh((α − m)/w) over the grid, centred and of unit norm (zero where it is flat), (midpoints, widths, alphas)."""
    shapes = np.tanh((np.array(alphas) - MIDPOINTS[:, None, None]) / WIDTHS[:, None])
    shapes = shapes - shapes.mean(axis=-1, keepdims=True)
    norms = np.sqrt(np.square(shapes).sum(axis=-1, keepdims=True))
    return np.divide(shapes, norms, out=np.zeros_like(shapes), where=norms > 0)


def _mean_curve(statistic: Callable[[np.ndarray], object]) -> Callable[[np.ndarray], object]:
    """The statistic of the mean over the trials that did not diverge; NaN where all did."""

    def of_means(sample: np.ndarray) -> object:
        finished = np.isfinite(sample)
        sums = np.where(finished, sample, 0).sum(axis=1)
        counts = finished.sum(axis=1)
        return statistic(np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0))

    return of_means
