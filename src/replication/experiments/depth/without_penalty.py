"""The same networks on the teacher without any penalty, as a table of its own."""

from collections.abc import Mapping

import numpy as np

from replication.experiments.depth import train
from replication.training.work import Results, Work


def run(data: Mapping[str, np.ndarray], work: Work) -> Results:
    """Train networks of one depth, and measure which layers they use."""
    tables, _ = train.run(data, work)
    return {"without_penalty": tables["trials"]}, {}
