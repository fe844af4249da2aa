"""What the tests of claims and reports on changed tables share."""

import pytest

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
