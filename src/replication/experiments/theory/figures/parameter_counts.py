"""Figure 8: numbers to train, with one weight per connection and with the spectral parametrization."""

import pandas as pd
from matplotlib.figure import Figure

from replication.report.style import BLUE, COLUMN, RED, styled
from sparcs.spectral import count_parameters

WIDTH, MOST_LAYERS = 100, 10
COLORS = {"direct": BLUE, "spectral": RED}


def fig08_table(width: int = WIDTH, most_layers: int = MOST_LAYERS) -> pd.DataFrame:
    """Parameters of both parametrizations for 2 to ``most_layers`` layers of equal width."""
    rows = [
        {"layers": layers, "width": width, "parametrization": kind, "parameters": count_parameters(layers, width, kind)}
        for kind in COLORS
        for layers in range(2, most_layers + 1)
    ]
    return pd.DataFrame(rows)


@styled
def fig08(drawn: pd.DataFrame) -> Figure:
    """Figure 8: how many parameters.

    Number of trained parameters against the number of layers, all of them 100 wide and all pairs connected, in direct
    space and in the spectral one.

    The paper: direct space grows quadratically with depth, the spectral parametrization linearly; only without a hidden
    layer does it need slightly more.
    """
    figure = Figure(figsize=(COLUMN, 2.4), layout="constrained")
    axes = figure.subplots()
    for kind, color in COLORS.items():
        rows = drawn[drawn["parametrization"] == kind]
        axes.plot(rows["layers"], rows["parameters"] / 1000, "o-", color=color)
        middle = rows.iloc[2 * len(rows) // 3]
        offset = {"direct": ((-6, 4), "right"), "spectral": ((4, -12), "left")}[kind]
        place = (middle["layers"], middle["parameters"] / 1000)
        axes.annotate(kind, place, offset[0], textcoords="offset points", ha=offset[1], color=color)
    axes.set_xlabel("layers ℓ, input and output included")
    axes.set_ylabel("parameters (thousands)")
    axes.set_xticks(sorted(drawn["layers"].unique()))
    axes.set_ylim(bottom=0)
    return figure


def fig08_result(drawn: pd.DataFrame) -> str:
    """What the deepest network needs in both spaces."""
    counts = drawn.pivot(index="layers", columns="parametrization", values="parameters")
    last = counts.iloc[-1]
    return (
        f"The spectral network trains {last['spectral']:,} numbers with {counts.index[-1]} layers, that in direct "
        f"space {last['direct']:,}."
    )


def fig08_caption(drawn: pd.DataFrame) -> str:
    """Figure 8 in words."""
    counts = drawn.pivot(index="layers", columns="parametrization", values="parameters")
    first = counts.iloc[0]
    return (
        f"**Figure 8.** {fig08_result(drawn)} All layers are {drawn['width'].iloc[0]} wide, and every pair of them is "
        "connected. Direct: $N^2\\ell(\\ell - 1)/2$; spectral: $N^2(\\ell - 1) + N\\ell$. At "
        f"{counts.index[0]} layers the spectral network needs slightly more, {first['spectral']:,} against "
        f"{first['direct']:,}. Exact. *The paper's figure* shows the same two curves."
    )
