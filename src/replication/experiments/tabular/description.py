"""The data sets as they are drawn: sizes, the package that ships each, its version, the SHA-256 of the numbers."""

from importlib.metadata import PackageNotFoundError, version

import pandas as pd

from replication.data import tabular
from replication.data.table_names import SHIPPED
from replication.training.work import Results, Work, WorkError

PACKAGES = {"diamonds": "plotnine"}  # scikit-learn has all others


def run(data: None, work: Work) -> Results:
    """A row for each data set."""
    settings = work.settings
    rows = [row_of(name, settings.friedman_points, settings.data_seed) for name in settings.data_sets]
    return {"data": pd.DataFrame(rows)}, {}


def row_of(name: str, points: int, seed: int) -> dict[str, object]:
    """What is said of a data set."""
    try:
        table, package = tabular.load(name, points, seed), PACKAGES.get(name, "scikit-learn")
        return {
            "data_set": name,
            "kind": table.task,
            "points": len(table.x),
            "inputs": table.x.shape[1],
            "classes": table.classes,
            "package": package,
            "version": version(package),
            "sha256": SHIPPED.get(name) or tabular.digest(table.x, table.y),
        }
    except (tabular.DataError, PackageNotFoundError) as error:
        raise WorkError(str(error)) from error
