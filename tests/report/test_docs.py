"""The documentation: its code runs and prints what it says, and the site is built whole and works offline."""

import re
import runpy
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from html import unescape
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

import sparcs
from replication.account.describe import describe
from replication.report.shell import PAPER, SECTIONS

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "docs/html"
FIELDS, WITH_INDICES, FILLED = (
    runpy.run_path(str(ROOT / f"docs/extensions/{file}.py"))[name]
    for file, name in (("docstrings", "fields"), ("formulas", "with_indices"), ("pages", "filled"))
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
IN_A_CHECKOUT = ("docs/claims", "docs/networks")  # pages whose code reads what is published
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", ["docs/index", "docs/tutorial", "docs/heads", "README", *IN_A_CHECKOUT])
def test_code_blocks_print_what_stands_below_them(page, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT if page in IN_A_CHECKOUT else tmp_path)
    names, printed, compared = {}, "", 0
    for kind, text in BLOCK.findall((ROOT / f"{page}.md").read_text()):
        if kind == "text":
            assert printed == text
            compared += 1
            continue
        with redirect_stdout(StringIO()) as output:
            exec(text, names)
        printed = output.getvalue()
    assert compared


class Links(HTMLParser):
    """What a page loads, what it links to, and its anchors."""

    def __init__(self):
        super().__init__()
        self.loaded, self.linked, self.anchors = [], [], set()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.add(attrs.get("id"))
        if tag in ("script", "img", "iframe") and "src" in attrs:
            self.loaded.append(attrs["src"])
        if tag == "link" and attrs.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.append(attrs["href"])
        if tag == "a" and "href" in attrs:
            self.linked.append(attrs["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-d", tmp_path_factory.mktemp("doctrees"), "docs", folder]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert not built.stderr
    pages = {}
    for path in set(folder.rglob("*.html")) - set(folder.glob("_static/*.html")):  # the theme keeps a template there
        pages[path] = Links()
        pages[path].feed(path.read_text())
    return pages


def test_nothing_comes_from_the_network(site):
    assert len(site) >= 9
    for links in site.values():
        assert links.loaded
        assert not [address for address in links.loaded if "//" in address]


def test_every_link_resolves(site):
    """Links out of the pages start where they lie in a checkout, and on GitHub's Pages."""
    folder = next(page for page in site if page.name == "tutorial.html").parent
    for page, links in site.items():
        for address in links.linked:
            if "//" in address or page.name == "404.html":
                continue
            file, _, anchor = address.partition("#")
            target = (page.parent / file).resolve() if file else page
            if not target.is_relative_to(folder):
                target = (BUILT / page.relative_to(folder).parent / file).resolve()
            assert target.is_file(), f"{page.name}: {address}"
            assert not anchor or anchor in site[target].anchors, f"{page.name}: {address}"


def test_every_page_has_the_row_of_links_of_the_site(site):
    folder = next(page for page in site if page.name == "tutorial.html").parent
    pages = [f"results/published/site/{name}.html" for name in ("index", *(name for name, _ in SECTIONS))]
    for page, links in site.items():
        here = BUILT / page.relative_to(folder).parent
        linked = {(here / address).resolve() for address in links.linked if "//" not in address}
        assert {ROOT / target for target in (*pages, "docs/index.html", "README.md")} <= linked, page.name
        assert PAPER in links.linked


def test_the_door_to_the_documentation_opens_what_was_built_or_says_how():
    door = (ROOT / "docs/index.html").read_text()
    [command] = re.findall(r"<code>(.*?)</code>", door)
    assert unescape(command) in (ROOT / "docs/running.md").read_text() and command.endswith(
        f" {BUILT.relative_to(ROOT)}"
    )
    links = Links()
    links.feed(door)
    assert [(ROOT / "docs" / address).exists() for address in links.linked] == [True, True]


def test_the_choice_of_colours_is_the_site_s(site, browser):
    page = browser.new_page(color_scheme="light")
    page.goto(next(page for page in site if page.name == "tutorial.html").as_uri())
    page.get_by_role("button", name="Switch to dark colours").click()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.goto((ROOT / "results/published/site/index.html").as_uri())
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background
    page.get_by_role("button", name="Switch to light colours").click()
    page.go_back()
    page.get_by_role("button", name="Switch to dark colours").wait_for()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != background
    page.close()


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_pages_are_accessible_and_fit(site, browser, theme, width):
    page = browser.new_page(color_scheme=theme, viewport={"width": width, "height": 900})
    for path in site:
        page.goto(path.as_uri())
        violations = Axe().run(page, options={"preload": False}).response["violations"]
        assert [(rule["id"], [node["target"] for node in rule["nodes"]][:5]) for rule in violations] == [], path.name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
    page.close()


def test_a_docstring_s_parameters_become_fields():
    said = "x, y: (batch, N_1); z: as they are. Not w: it is none. Returns (N_2,). Raises ValueError if not."
    assert [*FIELDS(said, ["x", "y", "z"])] == [
        ":param x: (batch, N_1)",
        ":param y: (batch, N_1)",
        ":param z: as they are. Not w: it is none.",
        ":returns: (N_2,).",
        ":raises: ValueError if not.",
    ]
    assert [*FIELDS("In general so. x: f. Raises KeyError.", ["x"])] == [
        "In general so.",
        ":param x: f",
        ":raises: KeyError.",
    ]
    assert [*FIELDS("Says nothing of x: or y.", ["x"])] == ["Says nothing of x: or y."]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("W_ij of λ_{i−1}", "W<ij> of λ<i−1>"),
        ("(−1)^{i−j}", "(−1)<i−j>"),
        ("in_features, x_train", "in_features, x_train"),
        ("‖Γ_h‖", "‖Γ<h>‖"),
        ("φ_iφ_iᵀ, in_h, tf_efficientnet_v2_s", "φ<i>φ<i>ᵀ, in<h>, tf_efficientnet_v2_s"),
    ],
)
def test_indices_are_set_low_and_high(text, html):
    assert "".join(f"<{node.astext()}>" if node.children else node.astext() for node in WITH_INDICES(text)) == html


def test_a_page_s_contents_have_the_indices_of_its_headings(site):
    findings = next(page for page in site if page.name == "findings.html").read_text()
    assert findings.count("the sign of W<sub>31</sub>") == 2 and "sign of W_31" not in findings


def test_relations_and_percentages_stay_in_one_line(site):
    findings = next(page for page in site if page.name == "findings.html").read_text()
    assert re.search(r"n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}32", findings)
    assert re.search(r"1\N{NO-BREAK SPACE}%", findings)


def test_pages_lead_to_the_reports_and_the_reference_to_the_sources(site):
    linked = {page.name: links.linked for page, links in site.items() if page.parent.name != "_static"}
    reports = {path.name for path in (ROOT / "results/published/reports").glob("*.html")}
    assert {Path(address).name for address in linked["findings.html"]} & reports >= {"03_teacher_student.html"}
    assert "../../results/published/reports/11_choosing.html" in linked["choosing.html"]
    assert "../../../src/sparcs/compact_network.py" in linked["compact.html"]


def test_formulas_are_drawn_without_a_script(site):
    algebra = next(page for page in site if page.as_posix().endswith("reference/spectral.html")).read_text()
    assert algebra.count("<math") > 3 and "(4.2)" in algebra
    drawn = [formula for page in site for formula in re.findall(r"<math.*?</math>", page.read_text(), re.DOTALL)]
    assert [formula for formula in drawn if "\\" in formula] == []
    assert not [address for links in site.values() for address in links.loaded if "mathjax" in address.lower()]


def rows_of(page):
    """The rows of a page's tables of parameters, without their headings, as texts of their cells."""
    tables = re.findall(r'<table[^>]*class="[^"]*\bparameters\b.*?</table>', page, re.DOTALL)
    rows = [row for table in tables for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)[1:]]
    return [
        [unescape(re.sub("<.*?>", "", cell)).strip() for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)]
        for row in rows
    ]


def test_functions_have_a_table_of_their_parameters(site):
    heads = next(page for page in site if page.as_posix().endswith("reference/heads.html")).read_text()
    assert ["hidden", "int | Sequence[int]", "the width of the hidden layer, or those of several."] in rows_of(heads)


def test_every_parameter_has_a_type_and_a_meaning_once(site):
    """A class's types are its constructor's: a network takes widths as any sequence, and an activation by name."""
    pages = {page.stem: rows_of(page.read_text()) for page in site if page.parent.name == "reference"}
    assert [row for rows in pages.values() for row in rows if len(row) != 3 or not all(row)] == []
    types = [kind for name, kind, _ in pages["network"] if name in ("widths", "activation")]  # the constructor's first
    assert types[0] == "Sequence[int]" and types[1].startswith("str |")
    assert len([row for row in pages["network"] if row[0] == "widths"]) == 1
    assert not [row for rows in pages.values() for row in rows if "Any" in row[1] and row[0] != "description"]


def test_every_setting_has_a_row():
    page = FILLED("{{ parameters() }}")
    assert len(re.findall(r"^\| `", page, re.MULTILINE)) == len([*describe()])
    assert "| `loss_budget` | float > 0 | 0.05 |" in page


@pytest.mark.skipif(not CHROMIUM, reason="the summary was not printed: Chromium is not installed")
def test_the_summary_prints_on_one_page(site, tmp_path):
    page = next(page for page in site if page.name == "reproducibility.html")
    options = ["--headless", "--no-sandbox", "--no-pdf-header-footer", f"--print-to-pdf={tmp_path}/summary.pdf"]
    subprocess.run([CHROMIUM, *options, page.as_uri()], check=True, capture_output=True, timeout=120)
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / "summary.pdf").read_bytes())) == 1


def test_every_public_name_is_documented(site):
    anchors = {anchor for links in site.values() for anchor in links.anchors}
    assert {f"sparcs.{name}" for name in sparcs.__all__} <= anchors
    assert {
        f"sparcs.{name}.{method}" for name in ("SpectralNetwork", "CompactNetwork") for method in ("save", "load")
    } <= (anchors)
