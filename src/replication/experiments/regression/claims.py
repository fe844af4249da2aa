"""How claims B are measured: when the hidden path opens."""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import scipy

from replication.judging.bootstraps import NOTHING, bootstrap, fewest, of_mean, too_few
from replication.judging.divergence import Divergence, divergence
from replication.judging.statistics import share_interval
from replication.judging.verdicts import GOOD_FIT, Claim, Each, Measured, Tables

GRID_STEP = 0.05 * (1 + 1e-9)  # between two α of the paper
MIDPOINTS = np.linspace(0, 1, 201)  # of α, in the tanh fit
WIDTHS = np.geomspace(0.001, 1, 61)


def switched_off_when_linear(tables: Tables) -> Iterator[Measured]:
    """B1: ‖Γ‖ at α = 0 over that at α = 1, for each β; Spearman correlation of mean ‖Γ‖ with α at β = 5."""
    for part, beta in (("a", 5), ("b", 1000)):
        alphas, norms = _gamma_norms(tables, beta)
        ends = slice(None, None, max(len(norms) - 1, 1))  # the smallest and the largest α
        interval, n = bootstrap(of_mean(_ratio), norms[ends]), fewest(norms[ends])
        statement = f"mean ‖Γ‖(0)/‖Γ‖(1), β = {beta}"
        lost = _diverged(tables, beta, alphas[ends])
        each = Each(_of_trials(_ratio, norms[ends]), "the ratio of one trial")
        yield Measured(part, statement, interval, n, (0, 0.05), untested=too_few(n), diverged=lost, each=each)
    alphas, norms = _gamma_norms(tables, 5)

    def rank_correlation(curve: np.ndarray) -> float:
        return scipy.stats.spearmanr(alphas, curve).statistic if np.ptp(curve) else np.nan

    interval, n = bootstrap(of_mean(rank_correlation), norms), fewest(norms)
    yield Measured("c", "Spearman ρ of mean ‖Γ‖ with α, β = 5", interval, n, (0.95, 1), untested=too_few(n),
                   diverged=_diverged(tables, 5, alphas),
                   each=Each(_of_trials(rank_correlation, norms), "ρ of one trial"))  # fmt: skip


def smooth_or_jump(tables: Tables) -> Iterator[Measured]:
    """B2: width and midpoint of a tanh fitted to mean ‖Γ‖ against α."""
    for parts, beta in (("ab", 5), ("cd", 1000)):
        alphas, norms = _gamma_norms(tables, beta)
        midpoint = width = NOTHING
        if len(alphas) > 2:
            midpoint, width = bootstrap(of_mean(lambda curve, alphas=alphas: tanh_fit(alphas, curve)), norms)
        region = (0.1, np.inf) if beta == 5 else (0, GRID_STEP)
        n, fits = fewest(norms), _of_trials(lambda curve, alphas=alphas: tanh_fit(alphas, curve), norms)
        for part, name, interval, asked, values in (
            (parts[0], "width", width, region, [width for _, width in fits]),
            (parts[1], "midpoint", midpoint, (0.4, 0.6), [midpoint for midpoint, _ in fits]),
        ):
            yield Measured(part, f"{name} of the tanh fit, β = {beta}", interval, n, asked, untested=too_few(n),
                           diverged=_diverged(tables, beta, alphas),
                           each=Each(np.array(values), "the fit of one trial"))  # fmt: skip


def all_fit(tables: Tables) -> Iterator[Measured]:
    """B3: share of trials with a good held-out fit; a diverged trial has none."""
    trials = tables["regression/trials"]
    r2, lost = trials["r2"], divergence(trials, "r2", ["beta", "alpha"])
    reasons = (f"worst held-out R² {r2.min():.3f}" if r2.notna().any() else "", "" if lost.count else "0 diverged")
    share = share_interval(int((r2 >= GOOD_FIT).sum()), len(r2))
    yield Measured("", f"share of trials with held-out R² ≥ {GOOD_FIT}", share, len(r2), (0.99, 1),
                   "; ".join(filter(None, reasons)), diverged=lost,
                   each=Each(r2.to_numpy(), "held-out R² of one trial", (GOOD_FIT, 1)))  # fmt: skip


def tanh_fit(alphas: np.ndarray, curve: np.ndarray) -> tuple[float, float]:
    """(midpoint m, width w) of the least-squares fit  c + h tanh((α − m)/w)  to a curve, h ≥ 0.

    The fit is over the grid MIDPOINTS × WIDTHS, where c and h follow in closed form. The best (m, w) is that whose tanh
    correlates most with the curve. NaN for a curve that is constant or not finite.
    """
    centred = curve - curve.mean()
    if not (np.isfinite(centred).all() and centred.any()):
        return np.nan, np.nan
    correlation = _tanh_shapes(tuple(alphas)) @ centred  # (midpoints, widths), up to one common factor
    m, w = np.unravel_index(correlation.argmax(), correlation.shape)
    return float(MIDPOINTS[m]), float(WIDTHS[w])


def _gamma_norms(tables: Tables, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """α, ascending, and ‖Γ‖ of every trial, (alphas, trials)."""
    trials = tables["regression/trials"]
    norms = trials[trials["beta"] == beta].pivot(index="alpha", columns="trial", values="gamma_norm")
    return norms.index.to_numpy(), norms.to_numpy()


def _diverged(tables: Tables, beta: float, alphas: np.ndarray) -> Divergence:
    """The trainings at one β and some α, an ensemble each."""
    trials = tables["regression/trials"]
    return divergence(trials[(trials["beta"] == beta) & trials["alpha"].isin(alphas)], "gamma_norm", ["beta", "alpha"])


def _of_trials(statistic: Callable[[np.ndarray], object], norms: np.ndarray) -> np.ndarray:
    """The statistic of every trial's own curve; NaN where a training of it diverged. norms: (alphas, trials)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array([statistic(curve) for curve in norms.T] if len(norms) > 1 else [])


def _ratio(ends: np.ndarray) -> float:
    return float(ends[0] / ends[1])


@cache
def _tanh_shapes(alphas: tuple[float, ...]) -> np.ndarray:
    """tanh((α − m)/w) over the grid, centred and of unit norm (zero where it is flat), (midpoints, widths, alphas)."""
    shapes = np.tanh((np.array(alphas) - MIDPOINTS[:, None, None]) / WIDTHS[:, None])
    shapes = shapes - shapes.mean(axis=-1, keepdims=True)
    norms = np.sqrt(np.square(shapes).sum(axis=-1, keepdims=True))
    return np.divide(shapes, norms, out=np.zeros_like(shapes), where=norms > 0)


CLAIMS = [
    Claim("B1", "the hidden path is unused at α = 0 and grows with α", "Figures 7, 13, 14", "‖Γ‖ from 0 upwards",
          "02_alpha_beta, fig07, fig13, fig14", switched_off_when_linear, ("regression/trials",)),
    Claim("B2", "smooth for β = 5, a jump at α = ½ for β = 1000", "Figure 7", "shown", "02_alpha_beta, fig07",
          smooth_or_jump, ("regression/trials",)),
    Claim("B3", "all models fit", "Figure 12", "shown for one model", "02_alpha_beta, fig12", all_fit,
          ("regression/trials",)),
]  # fmt: skip
