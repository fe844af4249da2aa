"""The table of verdicts, claims.csv, as it is read back."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from replication.judging.verdicts import CHANGES, SEVERITY
from replication.records.io import ArtifactError, read_csv

NUMBERS = ("measured", "low", "high", "n", "old_measured", "old_low", "old_high")
ID = r"[A-Z]\d+[a-z]?"  # of a claim, or of a part of one


def read_claims(path: Path, columns: Iterable[str] = ()) -> pd.DataFrame:
    """The verdicts in a file that has at least an id, a verdict and these columns.

    One from before rules changed has no columns of CHANGES: they are empty then.

    Raises ArtifactError, naming the file and the column, if it can't be read, or if an id or a verdict is not one, an
    id stands there twice or a number is none.
    """
    claims = read_csv(path, ["id", "verdict", *columns])
    wrong = [
        *(f"id = {name}: allowed are names like A1 and B1a" for name in claims["id"][~_like(claims["id"], ID)]),
        *(f"id = {name} stands there twice" for name in claims["id"][claims["id"].duplicated()]),
        *(
            f"verdict = {verdict}: allowed are {', '.join(SEVERITY)}"
            for verdict in claims["verdict"][~claims["verdict"].isin(SEVERITY)]
        ),
        *(
            f"{name} holds a text: allowed are numbers"
            for name in NUMBERS
            if name in claims and not is_numeric_dtype(claims[name]) and claims[name].notna().any()
        ),
    ]
    if wrong:
        raise ArtifactError(f"{path} is no table of verdicts: {wrong[0]}")
    return claims.assign(**{name: np.nan for name in CHANGES if name not in claims})


def _like(texts: pd.Series, pattern: str) -> pd.Series:
    return texts.astype(str).str.fullmatch(pattern)
