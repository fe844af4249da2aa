"""The tabular benchmark: test accuracies of every cell, from a CSV file that the user makes from the official one."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from replication.experiments.cells.space import EDGES, name_of, operations_of
from replication.records.io import ArtifactError, read_csv

CELL = "arch"
FOUND = ("trials", "without_none")  # tables of cells
SCORES = {  # columns of the file, and what they are called here
    "cifar10_test_200ep": "cifar10_accuracy",
    "cifar100_test_200ep": "cifar100_accuracy",
    "imagenet16_120_test_200ep": "imagenet16_120_accuracy",
}


def finish(tables: Mapping[str, pd.DataFrame], done: Iterable, settings: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Each cell found with its accuracies in the benchmark, and ``reference``: its best, mean and all-skip cell.

    They are NaN without a file of the benchmark. Raises ArtifactError if the file is not as it should be.
    """
    path = settings["table"]
    scores = read(Path(path)) if path else pd.DataFrame(columns=list(SCORES.values()), dtype=float)
    all_skip = scores.reindex([name_of(["skip_connect"] * len(EDGES))]).iloc[0]
    reference = pd.DataFrame({"best": scores.max(), "mean": scores.mean(), "all_skip": all_skip})
    found = {name: tables[name].drop(columns=scores.columns, errors="ignore") for name in FOUND if name in tables}
    scored = {name: table.join(scores, on="cell") for name, table in found.items()}  # published ones have had some
    return {**tables, **scored, "reference": reference.rename_axis("score").reset_index()}


def read(path: Path) -> pd.DataFrame:
    """Accuracies in per cent by the cell's name, one column for each of SCORES.

    Raises ArtifactError, naming the file, if a column is missing, a name is no cell, or an accuracy is none.
    """
    table = read_csv(path, [CELL, *SCORES])
    try:
        for name in table[CELL]:
            operations_of(str(name))
    except ValueError as error:
        raise ArtifactError(f"{path}: {error}") from None
    scores = table.set_index(CELL)[list(SCORES)].rename(columns=SCORES)
    numbers = scores.apply(pd.to_numeric, errors="coerce")
    wrong = numbers[~((numbers >= 0) & (numbers <= 100)).all(axis=1)]
    if len(wrong):
        raise ArtifactError(f"{path}: cell {wrong.index[0]!r} has no accuracies between 0 and 100")
    if numbers.index.has_duplicates:
        raise ArtifactError(f"{path}: cell {numbers.index[numbers.index.duplicated()][0]!r} stands there twice")
    return numbers
