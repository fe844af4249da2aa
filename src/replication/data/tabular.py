"""Real tables that packages ship, and Friedman's three generated ones: drawn, split, and standardised by training rows.

Nothing is downloaded. What a package ships is known by its SHA-256, so another version of the package either has the
same numbers or is refused.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from replication.data.table_names import FRIEDMAN, SHIPPED

CLASSIFICATION, REGRESSION = "classification", "regression"
CLASSES = {"digits": 10, "breast_cancer": 2, "wine": 3}  # all others have one real target
LOGARITHMIC = ("diamonds",)  # targets that span decades: their logarithm is what is learned
DIAMOND_NUMBERS = ("carat", "depth", "table", "x", "y", "z")
DIAMOND_CATEGORIES = ("cut", "color", "clarity")
SPLITS = ("train", "validation", "test")


class DataError(ValueError):
    """A sentence for the user: a table is not there, or not the one that is known."""


@dataclass(frozen=True)
class Table:
    """x: (points, inputs), its first ``numbers`` columns numbers, the others one-hot; y: (points,).

    classes: y is one of 0 … classes − 1; 0 for a real target.
    """

    x: np.ndarray
    y: np.ndarray
    numbers: int
    classes: int

    @property
    def task(self) -> str:
        """CLASSIFICATION or REGRESSION."""
        return CLASSIFICATION if self.classes else REGRESSION

    @property
    def outputs(self) -> int:
        """Neurons of the output layer."""
        return self.classes or 1


def load(name: str, points: int, seed: int) -> Table:
    """One of NAMES. points, seed: of Friedman's, which are drawn; the others are as they were shipped.

    Raises DataError if the package is missing or ships other numbers than those that are known.
    """
    if name in FRIEDMAN:
        x, y = _sklearn(f"make_{name}")(points, noise=FRIEDMAN[name], random_state=seed)
        return Table(x, y, x.shape[1], 0)
    x, y, numbers = _diamonds() if name == "diamonds" else _shipped(name)
    if digest(x, y) != SHIPPED[name]:
        raise DataError(f"data_sets: {name} is not the table that this project knows, by its SHA-256 {digest(x, y)}")
    return Table(x, np.log(y) if name in LOGARITHMIC else y, numbers, CLASSES.get(name, 0))


def digest(x: np.ndarray, y: np.ndarray) -> str:
    """SHA-256 of x and y as little-endian float64, one after the other."""
    joined = hashlib.sha256()
    for array in (x, y):
        joined.update(np.ascontiguousarray(array, "<f8").tobytes())
    return joined.hexdigest()


def split_rows(
    points: int, generator: np.random.Generator, validation: float, test: float, most: int | None = None
) -> list[np.ndarray]:
    """Rows of the training, validation and test split: a random order, cut; of ``most`` rows at the most.

    Each has one at least, if there are three.
    """
    order = generator.permutation(points)[:most]
    counts = [max(1, round(share * len(order))) for share in (validation, test)]
    return np.split(order, [len(order) - sum(counts), len(order) - counts[1]])


def prepare(table: Table, rows: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """x_train, y_train, …, y_test in float32: numbers and real targets standardised by the training rows alone.

    rows: of each of SPLITS. x gets a last column of ones; a number that is constant in training becomes 0 there, by its
    mean alone. y: (points, outputs), one-hot for classes.
    """
    x, y = table.x.astype(np.float64), table.y[:, None].astype(np.float64)
    x[:, : table.numbers] = standardised(x[:, : table.numbers], rows[0])
    y = np.eye(table.classes)[table.y.astype(int)] if table.classes else standardised(y, rows[0])
    x = np.column_stack([x, np.ones(len(x))])
    arrays = {"x": x, "y": y}
    return {
        f"{axis}_{name}": array[of].astype(np.float32)
        for axis, array in arrays.items()
        for name, of in zip(SPLITS, rows, strict=True)
    }


def standardised(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(values − mean) / standard deviation, both of these rows; divided by 1 where they are all the same."""
    deviation = values[rows].std(axis=0)
    return (values - values[rows].mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def _sklearn(name: str) -> Callable:
    try:
        from sklearn import datasets  # here and not above: who only asks for names need not load it
    except ImportError:
        raise DataError("data_sets: the package scikit-learn is missing, which ships them") from None
    return getattr(datasets, name)


def _shipped(name: str) -> tuple[np.ndarray, np.ndarray, int]:
    options = {"scaled": False} if name == "diabetes" else {}  # else it is standardised, by all rows
    x, y = _sklearn(f"load_{name}")(return_X_y=True, **options)
    return x, y, x.shape[1]


def _diamonds() -> tuple[np.ndarray, np.ndarray, int]:
    """The file itself, for plotnine's module would load all that it draws with."""
    import pandas as pd

    found = find_spec("plotnine")
    if found is None:
        raise DataError("data_sets: the package plotnine is missing, which ships diamonds")
    table = pd.read_csv(Path(next(iter(found.submodule_search_locations))) / "data/diamonds.csv")
    hot = [table[[column]].to_numpy() == np.unique(table[column]) for column in DIAMOND_CATEGORIES]  # (points, levels)
    x = np.column_stack([table[list(DIAMOND_NUMBERS)].to_numpy(np.float64), *hot])
    return x, table["price"].to_numpy(np.float64), len(DIAMOND_NUMBERS)
