"""Figure 18: how the eigenvalues of the SPARCS heads of experiment 4 are distributed after training."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.judging.heads import HIDDEN, LAST, SPARCS
from replication.report.spectra import LARGE, draw_spectra, histograms, share_above, what_is_drawn
from replication.report.stand_in import backbone_note, backbone_of, stamped, title
from replication.report.style import styled
from replication.report.text import listing


def fig18_table(eigenvalues: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Neurons per bin of λ and of |λ| after the pass over CIFAR-100, over the networks; with the backbone."""
    return histograms(eigenvalues).assign(stand_in=trials["stand_in"].any(), **backbone_of(trials))


@styled
@stamped
def fig18(drawn: pd.DataFrame) -> Figure:
    """Figure 18: CIFAR-100 eigenvalues.

    Histograms of the eigenvalues of the head's hidden layer and of its last layer, on the features of a pre-trained
    network.

    The paper: the hidden eigenvalues stay orders of magnitude below the last layer's: on strong features a perceptron
    is enough, and the head stays one.
    """
    return draw_spectra(drawn)


def fig18_result(drawn: pd.DataFrame) -> str:
    """How many eigenvalues of either layer are large."""
    head = SPARCS if (drawn["head"] == SPARCS).any() else drawn["head"].iloc[0]
    shares = {name: share_above(drawn, head, layer) for name, layer in (("hidden", HIDDEN), ("last", LAST))}
    said = [f"{share:.0f} % in the {name} layer" for name, share in shares.items() if not np.isnan(share)]
    return f"The share of eigenvalues above {LARGE} in size is {listing(said)}."


def fig18_caption(drawn: pd.DataFrame) -> str:
    """Figure 18 in words."""
    return (
        f"{title('Figure 18', drawn)} {fig18_result(drawn)} Eigenvalues of the SPARCS head after one pass over "
        f"CIFAR-100. {backbone_note(drawn)} {what_is_drawn(drawn)} *The paper's figure* shows one network of its 100 "
        "on linear axes: hidden eigenvalues orders of magnitude below the last layer's."
    )
