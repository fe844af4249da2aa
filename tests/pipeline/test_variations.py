"""Each variation that docs/running.md shows plans as many jobs as it says."""

import re
import shlex

import pytest

import tiny

TEXT = (tiny.ROOT / "docs/running.md").read_text(encoding="utf-8").partition("## Variations")[2].partition("\n## ")[0]
LINES = [line[::-1] for line in re.findall(r"^# (\d+) jobs?: .*\n(snakemake .*)$", TEXT, flags=re.MULTILINE)]
pytestmark = pytest.mark.pipeline


def test_every_line_says_its_number_of_jobs():
    assert len(LINES) == TEXT.count("\nsnakemake ") >= 4


@pytest.mark.parametrize(("line", "jobs"), LINES)
def test_a_variation_has_as_many_jobs_as_the_documentation_says(line, jobs, tmp_path):
    command = [*shlex.split(line), "--dry-run", "--quiet", "rules"]
    if "--directory" not in command:
        command += ["--directory", tmp_path]
    command = [tmp_path if word == "../elsewhere" else word for word in command]
    planned = tiny.run(tiny.ROOT, *command)
    assert re.findall(r"^total +(\d+)$", planned, flags=re.MULTILINE) == [jobs]
