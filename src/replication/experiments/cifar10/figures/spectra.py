"""Figure 17: how the eigenvalues of the SPARCS heads of experiment 3 are distributed after training."""

import pandas as pd
from matplotlib.figure import Figure

from replication.report.spectra import draw_spectra, histograms, what_is_drawn
from replication.report.stand_in import stamped, title
from replication.report.style import styled


def fig17_table(eigenvalues: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Neurons per bin of λ and of |λ| after the last epoch on CIFAR-10, over the networks of each sign of W_31."""
    last = eigenvalues[eigenvalues["epoch"] == eigenvalues["epoch"].max()]
    return histograms(last).assign(stand_in=trials["stand_in"].any())


@styled
@stamped
def fig17(drawn: pd.DataFrame) -> Figure:
    """Figure 17: CIFAR-10 eigenvalues.

    Histograms of the eigenvalues of the head's hidden layer and of its last layer after training.

    The paper: the hidden eigenvalues form two clusters, and only a limited share of the neurons is recruited.
    """
    return draw_spectra(drawn)


def fig17_caption(drawn: pd.DataFrame) -> str:
    """Figure 17 in words."""
    return (
        f"{title('Figure 17', drawn)} Eigenvalues of the SPARCS head after training on CIFAR-10: (a) of the hidden "
        f"layer, (b) of the last layer. {what_is_drawn(drawn)} "
        "*The paper's figure* shows one network of its 100 on linear axes: most hidden eigenvalues close to 0, and a "
        "second group."
    )
