"""Broken notebooks and declarations of experiments: a dry run ends with one sentence that names file and field."""

import json

import pytest

import tiny
from command_lines import assert_one_sentence

pytestmark = pytest.mark.pipeline
ROOM, NOTEBOOK = "src/replication/experiments/cells/__init__.py", "notebooks/09_cells.ipynb"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return tiny.copy_of_checkout(tmp_path_factory.mktemp("checkout"))


def of_cell(code):
    """The text of a notebook with this cell."""
    return json.dumps({"cells": [{"cell_type": "code", "source": [code]}]})


def planned(checkout, file, text):
    """What a dry run says while a file has this text, or is not there."""
    path = checkout / file
    before = path.read_text()
    path.write_text(text(before) if callable(text) else text)
    try:
        return tiny.run(checkout, "snakemake", "-n", "-q", "--cores", "1", check=False).strip()
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not a notebook of Python: JSONDecodeError"),
        ("[]", "is not a notebook of Python: TypeError"),
        ("{}", "is not a notebook of Python: KeyError: 'cells'"),
        (of_cell("def"), "is not a notebook of Python: SyntaxError"),
        (of_cell("notebook.show(name)"), "its first argument must be a name in quotes"),
        (of_cell("notebook.published(name)"), "its first argument must be a name in quotes"),
        (of_cell('notebook.table("cells/typo")'), "table 'cells/typo': allowed are baselines/history, cells/costs, "),
    ],
)
def test_a_broken_notebook(checkout, content, message):
    output = planned(checkout, NOTEBOOK, content)
    assert message in output and NOTEBOOK in output.splitlines()[-1], output
    assert_one_sentence(output, "snakemake")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("EXPERIMENT = ", "EXPERIMENT == ", "declares no experiment: NameError"),
        ("EXPERIMENT = ", "EXPERIMENTS = ", "declares no experiment: AttributeError"),
        ("    title=", "    typo=", "declares no experiment: TypeError"),
        ("    title=", "    title", "declares no experiment: SyntaxError"),
        ('name="cells"', 'name="typo"', "name = 'typo': allowed is its folder's, cells"),
        ('notebook="09_cells"', 'notebook="09_typo"', "notebook = '09_typo': there is no notebooks/09_typo.ipynb"),
        ('train="train:', 'train="typo:', "stages.trials.train = 'typo:"),
        ('finish="table:finish"', 'finish="table:typo"', "finish = 'table:typo': there is no typo in table.py"),
        (
            'rule="',
            'network="train:typo", rule="',
            "stages.trials.network = 'train:typo': there is no typo in train.py",
        ),
        ('"baselines/history"', '"baselines/typo"', "beside = 'baselines/typo': no experiment has such a table"),
        ('rule="', 'rule="train_depth", seed_name="', "rule = 'train_depth': another stage has it"),
    ],
)
def test_a_broken_declaration(checkout, before, after, message):
    output = planned(checkout, ROOM, lambda text: text.replace(before, after, 1))
    assert message in output and "src/replication/experiments/cells" in output.splitlines()[-1], output
    assert_one_sentence(output, "snakemake")
