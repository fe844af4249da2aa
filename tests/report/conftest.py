"""What the tests of claims and reports on changed tables share, and the browser that opens pages."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

import changed_tables as thin
from notebooks import said_on


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
