"""The search on NAS-Bench-201's cells: the space, a supernet over it, the tabular benchmark."""

from replication.experiment import Experiment, Stage
from replication.experiments.cells.settings import Cells, CellSearch, benchmark, jobs, jobs_without_none

KEY = ("method", "trial")
EXPERIMENT = Experiment(
    name="cells",
    title="NAS-Bench-201's cells",
    paper="",
    notebook="09_cells",
    trained_on="CIFAR-10",
    settings=Cells,
    data=("images",),
    seed_name="nasbench",
    stages=(
        Stage(
            name="trials",
            rule="search_cells",
            jobs=jobs,
            train="train:run",
            settings=CellSearch,
            tables={"trials": KEY, "history": (*KEY, "gradient_evaluations"), "costs": (*KEY, "device")},
            ensemble=("method",),
            memory=16000,
            minutes=1440,
        ),
        Stage(
            name="without_none",
            rule="search_cells_without_none",
            jobs=jobs_without_none,
            train="train:run",
            settings=CellSearch,
            tables={"without_none": KEY, "without_none_history": (*KEY, "gradient_evaluations")},
            made_as={"without_none": "trials", "without_none_history": "history"},
            ensemble=("method",),
            memory=16000,
            minutes=1440,
        ),
    ),
    finish="table:finish",
    extra={"reference": ("score",)},
    reads=benchmark,
    beside=("baselines/history",),
)
