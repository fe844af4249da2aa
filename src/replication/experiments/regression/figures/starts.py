"""What the sign of λ_3 at the start means: the shapes that a hidden neuron can open, and what opens in experiment 1."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.report.intervals import count_range
from replication.report.style import BLUE, GREEN, GREY, INK, ORANGE, PAGE, RED, styled
from replication.report.text import counted, listing

STARTS = {1: ("from λ₃ = 1", RED), -1: ("from λ₃ = −1", GREEN)}
HIDDEN_EIGENVALUES = {  # whose shapes are drawn, with their looks
    -1.0: ("λ₂ = −1", BLUE, (0, (4, 1.5))),
    -0.5: ("λ₂ = −½", BLUE, "-"),
    0.0: ("λ₂ = 0", GREY, "-"),
    0.5: ("λ₂ = ½", ORANGE, "-"),
    1.0: ("λ₂ = 1", ORANGE, (0, (4, 1.5))),
}
LAYERS = {  # columns of the table of starts
    2: ("λ₂, least and largest", ["least_hidden_eigenvalue", "largest_hidden_eigenvalue"]),
    1: ("λ₁ of inputs and bias", [f"input_eigenvalue_{k}" for k in (1, 2, 3)]),
}
POINTS = np.linspace(-1, 1, 41)  # of v; 0 is among them
STEP = 0.05  # of α, between the starts


def contribution(v: np.ndarray, hidden: float, output: float) -> np.ndarray:
    """What a hidden neuron of three layers adds to an output, (λ_3 − λ_2) [v − f(−λ_2 v)], f = relu, for φ_2 = 1.

    It is (4.5) with (4.3) and λ_1 = 0: φ_2 (λ_2 − λ_3) f(−λ_2 v) + (λ_3 − λ_2) φ_2 v, with v = φ_1 x, any shape.
    """
    return (output - hidden) * (v - np.maximum(-hidden * v, 0))


def opened_by_hidden(starts: pd.DataFrame) -> pd.Series:
    """Whether λ_2 rather than λ_1 opened the hidden layer: its largest |λ| is the larger one."""
    hidden, inputs = (starts[columns].abs().max(axis=1) for _, columns in (LAYERS[2], LAYERS[1]))
    return hidden > inputs


def fig_starts_table(starts: pd.DataFrame) -> pd.DataFrame:
    """The shapes, one row per start, λ_2 and v; and the trained eigenvalues, one per network and layer's column.

    starts: of experiment 1 from both starts, without rows or columns if they were not trained.
    """
    shapes = [
        pd.DataFrame({"v": POINTS, "contribution": contribution(POINTS, hidden, output)}).assign(
            output_eigenvalue=output, hidden_eigenvalue=hidden
        )
        for output in STARTS
        for hidden in HIDDEN_EIGENVALUES
    ]
    return pd.concat([*shapes, *_trained(starts)], ignore_index=True)


def _trained(starts: pd.DataFrame) -> list[pd.DataFrame]:
    if starts.empty:
        return []
    finished = starts.dropna(subset=["gamma_norm"])
    opened = {"open": finished["active_neurons"] > 0, "by_hidden": opened_by_hidden(finished)}
    finished = finished.assign(**{name: column.astype("boolean") for name, column in opened.items()})
    keys = ["output_eigenvalue", "alpha", "trial", "open", "by_hidden"]
    return [
        finished.melt(keys, columns, "column", "eigenvalue").assign(layer=layer)
        for layer, (_, columns) in LAYERS.items()
    ]


@styled
def fig_starts(drawn: pd.DataFrame) -> Figure:
    """What the start decides.

    Above: what a hidden neuron of three layers adds to an output, for several λ₂, at λ₃ = 1 and at λ₃ = −1. Below: the
    eigenvalues of experiment 1 after training from both starts.

    Beyond the paper: it starts at λ₃ = 1 and does not ask for the sign.
    """
    trained = _trained_rows(drawn)
    rows = 1 + (len(trained) > 0)
    figure = Figure(figsize=(PAGE, 0.4 + 2.3 * rows), layout="constrained")
    panels = figure.subplots(rows, 2, sharey="row", squeeze=False)
    for axes, output in zip(panels[0], STARTS, strict=True):
        _draw_shapes(axes, drawn[drawn["output_eigenvalue"] == output])
        axes.set_title(f"λ₃ = {output}".replace("-", "−"))
    panels[0, 0].set_ylabel("contribution, in units of φ₂")
    panels[0, 0].legend(loc="upper left", ncols=2)
    if rows > 1:
        for axes, (layer, (label, _)) in zip(panels[1], LAYERS.items(), strict=True):
            _draw_trained(axes, trained[trained["layer"] == layer])
            axes.set_title(label)
        panels[1, 0].set_ylabel("eigenvalue after training")
        panels[1, 0].legend(loc="lower left")
    return figure


def fig_starts_result(drawn: pd.DataFrame) -> str:
    """In how many networks the hidden layer is open, from either start."""
    networks = _trained_rows(drawn).drop_duplicates(["output_eigenvalue", "alpha", "trial"])
    if networks.empty:
        return "Experiment 1 from $\\lambda_3 = -1$ has not been run."
    said, before = [], None
    for output, of_start in networks.groupby("output_eigenvalue", sort=False)["open"]:
        n = len(of_start)
        of = "" if n == before else f" of {counted(n, 'network')}"
        said.append(f"in {int(of_start.sum())}{of} from $\\lambda_3 = {output:g}$")
        before = n
    return f"The hidden layer opens {listing(said)}."


def fig_starts_caption(drawn: pd.DataFrame) -> str:
    """The starts in words."""
    trained = _trained_rows(drawn)
    shapes = (
        "Above: what a hidden neuron adds to an output, $(\\lambda_3 - \\lambda_2)\\varphi_2[v - f(-\\lambda_2 v)]$ "
        "with $v = \\varphi_1 x$ and $f$ = ReLU. Its kink has size $|\\lambda_2(\\lambda_3 - \\lambda_2)\\varphi_2|$: "
        "away from $\\lambda_3$ it grows with $|\\lambda_2|$, on $\\lambda_3$'s own side of zero it is gone again at "
        "$\\lambda_2 = \\lambda_3$."
    )
    title, paper = f"**Starts.** {fig_starts_result(drawn)}", "*The paper* has no such figure."
    if trained.empty:
        return f"{title} {shapes} {paper}"
    counts = trained.groupby(["output_eigenvalue", "alpha"])["trial"].nunique()
    return (
        f"{title} {_by_hidden(trained)} {shapes} Below: experiment 1 after training, n = "
        f"{count_range(counts)} networks at each $\\alpha$ and start, a dot for each eigenvalue. Left: the least and "
        "the largest of the hidden layer; right: those of the inputs and of the bias neuron. Only differences act: "
        f"$\\lambda_1 > 0$ opens the layer as $\\lambda_2 < 0$ does. {paper}"
    )


def _trained_rows(drawn: pd.DataFrame) -> pd.DataFrame:
    """The rows of trained eigenvalues; none where no network was trained."""
    return drawn.dropna(subset=["eigenvalue"]) if "eigenvalue" in drawn else drawn.head(0)


def _by_hidden(trained: pd.DataFrame) -> str:
    """In how many of the networks with an open layer its own eigenvalues opened it."""
    networks = trained.drop_duplicates(["output_eigenvalue", "alpha", "trial"])
    opened = networks[networks["open"].astype(bool)]
    own = int(opened["by_hidden"].astype(bool).sum())
    return (
        f"Its own eigenvalues opened it in {own} of these, the inputs' in {len(opened) - own}." if len(opened) else ""
    )


def _draw_shapes(axes: Axes, rows: pd.DataFrame) -> None:
    for hidden, (label, color, dashes) in HIDDEN_EIGENVALUES.items():
        shape = rows[rows["hidden_eigenvalue"] == hidden]
        axes.plot(shape["v"], shape["contribution"], color=color, linestyle=dashes, label=label)
    axes.set_xlabel("v = φ₁ x")


def _draw_trained(axes: Axes, rows: pd.DataFrame) -> None:
    axes.axhline(0, color=INK, linewidth=0.6)
    for place, (output, (label, color)) in zip((-0.5, 0.5), STARTS.items(), strict=True):
        of_start = rows[rows["output_eigenvalue"] == output]
        axes.plot(of_start["alpha"] + STEP * place, of_start["eigenvalue"], "o", color=color, alpha=0.5,
                  markeredgewidth=0, label=label)  # fmt: skip
    axes.set_xticks(sorted(rows["alpha"].unique()))
    axes.set_xlabel("degree of non-linearity α")
