"""The site in a browser without a network: pictures, controls, addresses, accessibility, widths."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe

import changed_tables as changed
from replication.records.io import write_table
from replication.report.pages import render
from replication.report.shell import SECTIONS
from replication.site.pages import build

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"
README = (ROOT / "README.md").read_text(encoding="utf-8")
THEMES = ["light", "dark"]
PAGES = [
    "index.html",
    *(f"{page}.html" for page, _ in SECTIONS),
    *(f"claims/{claim}.html" for claim in ("A2", "D2", "G2")),
]
REPORTS = sorted(path.stem for path in (PUBLISHED / "reports").glob("*.html"))
SIZES = {"wide": (1440, 900), "tablet": (824, 1100), "phone": (390, 844)}


@pytest.fixture
def visit(browser, site):
    """Open a page of the site; at the end nothing may have been asked of a network or logged as an error."""
    contexts, problems = [], []

    def open_page(name, theme="light", size="wide"):
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
        page.on(
            "request",
            lambda request: None if request.url.startswith(("file:", "data:")) else problems.append(request.url),
        )
        file, mark, anchor = str(name).partition("#")
        page.goto(f"{(site / file).as_uri()}{mark}{anchor}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def test_from_readme_to_the_evidence_of_a_claim_in_two_clicks(visit):
    [page] = re.findall(r"\]\(results/published/site/(claims/D2\.html)\)", README)
    page = visit(page)
    page.locator("a[href$='reports/03_teacher_student.html']").click()
    assert page.url.endswith("results/published/reports/03_teacher_student.html")
    assert page.get_by_role("link", name="D2", exact=True).is_visible()


def test_from_a_figure_to_the_code_that_draws_it_in_two_clicks(visit):
    """README's picture leads to the gallery, and each figure there to its function."""
    [page] = re.findall(r"\)\]\(results/published/site/(figures\.html#fig07)\)", README)
    figures = visit(page).locator("figure")
    assert figures.count() > 30
    for figure in figures.all():
        file, line = figure.get_by_role("link", name="Code of").evaluate("link => [link.pathname, +link.hash.slice(2)]")
        drawn = Path(unquote(file)).read_text(encoding="utf-8").splitlines()[line - 1]
        assert drawn.startswith(f"def {figure.get_attribute('id')}(")


@pytest.mark.parametrize("theme", THEMES)
def test_pictures_load(visit, theme):
    page = visit("figures.html", theme)
    page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    page.wait_for_function("[...document.images].every(image => image.complete)")
    widths = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(widths) >= 20 and min(widths) > 0


def test_reports_and_site_link_to_each_other(small, browser, tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    for name, title in (("01_one", "First?"), ("02_two", "Second?"), ("03_three", "Third?")):
        headings = [nbformat.v4.new_markdown_cell(f"## Part {part} of it") for part in "abc"]
        cells = [nbformat.v4.new_markdown_cell(f"# {title}"), *headings]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
        render(tmp_path / f"{name}.ipynb", folder / f"{name}.html")
    build(replace(small, pages=folder, names=("01_one", "02_two", "03_three")), tmp_path / "site")
    page = browser.new_page()
    page.goto((tmp_path / "site/index.html").as_uri())
    page.get_by_role("link", name="Reports", exact=True).first.click()
    page.get_by_role("link", name="Second?").click()
    assert page.title() == "Second?"
    page.get_by_text("Part b of it").first.click()
    assert page.url.endswith("02_two.html#part-b-of-it")
    page.get_by_role("link", name="Third? →").click()
    page.get_by_role("link", name="← Second?").click()
    page.get_by_role("link", name="← First?").click()
    assert page.url.endswith("01_one.html") and page.locator("#neighbours a").count() == 1
    page.get_by_role("link", name="SPARCS, reproduced").click()
    assert page.url.endswith("site/index.html")
    page.close()


def test_the_slider_changes_the_picture(visit):
    page = visit("alpha.html")
    slider = page.locator("#alpha")
    panels = ["network", "surface", "gamma", "eigenvalues"]

    def shown():
        return [page.locator(f"#{panel}").inner_html() for panel in panels] + [page.locator("#state").inner_text()]

    before = shown()
    slider.focus()
    page.keyboard.press("ArrowRight")
    after = shown()
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert slider.get_attribute("aria-valuetext") == "α = 0.55"
    page.keyboard.press("Home")
    assert "no hidden neuron and skips from x₁, x₂" in shown()[-1]
    page.keyboard.press("End")
    page.get_by_label("β = 1000").check()
    assert shown()[-1].startswith("At α = 1, β = 1000 this network uses 53 of 300 hidden neurons")
    assert page.locator("#surface polygon.facet").count() == 256


def test_a_trial_can_be_picked_and_the_address_keeps_it(visit):
    page = visit("alpha.html")
    trials = pd.read_parquet(PUBLISHED / "regression/trials.parquet")
    page.get_by_label("β = 1000").check()
    page.get_by_label("Trial").fill("17")
    trial = trials.query("beta == 1000 and alpha == 0.5 and trial == 17").iloc[0]
    said = page.locator("#state").inner_text()
    assert f"trial 17 uses {trial['active_neurons']:.0f} of 300 hidden neurons" in said
    assert "stored for trial 0 alone" in said and page.locator("#network.pale").count() == 1
    assert page.locator("#gamma .trial").count() == 100
    again = visit(f"alpha.html{page.url.partition('alpha.html')[2]}")
    assert again.locator("#state").inner_text() == said
    again.get_by_label("Trial").fill("0")
    assert again.locator(".pale").count() == 0 and "stored for" not in again.locator("#state").inner_text()


def test_the_explorer_says_which_network_diverged(small, browser, tmp_path):
    tables = shutil.copytree(small.tables, tmp_path / "tables")
    for name, table in changed.diverged(changed.read(tables), changed.first_of("alpha")).items():
        write_table(tables / f"{name}.parquet", table)
    build(replace(small, tables=tables), tmp_path / "site")
    page, problems = browser.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto((tmp_path / "site/alpha.html").as_uri())
    page.locator("#alpha").focus()
    page.keyboard.press("Home")
    assert page.locator("#state").inner_text().startswith("At α = 0, β = 5 the training of this network diverged")
    page.keyboard.press("End")
    assert "hidden neurons" in page.locator("#state").inner_text() and problems == []
    page.close()


def test_sorting_by_mouse_and_keyboard(visit):
    page = visit("scorecard.html")

    def column(name):
        values = page.locator("#claims tbody tr").evaluate_all(
            "(rows, name) => rows.map(row => row.dataset[name])", name
        )
        return [float(value) for value in values]

    order = column("order")
    page.get_by_role("button", name="Verdict", exact=True).click()
    assert column("rank") == sorted(column("rank")) and column("order") != order
    page.keyboard.press("Enter")
    assert column("rank") == sorted(column("rank"), reverse=True)
    assert page.locator("#claims th[data-sort=rank]").get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="n", exact=True).press("Enter")
    assert column("n") == sorted(column("n"))
    page.get_by_role("button", name="Claim", exact=True).click()
    assert column("order") == order


def test_the_theme_can_be_chosen_and_stays(visit):
    page = visit("index.html", "light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Switch to dark colours").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    assert page.evaluate(paper) == dark
    page.get_by_role("button", name="Switch to light colours").click()
    assert page.evaluate(paper) == light


def rows_shown(page):
    return page.locator(".trials tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(c => c.textContent))"
    )


def test_trials_are_sorted_and_filtered_and_the_address_keeps_it(visit):
    page = visit("trials.html#table=teacher_student_trials")
    table = pd.read_parquet(PUBLISHED / "teacher_student/trials.parquet")
    assert page.locator("#count").inner_text() == f"{len(table)} of {len(table)} trials."
    page.get_by_label("Filter ensemble").fill("l2_sq")
    assert len(rows_shown(page)) == (table["ensemble"] == "l2_squared").sum()
    page.get_by_label("Filter ensemble").fill("graded")
    page.get_by_label("Filter live neurons").fill(">=30")
    graded = table.query("ensemble == 'graded' and live_neurons >= 30")["live_neurons"]
    for descending in (False, True):
        page.get_by_role("button", name="live neurons", exact=True).click()
        place = page.locator(".trials th").all_inner_texts().index("live neurons")
        assert [float(row[place]) for row in rows_shown(page)] == sorted(graded, reverse=descending)
    address = page.url.partition("trials.html")[2]
    again = visit(f"trials.html{address}")
    assert rows_shown(again) == rows_shown(page) and again.locator("th[aria-sort=descending]").count() == 1
    again.get_by_role("button", name="Clear filters").click()
    assert again.locator("#count").inner_text().startswith(f"{len(table)} of")
    again.get_by_label("Table").select_option("regression_trials")
    again.wait_for_function("document.querySelector('#count').textContent.startsWith('4,200')")
    assert len(rows_shown(again)) == 200
    again.get_by_role("button", name="Show more rows").click()
    assert len(rows_shown(again)) == 400


@pytest.mark.parametrize(("text", "passing"), [
    ("2", [2]), (">0.5", [2, 30]), ("<=0.5", [-1, 0.5]), ("-2..1", [-1, 0.5]), ("=30", [30]), ("ab", ["cab", "ABC"]),
    ("x", []), ("-1", [-1]),
])  # fmt: skip
def test_a_filter_is_a_bound_a_range_a_number_or_a_part_of_a_word(visit, text, passing):
    page = visit("trials.html")
    values = [-1, 0.5, 2, 30, "cab", "ABC", None]
    assert page.evaluate("([text, values]) => values.filter(test(text))", [text, values]) == passing


def test_a_budget_leaves_what_the_trials_say(visit):
    page = visit("explore.html")
    of_seeds = pd.read_parquet(PUBLISHED / "teacher_student/trials.parquet").query("ensemble == 'l2'")
    said = page.locator("#budget-said")
    live = of_seeds["live_neurons"]
    assert said.inner_text().startswith(
        f"{len(of_seeds)} seeds: {live.mean():.0f} neurons still live on average, from {live.min()} to {live.max()}."
    )
    page.get_by_label("eigenvalues kept").check()
    assert f"{of_seeds['kept_eigenvalues'].mean():.3g} eigenvalues kept" in said.inner_text()
    page.get_by_label("Loss may grow by").focus()
    page.keyboard.press("End")
    assert "100 %" in page.locator("#budget-text").inner_text()
    page.get_by_label("Penalty").select_option("graded")
    assert said.inner_text().startswith("5 seeds") and page.locator("#budget-plot .seed").count() == 5
    again = visit(f"explore.html{page.url.partition('explore.html')[2]}")
    assert again.locator("#budget-said").inner_text() == said.inner_text()


def test_the_start_turns_and_the_numbers_are_the_tables(visit):
    page = visit("explore.html")
    epochs = (
        pd.read_parquet(PUBLISHED / "cifar10/epochs.parquet")
        .query("epoch == 300")
        .groupby("head")
        .mean(numeric_only=True)
    )
    for start, head in (("as printed", "spectral"), ("as the authors’ scripts", "spectral_authors_sign")):
        page.get_by_label(start).check()
        for images, column in (("plain", "validation_accuracy"), ("augmented", "validation_accuracy_augmented")):
            page.get_by_label(images).check()
            gain = epochs.loc[head, column] - epochs.loc["linear", column]
            assert f"SPARCS gains {float(f'{gain:.3g}'):g} points" in page.locator("#start-said").inner_text()
    again = visit(f"explore.html{page.url.partition('explore.html')[2]}")
    assert again.locator("#start-said").inner_text() == page.locator("#start-said").inner_text()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_pages_are_accessible_and_fit(visit, name, theme, size):
    page = visit(name, theme, size)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    violations = Axe().run(page, options={"preload": False}).response["violations"]
    assert [(rule["id"], [node["target"] for node in rule["nodes"]][:5]) for rule in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]


@pytest.mark.parametrize(("theme", "size"), [("light", "wide"), ("dark", "phone")])
@pytest.mark.parametrize("report", REPORTS)
def test_reports_are_accessible_and_fit(visit, report, theme, size):
    page = visit(PUBLISHED / f"reports/{report}.html", theme, size)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    violations = Axe().run(page, options={"preload": False}).response["violations"]
    assert [(rule["id"], [node["target"] for node in rule["nodes"]][:5]) for rule in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]


@pytest.mark.parametrize("report", REPORTS)
def test_no_table_of_a_report_is_cut(visit, report):
    for size in ("wide", "tablet"):
        page = visit(PUBLISHED / f"reports/{report}.html", size=size)
        cut = page.locator(".wide").evaluate_all(
            "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent.slice(0, 80))"
        )
        assert cut == [], size


@pytest.mark.parametrize("size", SIZES)
def test_no_text_runs_out_of_its_cell_and_no_table_out_of_the_page(visit, site, size):
    """A cell that is wider than its column is printed over the next one; a wide table is in a box that scrolls."""
    for path in sorted(site.rglob("*.html")):
        page = visit(path.relative_to(site), size=size)
        page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
        cells = page.locator("th:visible, td:visible").evaluate_all(
            "cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.textContent)"
        )
        assert cells == [], path.name
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0], path.name


@pytest.mark.parametrize("size", SIZES)
def test_the_first_screen_is_not_filled_with_commits(visit, size):
    page = visit("index.html", size=size)
    shown = page.locator("main *, footer *").evaluate_all(
        """all => all.filter(one => one.getBoundingClientRect().top < innerHeight)
        .flatMap(one => [...one.childNodes].filter(node => node.nodeType === Node.TEXT_NODE))
        .map(node => node.textContent).join(" ")"""
    )
    assert "reproduced" in shown and len(re.findall(r"\b[0-9a-f]{7,64}\b", shown)) <= 2


@pytest.mark.parametrize(("size", "columns", "fits"), [("wide", 10, True), ("tablet", 8, False), ("phone", 8, False)])
def test_a_wide_table_of_a_report_has_the_whole_page_and_else_scrolls(browser, tmp_path, size, columns, fits):
    row = "| " + " | ".join(["unbreakable"] * columns) + " |\n"
    rule = "| " + " | ".join(["---"] * columns) + " |\n"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"# A question\n\n{row}{rule}{row * 9}")])
    nbformat.write(notebook, tmp_path / "wide.ipynb")
    render(tmp_path / "wide.ipynb", tmp_path / "wide.html")
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto((tmp_path / "wide.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator(".wide").evaluate("box => [box.clientWidth, box.scrollWidth, box.getBoundingClientRect().x]")
    assert (box[0] == box[1]) == fits and 0 <= box[2] <= width - box[0]
    page.close()
