"""Executed notebooks as files to keep: outputs and nothing of the execution, and small."""

from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from PIL import Image

from replication.report.io import as_png
from replication.report.pages import read_notebook
from sparcs.io import ArtifactError

MOST_BYTES = 1_000_000  # of a notebook: Git keeps every version of it
PNG = "image/png"


def kept(executed: Path) -> bytes:
    """An executed notebook without times and folders: what says the same is the same, whenever it was executed.

    One that would be too large has its pictures as wide as they are shown, in place of those for fine screens. Raises
    ArtifactError if the file is no notebook, or is too large even so.
    """
    notebook = read_notebook(executed)
    of_kernel = {name: about for name, about in notebook.metadata.items() if name == "kernelspec"}
    notebook.metadata = {**of_kernel, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata.tags} if "tags" in cell.metadata else {}
    content = _as_bytes(notebook)
    if len(content) > MOST_BYTES:
        content = _as_bytes(_with_smaller_pictures(notebook))
    if len(content) > MOST_BYTES:
        raise ArtifactError(f"{executed} would have {len(content):,} bytes: allowed are at most {MOST_BYTES:,}")
    return content


def _as_bytes(notebook: NotebookNode) -> bytes:
    return f"{nbformat.writes(notebook)}\n".encode()


def _with_smaller_pictures(notebook: NotebookNode) -> NotebookNode:
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        shown = output.get("metadata", {}).get(PNG, {}).get("width")
        if shown and PNG in output.data:
            output.data[PNG] = b64encode(_narrowed(b64decode(output.data[PNG]), shown)).decode()
    return notebook


def _narrowed(png: bytes, width: int) -> bytes:
    """The picture, at most so many pixels wide."""
    with Image.open(BytesIO(png)) as image:
        if image.width <= width:
            return png
        size = (width, round(image.height * width / image.width))
        return as_png(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
