"""Figures and their source tables as files: the same tables give the same bytes."""

from io import BytesIO
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from replication.report.style import styled
from sparcs.io import atomic

COLOURS = 256  # a palette makes a PNG three times smaller; no channel moves by more than a few per cent


@styled
def save(figure: Figure, folder: Path | str, name: str, table: pd.DataFrame) -> Path:
    """Write ``name``.svg, .png and .csv, the table of what is drawn, into ``folder``; return the PNG's path.

    No file carries a date, and each appears under its name only when it is complete. Both pictures have the layout of
    the first one; the figure keeps it.
    """
    folder = Path(folder)
    with atomic(folder / f"{name}.svg") as partial:
        figure.savefig(partial, format="svg", metadata={"Date": None})
    figure.set_layout_engine(None)  # everything has its place: finding it again would take as long as drawing it
    pixels = BytesIO()
    figure.savefig(pixels, format="png")
    with atomic(folder / f"{name}.png") as partial, Image.open(pixels) as image:
        small = image.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
        )  # k-means moves each entry to the mean of its pixels: flat areas keep their colour
        small.save(partial, format="png", optimize=True, dpi=image.info["dpi"])
    with atomic(folder / f"{name}.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.7g")
    return folder / f"{name}.png"
