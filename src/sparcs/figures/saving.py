"""Figures and their source tables as files: the same tables give the same bytes."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from sparcs.figures.style import styled
from sparcs.files import atomic

METADATA = {"svg": {"Date": None}, "png": {"Software": None}}  # nothing that changes from run to run


@styled
def save(figure: Figure, folder: Path | str, name: str, table: pd.DataFrame) -> Path:
    """Write ``name``.svg, .png and .csv, the table of what is drawn, into ``folder``; return the PNG's path.

    No file carries a date, and each appears under its name only when it is complete.
    """
    folder = Path(folder)
    for kind, metadata in METADATA.items():
        with atomic(folder / f"{name}.{kind}") as partial:
            figure.savefig(partial, format=kind, metadata=metadata)
    with atomic(folder / f"{name}.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.7g")
    return folder / f"{name}.png"
