"""Notebooks, executed as the workflow does it on the tables of a small run, and the pages made of them."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from compared import same_text, text_of
from replication import params
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import paper_settings
from replication.records.io import read_json
from replication.records.notebooks import figures_of
from replication.report import prose, tables
from replication.report.pages import check_parameters, to_html
from replication.report.provenance_text import core_minutes
from replication.report.shell import PAPER
from replication.report.stand_in import STAMP
from replication.report.text import counted

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
FIGURES = {path.stem: figures_of(path) for path in sorted(NOTEBOOKS.glob("*.ipynb"))}
LISTS = [  # sections that show what is there, without an answer that could be refuted
    "Eigenvectors, eigenvalues, weights",
    "Mistakes and gaps in the text",
    "Tables 3 to 5: the paper's values and this run's",
    "Table R1: what was found",
    "Table R1, second part: what a search took",
    "What was tuned",
    "What GAEA's paper claims, and how far it is tested",
    "The cells",
    "The data sets",
    "Every result",
]


@pytest.fixture(scope="module", params=FIGURES)
def executed(request, whole_run, tmp_path_factory) -> Path:
    """The folder of one notebook executed on the tables of a small run."""
    folder = tmp_path_factory.mktemp(request.param)
    parameters = {"tables": whole_run, "claims": whole_run / "claims.csv", "figures": folder / "figures"}
    parameters |= {"published": ROOT / "results/published"}
    options = [option for name, value in parameters.items() for option in ("-p", name, str(value))]
    command = [sys.executable, "-m", "replication", "execute-notebook", NOTEBOOKS / f"{request.param}.ipynb"]
    made = folder / "executed.ipynb", folder / "page.html"
    done = subprocess.run([*command, *made, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def figures_in(executed: Path) -> list[str]:
    """The figures that the notebook shows."""
    return next(names for notebook, names in FIGURES.items() if executed.name.startswith(notebook))


def test_notebooks_write_every_figure(executed):
    expected = {f"{name}.{kind}" for name in figures_in(executed) for kind in ("svg", "png", "csv", "rst")}
    assert {path.name for path in (executed / "figures").glob("*")} == expected


def test_pages_need_nothing_but_themselves(executed):
    page = (executed / "page.html").read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\"]*", page)) == {PAPER}  # which is linked, and not loaded
    pictures = [source for source in re.findall(r'src="([^"]*)"', page) if not source.endswith("reports.js")]
    assert bool(pictures) == bool(figures_in(executed))
    assert all(source.startswith("data:image/png;base64,") for source in pictures)
    assert page.count("<script") == 2 and "<link" not in page  # the theme, and the site's list of its neighbours
    text = re.sub(r"<(details|style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert "<math" in page and "$" not in text
    assert all(len(alternative) > 20 for alternative in re.findall(r'<img alt="([^"]*)"', page))
    assert "prefers-color-scheme" in page


@pytest.fixture
def records(executed, whole_run):
    """The records of the experiments that the page is about."""
    named = [name for name, each in EXPERIMENTS.items() if executed.name.startswith(each.notebook)]
    return [read_json(whole_run / name / "provenance.json") for name in named or EXPERIMENTS]


def test_pages_of_a_small_run_say_that_they_only_illustrate(executed, records):
    page = (executed / "page.html").read_text(encoding="utf-8")
    assert all(record["machine"] in page and record["commit"] in page for record in records)
    if executed.name.startswith("01_"):  # the same at every scale
        assert "Answer: replicated" in page
        return
    assert (
        ("Illustrative only." in page and "Answer: untested" in page)
        or "untested.</strong>" in page
        or " untested (" in page
    )


def test_only_the_smallest_network_is_printed_as_code_prints():
    """Elsewhere a table has names for readers, three digits, and room on a phone."""
    cells = {name: nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells for name in FIGURES}
    codes = {name: "\n".join(cell.source for cell in of if cell.cell_type == "code") for name, of in cells.items()}
    assert {name for name, code in codes.items() if "print(" in code} == {"01_theory"}


def test_every_section_asks_a_question_and_says_what_would_have_refuted_the_answer():
    """Except the sections that say what is tested or compared, and those that only list."""
    asked, refuted = [], []
    for name in sorted(FIGURES)[1:]:  # the account has claims in place of questions
        cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        for section in re.split(r"^(?=##)", text, flags=re.MULTILINE)[1:]:
            heading = section.partition("\n")[0].strip("# ")
            asked += [heading] * ("**The question:**" not in section)
            refuted += [heading] * ("**What would " not in section)
    intro = re.compile(r"What is (tested|compared|tried)|Table [345]: ")
    assert [heading for heading in asked if not intro.match(heading)] == []
    assert [heading for heading in refuted if not intro.match(heading)] == LISTS


def test_pages_say_how_long_their_trials_took_and_on_what_data(executed, records):
    page = (executed / "page.html").read_text(encoding="utf-8")
    assert all(core_minutes(record) in page for record in records)
    assert "generated: " in page or "shipped by scikit-learn" in page or "stand-in images, not CIFAR-10" in page


def test_pages_made_from_stand_in_images_say_so_first(executed):
    page = (executed / "page.html").read_text(encoding="utf-8")
    if executed.name.startswith("00_"):
        assert page.index(STAMP) < page.index("Answer:") and f"experiment 3 ({STAMP})" in page
        return
    if executed.name.startswith("09_"):
        assert page.index(STAMP) < page.index("Answer:") and f"<strong>Cells ({STAMP}).</strong>" in page
        return
    if "cifar" not in executed.name:
        assert STAMP not in page
        return
    first = page.index(STAMP)
    assert first < page.index("Answer:") and page.index("</h1>") < first
    captions = re.findall(r"<strong>(?:<a [^>]*>)?((?:Figure|Table|Probes|Heads|Sign)[^<]*)", page)
    assert len(captions) >= 4 and all(STAMP in caption for caption in captions)
    if executed.name.startswith("05_"):
        said = page.count("tf_efficientnet_lite0 at 64 px, a substitute for the paper")
        assert said >= len(captions) + 1  # each figure and table, and the first lines


def test_notebooks_are_committed_without_outputs():
    for path in NOTEBOOKS.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells), path.name


@pytest.mark.parametrize("name", FIGURES)
def test_parameters_are_checked(name):
    check_parameters(NOTEBOOKS / f"{name}.ipynb", ["tables", "claims", "figures", "published"])
    with pytest.raises(
        ValueError, match=r"its parameters are \['claims', 'figures', 'published', 'tables'\], expected"
    ):
        check_parameters(NOTEBOOKS / f"{name}.ipynb", ["tables", "figures"])


def test_a_notebook_without_parameters_is_refused(tmp_path):
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "empty.ipynb")
    with pytest.raises(ValueError, match="0 cells are tagged parameters"):
        check_parameters(tmp_path / "empty.ipynb", [])


def test_the_answer_is_that_of_the_deciding_claim(whole_run):
    rows = pd.read_csv(whole_run / "claims.csv").assign(verdict="replicated", reason="")
    rows.loc[rows["id"].str.startswith("B2"), "verdict"] = "partly"
    said = rows.set_index("id").loc["B1", "statement"]
    answer = prose.answer(rows[rows["id"].str.startswith("B")], deciding="B1")
    assert answer.startswith(f"**Answer: replicated.** Claim B1 decides: {said}.")
    assert " ".join(answer.split()).endswith("B1 and B3 are replicated, B2 is partly replicated.")
    assert prose.illustrative(rows) == ""
    small = rows[rows["id"].str.startswith("B")].assign(verdict="untested", reason="too small")
    assert prose.illustrative(small).startswith("> **Illustrative only.**")
    assert re.search(r"\| B1a, .*\b and B3 \| too small \|", prose.illustrative(small))


def test_tables_escape_bars_and_mark_what_differs_from_the_paper(whole_run):
    rows = pd.read_csv(whole_run / "claims.csv").assign(statement="with |λ| in it")
    assert "\\|λ\\|" in tables.claims_table(rows)
    paper = paper_settings(params.read_yaml(ROOT / "params.yaml")).model_dump()
    run = params.merge(paper, {"regression": {"training": {"epochs": 2}}})
    text = tables.hyperparameter_table({"paper": paper, "run": run}, 3)
    assert "| epochs | 300 | **2** |" in text and "| batch size | 100 | 100 |" in text


@pytest.mark.parametrize(
    ("page", "other", "expected"),
    [
        ("<p>R² 0.13</p>", "<h1>R²</h1><style>p {}</style> 0.14", ()),
        ("a 0.13 b", "a 0.15 b", ("a 0.13 b", "a 0.15 b")),
        ("n = 100", "n = 99", ("n = 100", "n = 99")),
        ("a 1.0 b", "a 1.00 b", ("a 1.0 b", "a 1.00 b")),
        ("yes (B1)", "no (B1)", ("yes (B1)", "no (B1)")),
        ("a b", "a b c", ("a b", "a b c")),
    ],
)
def test_two_pages_say_the_same_but_for_the_last_digit_of_a_fraction(page, other, expected):
    assert same_text(text_of(page), text_of(other)) == expected


def test_a_count_has_its_noun_in_the_right_number():
    assert [counted(n, "trial") for n in (0, 1, 2, 1200)] == ["0 trials", "1 trial", "2 trials", "1,200 trials"]
    assert (
        counted("1", "search", "searches") == "1 search"
        and counted("1 to 3", "search", "searches") == "1 to 3 searches"
    )


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a <b onclick=alert(1)>b</b>",
    "<div>\n<script>alert(1)</script>\n</div>",
    '<span class="verdict" onclick="alert(1)">',
    "<!-- hidden",
    "<style>*{display:none}</style>",
    "<svg/onload=alert(1)>",
]


@pytest.mark.reliability
@pytest.mark.parametrize("text", HOSTILE)
def test_tags_of_a_stranger_stay_text_on_a_page(text, evidence):
    for source in (text, f"*Machine:* {text}.", f"| a |\n|---|\n| {text.splitlines()[0]} |"):
        page = to_html(source)
        assert not re.search(r"<(script|img|b |svg|style|!--|span)", page)
        assert text.splitlines()[0][:4].replace("<", "&lt;") in page
    evidence("Altered and hostile files", "texts with tags on a report's page: shown as texts")


def test_the_project_s_own_tags_stay_tags():
    own = '<span class="verdict not-replicated">not replicated</span> <code>a</code>'
    assert own in to_html(f"| a |\n|---|\n| {own} |") and own in to_html(f"So {own}")
    assert "<code>a|b</code>" in to_html("| a |\n|---|\n| <code>a&#124;b</code> |")  # a cell's name


def test_a_link_runs_nothing():
    assert "javascript:" not in to_html("[a](javascript:alert(1))")
