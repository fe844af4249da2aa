"""The search without the operation none, as GAEA's released command has it, as tables of its own."""

from replication.data.image_arrays import Images
from replication.experiments.cells import train
from replication.training.work import Results, Work


def run(images: Images, work: Work) -> Results:
    """Search one cell with one method: the cell, and how the search went."""
    tables, _ = train.run(images, work)
    return {"without_none": tables["trials"], "without_none_history": tables["history"]}, {}
