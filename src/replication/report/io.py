"""Figures and their source tables as files: the same tables give the same bytes."""

import re
from io import BytesIO, StringIO
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from replication.report.style import styled
from sparcs.io import atomic

COLOURS = 256  # a palette makes a PNG three times smaller; no channel moves by more than a few per cent


def as_png(image: Image.Image) -> bytes:
    """The content of a PNG with a palette."""
    content = BytesIO()
    small = image.convert("RGB").quantize(
        COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
    )  # k-means moves each entry to the mean of its pixels: flat areas keep their colour
    small.save(content, format="png", optimize=True, dpi=image.info.get("dpi"))
    return content.getvalue()


@styled
def save(figure: Figure, folder: Path | str, name: str, table: pd.DataFrame) -> Path:
    """Write ``name``.svg, .png and .csv, the table of what is drawn, into ``folder``; return the PNG's path.

    No file carries a date, and each appears under its name only when it is complete. Both pictures have the layout of
    the first one; the figure keeps it.
    """
    folder, drawing = Path(folder), StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None})
    with atomic(folder / f"{name}.svg") as partial:
        partial.write_text(_numbered(drawing.getvalue(), name), encoding="utf-8")
    figure.set_layout_engine(None)  # everything has its place: finding it again would take as long as drawing it
    pixels = BytesIO()
    figure.savefig(pixels, format="png")
    with atomic(folder / f"{name}.png") as partial, Image.open(pixels) as image:
        partial.write_bytes(as_png(image))
    with atomic(folder / f"{name}.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.7g")
    return folder / f"{name}.png"


def _numbered(drawing: str, name: str) -> str:
    """An SVG whose elements are numbered where Matplotlib names them by a hash, unlike those of any other figure.

    The hash of a clip path has every bit of its place, and the last ones of a layout differ between machines.
    """
    hashed = dict.fromkeys(re.findall(r'\bid="(\w*[0-9a-f]{10})"', drawing))
    numbers = {old: f"{name}-{place}" for place, old in enumerate(hashed, 1)}
    return re.sub(r'(?<=["#])\w+(?=[")])', lambda old: numbers.get(old[0], old[0]), drawing)
