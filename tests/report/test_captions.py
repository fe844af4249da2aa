"""Captions from docstrings, what notebooks say that they read and show, and where both are shown."""

import json
import subprocess
import sys
from base64 import b64encode
from functools import partial
from pathlib import Path

import jinja2
import nbformat
import pandas as pd
import pytest
from docutils.core import publish_doctree

import changed_tables as changed
from every_figure import every_figure
from replication.experiments import EXPERIMENTS
from replication.experiments.regression import figures as regression
from replication.records.io import read_json, write_json
from replication.records.notebooks import figures_of, published_by, tables_of
from replication.report import captions, provenance_text
from replication.report.captions import Caption, as_rst, caption_of, plain, room_of, rooms_of
from replication.report.notebook import Notebook, alternative_text
from replication.site.gallery import gallery
from replication.site.run import Run
from sparcs.io import ArtifactError

ROOT = Path(__file__).parents[2]
NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
RED_DOT = ROOT / "figures/published/fig01.png"  # any picture


def written(folder, *cells):
    """A notebook of these code cells."""
    path = folder / "made.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
    return path


def test_every_figure_that_a_notebook_shows_has_a_caption_and_every_figure_is_shown():
    shown = {figure: room for path in NOTEBOOKS.values() for figure, room in rooms_of(path).items()}
    for figure, room in shown.items():
        caption = caption_of(room, figure)
        assert caption.title and caption.shows.endswith((".", "?")) and caption.paper.startswith(captions.THE_PAPER)
        assert not caption.title.endswith(".")
    drawn = {name.removesuffix("_caption") for name in vars(every_figure()) if name.endswith("_caption")}
    assert set(shown) == drawn
    assert {f"fig{number:02d}" for number in range(1, 19)} <= set(shown)


def test_a_caption_is_what_the_function_says_of_itself():
    caption = caption_of(EXPERIMENTS["regression"], "fig07")
    assert caption == caption_of("replication.experiments.regression", "fig07")
    assert caption.title == "Figure 7: from a linear to a quadratic task"
    assert caption.shows.startswith("Norm of the hidden path") and "fig07_table" not in caption.paper
    assert " ".join(regression.fig07.__doc__.split()).startswith(f"{caption.title}. {caption.shows} {caption.paper}")


@pytest.mark.parametrize(
    ("docstring", "is_one"),
    [
        ("A title.\n\n    It shows that.\n\n    The paper: the same.", True),
        ("A title\n\n    It shows that.\n\n    Beyond the paper: nothing.\n\n    rho: a strength.", True),
        ("A title.\n\n    The paper: the same.", False),
        ("A title.\n\n    It shows that.\n\n    In the paper it is the same.", False),
        ("", False),
    ],
)
def test_a_caption_has_three_paragraphs(monkeypatch, tmp_path, docstring, is_one):
    room = tmp_path / "rooms" / f"made_{len(docstring)}"
    room.mkdir(parents=True)
    (room / "figures.py").write_text(f'def fig_made(drawn):\n    """{docstring}"""\n')
    monkeypatch.setattr(captions, "ROOT", tmp_path)
    package = f"rooms.{room.name}"
    if is_one:
        assert caption_of(package, "fig_made").title == "A title"
        return
    with pytest.raises(ArtifactError, match=rf"{package}\.figures\.fig_made: its docstring has to be"):
        caption_of(package, "fig_made")


def test_a_figure_without_a_function_is_named(tmp_path):
    with pytest.raises(ArtifactError, match=r"regression\.figures has no function fig_none"):
        caption_of(EXPERIMENTS["regression"], "fig_none")
    imports = "from replication.experiments.regression import figures as fig\n"
    path = written(tmp_path, imports + 'notebook.show("fig_none", rows, fig.fig_none, fig.fig_none_caption)')
    with pytest.raises(ArtifactError, match="has a function fig_none"):
        rooms_of(path)


def test_the_room_of_a_function_is_its_experiment():
    for function in (regression.fig07_caption, partial(regression.fig07_caption, 1)):
        assert room_of(function) == "replication.experiments.regression"


def test_captions_are_read_without_what_draws():
    code = "import sys, replication.report.captions; print({'matplotlib', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_notebook_says_what_it_reads_and_shows(tmp_path):
    path = written(
        tmp_path,
        'a = notebook.table("x/trials")\nb = notebook.table("y/trials", optional=True)',
        'notebook.show("fig_b", a, draw, tell)\nc = notebook.published_parts("benchmark/full_*")',
        'notebook.show("fig_a", a, draw, tell)\nd = notebook.published("benchmark/step")\nnotebook.table("x/trials")\n'
        'other.show("fig_c")',
    )
    assert figures_of(path) == ["fig_b", "fig_a"]
    assert tables_of(path) == ["x/trials", "y/trials"]
    assert published_by(path) == ["benchmark/full_*", "benchmark/step"]


@pytest.mark.parametrize(
    "call", ['notebook.table(f"{name}/trials")', "notebook.show(name, a, b, c)", "notebook.show()"]
)
def test_a_name_that_no_rule_can_read_is_refused(tmp_path, call):
    path = written(tmp_path, call)
    with pytest.raises(ArtifactError, match="its first argument must be a name in quotes"):
        (figures_of if "show" in call else tables_of)(path)


def test_the_notebook_of_an_experiment_reads_its_tables_and_those_beside_alone():
    for name, experiment in EXPERIMENTS.items():
        read = set(tables_of(NOTEBOOKS[experiment.notebook])) - set(experiment.beside)
        assert read and {table.partition("/")[0] for table in read} == {name}
        assert {table.partition("/")[2] for table in read} <= set(experiment.tables)
    every = {table.partition("/")[0] for table in tables_of(NOTEBOOKS["00_summary"])}
    assert every <= set(EXPERIMENTS) and figures_of(NOTEBOOKS["00_summary"]) == []


def test_text_without_marks():
    assert plain("**Figure 7.** $\\|\\Gamma\\|$ against $\\alpha$, $W_{31}$, $\\frac{1}{2}\\tanh\\beta$") == (
        "Figure 7. ‖Γ‖ against α, W_31, 1/2tanh β"
    )
    assert alternative_text("**Figure 7.** The *norm* of $\\lambda$. More.") == "Figure 7. The norm of λ."


def test_a_caption_for_snakemakes_report_survives_its_templates():
    words = Caption("W_ij and |λ| of `x`", "not there", "The paper: {{ 1 }} and {% if %}, 5 * 3 _ok_.")
    filled = jinja2.Template(as_rst(words, "**A title.** Largest $|\\lambda_2|$ is 3; {#}")).render()
    paragraphs = [node.astext() for node in publish_doctree(filled, settings_overrides={"halt_level": 2})]
    assert paragraphs == [words.title, "A title. Largest |λ_2| is 3; {#}".replace("{#}", "#"), words.paper]


@pytest.fixture(scope="module")
def record(whole_run):
    """The record of experiment 1, as if all its jobs had one fingerprint."""
    return read_json(whole_run / "regression/provenance.json") | {"commit": "c0ffee", "fingerprint": "fedcba"}


@pytest.fixture(scope="module")
def tables(whole_run, record, tmp_path_factory):
    """A run whose experiments were all made from the same."""
    folder = changed.write(tmp_path_factory.mktemp("tables"), changed.read(whole_run), of=whole_run)
    for name in EXPERIMENTS:
        write_json(folder / name / "provenance.json", record)
    return folder


def test_a_figure_is_saved_with_its_words(tables, tmp_path):
    trials = pd.read_parquet(tables / "regression/trials.parquet")
    notebook = Notebook(tables, tables / "claims.csv", tmp_path, tmp_path)
    notebook.show("fig14", regression.fig07_table(trials), regression.fig14, regression.fig14_caption)
    title, measured, paper = (tmp_path / "fig14.rst").read_text(encoding="utf-8").strip().split("\n\n")
    assert title == "Figure 14: the squared norm of the hidden path"
    assert measured.startswith("Figure 14. The mean ‖Γ‖^2 for β") and paper.startswith("The paper: ")


def test_a_notebook_says_once_what_trained_and_what_analysed(tables, tmp_path, monkeypatch):
    monkeypatch.setenv(provenance_text.ANALYSED_BY, "commit abc, fingerprint def")
    said = []
    monkeypatch.setattr("replication.report.notebook.display", lambda part, **_: said.append(part.data))
    notebook = Notebook(tables, tables / "claims.csv", tmp_path, tmp_path)
    assert "fingerprint" not in notebook.table("regression/trials")
    notebook.say("The answer.")
    notebook.say("More.")
    origin = "*Trained by* commit c0ffee, fingerprint fedcba."
    assert said == [f"The answer.\n\n{origin} *Analysed by* commit abc, fingerprint def.", "More."]


def test_several_fingerprints_are_named_by_their_number_and_one_for_all(record):
    several = provenance_text.trained_by([record, record | {"commit": "a; b", "fingerprint": "x; y"}])
    assert several.startswith("commits a; b; c0ffee, fingerprint of 3 together ")
    assert several == provenance_text.trained_by([record | {"commit": "a; b", "fingerprint": "y; x"}, record])
    assert provenance_text.trained_by([record | {"commit": "a; b; c; d; e; f; g"}]) == "7 commits, fingerprint fedcba"
    assert provenance_text.trained_by([record | {"fingerprint": "legacy"}]).endswith("before there were fingerprints)")
    assert provenance_text.trained_by([]) == ""


def test_the_origin_of_experiments_is_read_from_their_own_records(tables, tmp_path):
    notebook = Notebook(tables, tables / "claims.csv", tmp_path, tmp_path)
    origin = notebook.provenance(EXPERIMENTS["regression"])
    assert origin["data"] == "generated: α/β family, 400 points" and origin["commit"] == "c0ffee"
    (tables / "cells/provenance.json").rename(tmp_path / "away.json")
    assert list(notebook.experiments(EXPERIMENTS.values())) == [name for name in EXPERIMENTS if name != "cells"]
    (tmp_path / "away.json").rename(tables / "cells/provenance.json")


def test_published_rows_keep_their_fingerprint_for_their_origin(tables, record, tmp_path):
    trials = pd.read_parquet(tables / "regression/trials.parquet")
    where = {"scale": "overnight", "commit": "a", "machine": "m", "device": "cpu", "finished": "2026", "minutes": 0.5}
    (tmp_path / "regression").mkdir()
    trials.assign(**where, fingerprint="legacy").to_parquet(tmp_path / "regression/trials.parquet")
    (tmp_path / "regression/provenance.json").write_text(json.dumps(record))
    (tmp_path / "settings.json").write_bytes((tables / "settings.json").read_bytes())
    notebook = Notebook(tmp_path, tmp_path / "claims.csv", tmp_path, tmp_path)
    [of_device] = notebook.provenance(EXPERIMENTS["regression"])["by_device"]
    assert of_device["fingerprint"] == "legacy" and of_device["core_minutes"] == len(trials) / 2


@pytest.fixture
def run(tables, tmp_path):
    """A run with a page of one notebook, and of it three figures, two of them with rows."""
    for name in ("pages", "figures"):
        (tmp_path / name).mkdir()
    (tmp_path / "pages/08_any_depth.html").write_text(
        '<meta name="analysed-by" content="commit abc, fingerprint &lt;def&gt;">\n<title>How deep?</title>'
        f'<img src="data:image/png;base64,{b64encode(RED_DOT.read_bytes()).decode()}" alt="Depth. It uses λ_2, n = 2.">'
    )
    for name, rows in (("fig_depth", 2), ("fig_depth_start", 0), ("fig_cost", 1)):
        (tmp_path / f"figures/{name}.png").write_bytes(RED_DOT.read_bytes())
        pd.DataFrame({"x": range(rows)}).to_csv(tmp_path / f"figures/{name}.csv", index=False)
    return Run(tables, tables / "claims.csv", tmp_path / "pages", tmp_path / "figures", tables)


def test_the_gallery_is_what_the_notebooks_of_the_registry_show(run):
    groups = {group.name: group for group in gallery(run)}
    papers = {f"fig{number:02d}" for number in range(1, 19)}
    names = {picture.name for group in groups.values() for picture in group.pictures}
    assert names == papers | {"fig_depth", "fig_cost"}  # of its own those with rows
    depth = groups["08_any_depth"]
    assert depth.title == "How deep?" and groups["02_alpha_beta"].title == EXPERIMENTS["regression"].title
    assert not groups["02_alpha_beta"].pictures[0].files


def test_a_picture_has_the_result_that_its_report_states(run):
    pictures = {picture.name: picture for group in gallery(run) for picture in group.pictures}
    assert pictures["fig_depth"].alternative_text == "Depth. It uses λ_2, n = 2."
    assert pictures["fig_depth"].result == "It uses λ_2, n = 2." and pictures["fig07"].result == ""


def test_the_gallery_says_what_trained_and_what_analysed(run):
    [depth] = [group for group in gallery(run) if group.name == "08_any_depth"]
    pictures = {picture.name: picture for picture in depth.pictures}
    assert {picture.analysed_by for picture in depth.pictures} == {"commit abc, fingerprint <def>"}
    assert pictures["fig_depth"].trained_by == "commit c0ffee, fingerprint fedcba"
    assert pictures["fig_cost"].trained_by == ""  # a published measurement, of no trial of this run
