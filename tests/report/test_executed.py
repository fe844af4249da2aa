"""Executed notebooks that are kept: outputs and nothing else of the execution, each small."""

import json
import re
from base64 import b64decode, b64encode
from io import BytesIO

import nbformat
import numpy as np
import pytest
from PIL import Image

from replication.report import executed
from replication.report.executed import MOST_BYTES, kept
from small_runs import ROOT, run

REPORTS = ROOT / "results/published/reports"


def noise(width, height=600):
    """A PNG that no compression makes small."""
    content = BytesIO()
    pixels = np.random.RandomState(0).randint(256, size=(height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(content, format="png")
    return b64encode(content.getvalue()).decode()


def notebook(path, picture="", width=300, when="2026"):
    """A notebook as papermill leaves it."""
    text = nbformat.v4.new_output("display_data", {"text/markdown": "Answer: yes.\n\n*Analysed by* commit 1a."})
    outputs = [text]
    if picture:
        shown = {"image/png": {"alt": "Noise.", "width": width}}
        outputs.append(nbformat.v4.new_output("display_data", {"image/png": picture}, metadata=shown))
    cells = [
        nbformat.v4.new_markdown_cell("# Noise", id="one"),
        nbformat.v4.new_code_cell("tables = 1", id="two", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("show()", id="three", execution_count=2, outputs=outputs),
    ]
    for cell in cells:
        cell.metadata |= {"papermill": {"start_time": when}, "execution": {"iopub.status.busy": when}}
    about = {
        "papermill": {"output_path": f"/home/somebody/{when}"},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata=about | {"language_info": {"name": "python", "version": when}}),
        path,
    )
    return path


def pictures(content):
    outputs = [output for cell in json.loads(content)["cells"] for output in cell.get("outputs", ())]
    return [output["data"]["image/png"] for output in outputs if "image/png" in output["data"]]


def test_outputs_are_kept_and_nothing_of_when_and_where(tmp_path):
    picture = noise(20, 10)
    one, other = (kept(notebook(tmp_path / f"{when}.ipynb", picture, when=when)) for when in ("2026", "2031"))
    assert one == other and b"papermill" not in one and b"somebody" not in one
    read = nbformat.reads(one.decode(), as_version=4)
    nbformat.validate(read)
    assert [cell.metadata.get("tags") for cell in read.cells] == [None, ["parameters"], None]
    assert "Answer: yes." in read.cells[2].outputs[0].data["text/markdown"]
    [shown] = pictures(one)
    assert shown.strip() == picture and read.cells[2].outputs[1].metadata["image/png"]["alt"] == "Noise."


def test_one_that_is_too_large_has_its_pictures_as_wide_as_they_are_shown(tmp_path):
    content = kept(notebook(tmp_path / "large.ipynb", noise(1000), width=500))
    [shown] = pictures(content)
    assert len(content) <= MOST_BYTES and Image.open(BytesIO(b64decode(shown))).size == (500, 300)


def test_one_that_is_too_large_even_so_is_refused_before_anything_is_written(tmp_path, capsys):
    notebook(tmp_path / "rebuilt/reports/small.ipynb")
    notebook(tmp_path / "rebuilt/reports/large.ipynb", noise(1000), width=1000)
    options = ("--results", tmp_path / "rebuilt", "--published", tmp_path / "out")
    assert run("publish-notebooks", *options, "--report", "small", "--report", "large") == 2
    said = r"replication: .*large.ipynb would have [\d,]+ bytes: allowed are at most 1,000,000\n"
    assert re.fullmatch(said, capsys.readouterr().err) and not (tmp_path / "out").exists()
    assert run("publish-notebooks", *options, "--report", "small", "--report", "absent") == 0
    assert [path.name for path in (tmp_path / "out/reports").iterdir()] == ["small.ipynb"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"cells": 3}'])
def test_what_is_no_notebook_is_refused_in_a_sentence(tmp_path, capsys, text):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/one.ipynb").write_text(text)
    assert run("publish-notebooks", "--results", tmp_path, "--published", tmp_path / "out", "--report", "one") == 2
    assert re.fullmatch(r"replication: .*one.ipynb is no notebook: [^\n]*\n", capsys.readouterr().err)


def test_no_notebook_at_all_is_said(tmp_path, capsys):
    assert run("publish-notebooks", "--results", tmp_path, "--published", tmp_path / "out", "--report", "one") == 2
    assert "holds no executed notebook of one" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(REPORTS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_published_notebook_is_small_and_of_the_page_beside_it(path):
    content = path.read_bytes()
    assert len(content) <= MOST_BYTES and kept(path) == content
    [analysed_by] = re.findall(r'<meta name="analysed-by" content="([^"]*)">', path.with_suffix(".html").read_text())
    assert analysed_by and analysed_by in str(json.loads(content)["cells"])
    outputs = [output for cell in json.loads(content)["cells"] for output in cell.get("outputs", ())]
    assert outputs and not [output for output in outputs if output["output_type"] == "error"]


def test_a_narrow_picture_stays_as_it_is():
    png = b64decode(noise(20, 10))
    assert executed._narrowed(png, 20) is png
