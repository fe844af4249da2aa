"""Figures 7, 13 and 14: how far the hidden path is open, against the data's degree of non-linearity α."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.experiments.regression.figures.networks import DRAWN, draw_network, full_strengths
from replication.experiments.regression.figures.surfaces import draw_surface, name_axes
from replication.report.intervals import draw_mean, draw_spread, interval_note, mean_note, over_trials
from replication.report.style import GREY, PAGE, color_of, styled
from replication.report.text import listing, number

DATA_SET = ["beta", "alpha"]
PANEL_ALPHAS = (0.0, 0.4, 0.6, 1.0)  # of Figure 7's panels


def fig07_table(trials: pd.DataFrame) -> pd.DataFrame:
    """‖Γ‖ summarised over the trials of each data set."""
    return over_trials(trials, "gamma_norm", DATA_SET)


@styled
def fig07(drawn: pd.DataFrame, paths: pd.DataFrame, skips: pd.DataFrame, surface: pd.DataFrame) -> Figure:
    """Figure 7: from a linear to a quadratic task.

    Norm of the hidden path, ‖Γ‖, against the degree of non-linearity α, for a smooth (β = 5) and a sudden (β = 1000)
    transition; below, one trained network and its fit at a few α.

    The paper: the hidden path is unused while the task is linear; it is recruited smoothly for β = 5 and at once at α =
    ½ for β = 1000.

    drawn: from ``fig07_table``; paths, skips, surface: what the panels show (``panel_rows``).
    """
    alphas = sorted(surface["alpha"].unique())
    figure = Figure(figsize=(PAGE, 5.6))
    main = figure.add_axes((0.09, 0.56, 0.9, 0.43))
    _draw_transition(main, drawn)
    width = 1 / max(len(alphas), 1)
    for column, alpha in enumerate(alphas):
        main.axvline(alpha, color=GREY, linewidth=0.6, zorder=0)
        network = figure.add_axes((column * width, 0.27, width, 0.18))
        draw_network(network, _at(paths, alpha), _at(skips, alpha), full_strengths(paths, skips))
        network.set_title(f"α = {alpha:g}", loc="center")
        surface_axes = figure.add_axes((column * width, 0.01, width, 0.26), projection="3d")
        draw_surface(surface_axes, _at(surface, alpha), "fitted")
        name_axes(surface_axes, "$y$")
    return figure


def panel_rows(table: pd.DataFrame, beta: float) -> pd.DataFrame:
    """The rows of a model-0 table that Figure 7's panels show: one β, and the α nearest to the wanted few."""
    chosen = table[table["beta"] == beta].dropna()
    alphas = chosen["alpha"].unique()
    if len(alphas) == 0:
        return chosen
    nearest = {alphas[np.abs(alphas - wanted).argmin()] for wanted in PANEL_ALPHAS}
    return chosen[chosen["alpha"].isin(nearest)]


def fig07_result(drawn: pd.DataFrame) -> str:
    """How much of its rise the norm makes around the middle, where that is known; else where it ends."""
    shares = []
    for beta, of_beta in drawn.groupby("beta"):
        below, above = (of_beta[side(of_beta["alpha"], 0.5)] for side in (np.less, np.greater))
        rise = of_beta["mean"].iloc[-1] - of_beta["mean"].iloc[0]
        if len(below) and len(above) and rise > 0:
            steps = below["alpha"].iloc[-1], above["alpha"].iloc[0]
            share = (above["mean"].iloc[0] - below["mean"].iloc[-1]) / rise
            shares.append(f"{100 * share:.0f} %{' of its rise' * (not shares)} for $\\beta = {beta:g}$")
    if not shares:
        return _ends(drawn, "mean norm of the hidden path")
    between = f"between $\\alpha = {steps[0]:g}$ and ${steps[1]:g}$"
    return f"The norm of the hidden path makes {listing(shares)} {between}."


def fig07_caption(drawn: pd.DataFrame) -> str:
    """Figure 7 in words."""
    return (
        f"**Figure 7.** {fig07_result(drawn)} Above: $\\|\\Gamma\\|$ with "
        "$\\Gamma_{ijk} = [W_{32}]_{ij}[W_{21}]_{jk}$, against the degree of non-linearity $\\alpha$ of the data. "
        "Dotted: the share of the quadratic part in the data, $\\frac{1}{2}[1 + \\tanh\\beta(\\alpha - "
        "\\frac{1}{2})]$, scaled to the means by least squares. "
        f"{interval_note(drawn['n'])} Below, for the smallest $\\beta$ and the $\\alpha$ marked by grey lines: model 0 "
        f"after training, and the surface that it has learnt. {DRAWN} "
        "*The paper's figure* shows one curve per $\\beta$: a smooth rise for $\\beta = 5$, a jump at "
        "$\\alpha = \\frac{1}{2}$ for $\\beta = 1000$."
    )


def _ends(drawn: pd.DataFrame, what: str) -> str:
    """A mean at the first and the last α of the smallest β."""
    of_beta = drawn[drawn["beta"] == drawn["beta"].min()]
    first, last = of_beta.iloc[0], of_beta.iloc[-1]
    at = [f"{number(row['mean'])} at $\\alpha = {row['alpha']:g}$" for row in (first, last)[: len(of_beta)]]
    return f"The {what} for $\\beta = {first['beta']:g}$ is {listing(at)}."


def fig13_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Mean and norm of |λ| over layers 1 and 2, each divided by its largest mean for that β."""
    columns = {"mean_abs_eigenvalue": "mean", "eigenvalue_norm": "norm"}
    parts = [
        _by_largest(over_trials(trials, column, DATA_SET)).assign(measure=measure)
        for column, measure in columns.items()
    ]
    return pd.concat(parts, ignore_index=True)


@styled
def fig13(drawn: pd.DataFrame) -> Figure:
    """Figure 13: eigenvalues grow with the non-linearity.

    Mean size of the input and hidden eigenvalues against α, divided by its maximum for each β.

    The paper: it follows the same transition as ‖Γ‖. Its text and its caption define the quantity differently; both are
    drawn.
    """
    figure = Figure(figsize=(PAGE, 2.5), layout="constrained")
    titles = {"mean": "mean |λ| of layers 1 and 2", "norm": "norm ‖(λ₁, λ₂)‖"}
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (measure, title) in zip(panels, titles.items(), strict=True):
        _draw_curves(axes, drawn[drawn["measure"] == measure])
        axes.set_title(title)
    panels[0].set_ylabel("relative to its largest mean")
    panels[0].legend(loc="upper left")
    return figure


def fig13_result(drawn: pd.DataFrame) -> str:
    """Where the mean |λ| starts, relative to its largest value, for each β."""
    mean = drawn[drawn["measure"] == "mean"].dropna(subset=["mean"])
    if mean.empty:
        return "No eigenvalue has left 0."
    alpha = mean["alpha"].min()
    first = mean[mean["alpha"] == alpha]
    said = [f"{number(100 * row.mean)} % of its largest for $\\beta = {row.beta:g}$" for row in first.itertuples()]
    return f"The mean $|\\lambda|$ at $\\alpha = {alpha:g}$ is {listing(said)}."


def fig13_caption(drawn: pd.DataFrame) -> str:
    """Figure 13 in words."""
    return (
        f"**Figure 13.** {fig13_result(drawn)} Left: the mean of $|\\lambda|$ over the input and the hidden layer, as "
        "in the paper's caption. Right: their norm, as in its text. Each is divided by its largest mean for "
        f"that $\\beta$. {mean_note(drawn['n'])} With a trained input layer $|\\lambda|$ is not unique, for only "
        "differences of eigenvalues act: $\\|\\Gamma\\|$ is the sounder measure. "
        "*The paper's figure* shows one normalised curve per $\\beta$, with the same rise as Figure 7."
    )


def fig14_table(trials: pd.DataFrame, data_sets: pd.DataFrame) -> pd.DataFrame:
    """Mean ‖Γ‖², and beside it the other readings of the paper's Figure 14."""
    squared = over_trials(trials.assign(squared=trials["gamma_norm"] ** 2), "squared", DATA_SET)
    norms = over_trials(trials, "gamma_norm", DATA_SET)[[*DATA_SET, "mean"]].rename(columns={"mean": "mean_norm"})
    table = squared.merge(norms).merge(data_sets[[*DATA_SET, "norm_of_mean_gamma"]])
    largest = table.groupby("beta")["norm_of_mean_gamma"].transform("max")
    relative = table["norm_of_mean_gamma"] / largest.where(largest > 0)
    return table.assign(squared_norm_of_mean_by_largest=relative**2)


@styled
def fig14(drawn: pd.DataFrame) -> Figure:
    """Figure 14: the squared norm of the hidden path.

    Mean of ‖Γ‖² over the trained networks against α.

    The paper: it rises as Figure 7 does. The caption's norm of the mean Γ has no meaning, for hidden neurons can be
    exchanged; it is in the source table.
    """
    figure = Figure(figsize=(PAGE, 2.5), layout="constrained")
    axes = figure.subplots()
    _draw_curves(axes, drawn)
    axes.set_ylabel("‖Γ‖²")
    axes.legend(loc="upper left")
    return figure


def fig14_result(drawn: pd.DataFrame) -> str:
    """Mean ‖Γ‖² at both ends."""
    return _ends(drawn, "mean $\\|\\Gamma\\|^2$")


def fig14_caption(drawn: pd.DataFrame) -> str:
    """Figure 14 in words."""
    return (
        f"**Figure 14.** {fig14_result(drawn)} It stands against the degree of non-linearity $\\alpha$ of the data. "
        f"{mean_note(drawn['n'])} *The paper* describes this figure in three ways: the squared norm (text), the "
        "normalised squared norm of the mean $\\Gamma$ (caption), the mean norm (code). Hidden neurons are "
        "exchangeable, so a mean $\\Gamma$ over trials has no meaning; the source table holds the other readings too."
    )


def _draw_transition(axes: Axes, drawn: pd.DataFrame) -> None:
    _draw_curves(axes, drawn, draw_spread)
    betas = sorted(drawn["beta"].unique())
    alpha = np.linspace(0, 1, 501)
    for beta in betas:
        of_beta = drawn[drawn["beta"] == beta]
        share = _quadratic_share(of_beta["alpha"], beta)
        squares = (share**2).sum()
        if squares == 0:  # at no α of the data there is a quadratic part to scale
            continue
        curve = (of_beta["mean"] * share).sum() / squares * _quadratic_share(alpha, beta)
        axes.plot(alpha, curve, color=color_of(betas, beta), linewidth=0.8, linestyle=(0, (1, 1.5)))
    axes.set_ylabel("norm of the hidden path, ‖Γ‖")
    axes.legend(loc="upper left")


def _quadratic_share(alpha: np.ndarray | pd.Series, beta: float) -> np.ndarray | pd.Series:
    return (1 + np.tanh(beta * (alpha - 0.5))) / 2


def _draw_curves(axes: Axes, drawn: pd.DataFrame, draw: Callable = draw_mean) -> None:
    betas = sorted(drawn["beta"].unique())
    for beta in betas:
        draw(axes, drawn[drawn["beta"] == beta], "alpha", color_of(betas, beta), f"β = {beta:g}")
    axes.set_xlabel("degree of non-linearity α")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(bottom=0)


def _by_largest(summary: pd.DataFrame) -> pd.DataFrame:
    largest = summary.groupby("beta")["mean"].transform("max")
    columns = ["mean", "low", "high", "median", "trials_low", "trials_high"]
    return summary.assign(**{column: summary[column] / largest.where(largest > 0) for column in columns})


def _at(table: pd.DataFrame, alpha: float) -> pd.DataFrame:
    return table[table["alpha"] == alpha]
