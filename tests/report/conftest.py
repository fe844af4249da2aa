"""What the tests of claims, of reports on changed tables and of the site share, and the browser that opens pages."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

import changed_tables as thin
from notebooks import said_on
from replication.site.pages import build
from replication.site.run import Run

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"


@pytest.fixture(scope="session")
def tables(whole_run):
    """Three trials of everything, on the data sets themselves."""
    return thin.repeated(thin.of_images(thin.read(whole_run)), 3)


@pytest.fixture
def said(monkeypatch, tmp_path):
    """The text that a notebook shows on the tables of a folder."""
    return lambda name, folder: said_on(name, folder, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, the system's or Playwright's."""
    with sync_playwright() as playwright:
        names = ("chromium", "chromium-browser", "google-chrome", playwright.chromium.executable_path)
        path = next(filter(None, map(shutil.which, names)), None)
        if not path:
            pytest.skip("no Chromium on this machine: no page was opened in a browser")
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The site of the published tables."""
    folder = tmp_path_factory.mktemp("site")
    figures = ROOT / "figures" / "published"
    build(Run(PUBLISHED, PUBLISHED / "claims.csv", PUBLISHED / "reports", figures, PUBLISHED), folder)
    return folder


@pytest.fixture(scope="session")
def small(whole_run, tmp_path_factory):
    """A small run with stand-in images, and no report or figure."""
    folder = tmp_path_factory.mktemp("small")
    for name in ("reports", "figures"):
        (folder / name).mkdir()
    return Run(whole_run, whole_run / "claims.csv", folder / "reports", folder / "figures", PUBLISHED)
