"""Figure 17: how the eigenvalues of the SPARCS heads of experiment 3 are distributed after training."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.judging.heads import HIDDEN, LAST, OTHER_SIGN, SPARCS
from replication.report.spectra import LARGE, draw_spectra, histograms, share_above, what_is_drawn
from replication.report.stand_in import stamped, title
from replication.report.style import styled
from replication.report.text import listing

WORDS = {SPARCS: "by (4.3)", OTHER_SIGN: "with the authors' sign"}


def by_equation(eigenvalues: pd.DataFrame) -> pd.DataFrame:
    """Eigenvalues as (4.3) has them: those of heads in the authors' own writing change their sign.

    That writing starts at λ_3 = 1 what (4.3) starts at −1; after one epoch λ_3 still has the sign of its start.
    """
    first = eigenvalues[(eigenvalues["epoch"] == eigenvalues["epoch"].min()) & (eigenvalues["layer"] == LAST)]
    started = first.groupby(["head", "trial"])["eigenvalue"].mean().rename("started").reset_index()
    rows = eigenvalues.merge(started, on=["head", "trial"], how="left")
    turned = (rows["head"] == OTHER_SIGN) & (rows["started"] > 0)
    return rows.assign(eigenvalue=rows["eigenvalue"].where(~turned, -rows["eigenvalue"])).drop(columns="started")


def fig17_table(eigenvalues: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Neurons per bin of λ and of |λ| after the last epoch on CIFAR-10, over the networks of each sign of W_31."""
    last = by_equation(eigenvalues)
    return histograms(last[last["epoch"] == last["epoch"].max()]).assign(stand_in=trials["stand_in"].any())


@styled
@stamped
def fig17(drawn: pd.DataFrame) -> Figure:
    """Figure 17: CIFAR-10 eigenvalues.

    Histograms of the eigenvalues of the head's hidden layer and of its last layer after training.

    The paper: the hidden eigenvalues form two clusters, and only a limited share of the neurons is recruited.
    """
    return draw_spectra(drawn)


def fig17_result(drawn: pd.DataFrame) -> str:
    """How many hidden eigenvalues have become large, with either sign."""
    said = [f"{share:.0f} % {WORDS[head]}" for head in WORDS if not np.isnan(share := share_above(drawn, head, HIDDEN))]
    return f"The share of hidden eigenvalues above {LARGE} in size is {listing(said)}."


def fig17_caption(drawn: pd.DataFrame) -> str:
    """Figure 17 in words."""
    return (
        f"{title('Figure 17', drawn)} {fig17_result(drawn)} Eigenvalues of the SPARCS head after training on CIFAR-10. "
        f"{what_is_drawn(drawn)} Signs of λ are those that (4.3) gives them. *The paper's figure* shows one network of "
        "its 100 on linear axes: most hidden eigenvalues close to 0, and a second group."
    )
