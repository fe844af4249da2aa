"""README: short, and its numbers are those of the published tables."""

import re
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import gmean

from replication.experiments.baselines import comparison
from replication.records.io import read_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PUBLISHED = ROOT / "results/published"
CLAIMS = pd.read_csv(PUBLISHED / "claims.csv").set_index("id")
WRITTEN = re.compile(r"<!-- (answer|scorecard):.*?end of the \1 -->", re.DOTALL)
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
TEXT = CODE.sub("", WRITTEN.sub("", README))


def test_it_is_read_in_a_minute():
    assert len(README.splitlines()) <= 130
    assert len(TEXT.split()) <= 1000
    hashes = [word for word in re.findall(r"\b[0-9a-f]{7,12}\b", CODE.sub("", README)) if re.search("[a-f]", word)]
    assert len(hashes) <= 2


def in_reason(claim, pattern):
    """Numbers of a part's remark."""
    return [float(number.replace(",", "")) for number in re.search(pattern, CLAIMS.loc[claim, "reason"]).groups()]


def parameters_of(*methods, task="teacher", flips=False):
    """Geometric means over seeds of the parameters at R² ≥ 0.98 on a task of teachers."""
    trials = read_table(PUBLISHED / "baselines/trials.parquet").query("task == @task")
    scalars = comparison.scalars(comparison.with_flips(trials) if flips else trials)
    return [f"{gmean(scalars.loc[scalars['method'] == method, 'parameters']):,.0f}" for method in methods]


def test_its_findings_are_those_of_the_published_tables():
    findings = README[README.index("## What was found") : README.index("## Scorecard")]
    assert f"All {CLAIMS.loc['B3', 'n']:,.0f} networks fit" in findings and CLAIMS.loc["B3", "measured"] == 1
    assert CLAIMS.loc[["B1a", "B1b"], "measured"].between(0.5e-4, 1.5e-4).all()  # a ten-thousandth
    assert f"in all {CLAIMS.loc['D2a', 'n']:.0f} networks" in findings and CLAIMS.loc["D2a", "measured"] == 0
    assert CLAIMS.loc["D2a", "old_measured"] == 1  # by eigenvalues one survives, and it is the other
    [increase] = in_reason("D2b", r"median increase ([\d,.]+) %")
    assert f"the loss {1 + increase / 100:.0f}-fold" in findings
    students = read_table(PUBLISHED / "teacher_student/trials.parquet")
    (last,) = students[students["ensemble"] == "authors_last"].itertuples()
    assert "and so do the authors' last notebook's settings (n = 1)" in findings and last.surviving_layer == 3
    priced = students[students["ensemble"] == "rows"]
    assert (priced["surviving_layer"] == 3).all() and (priced["other_layer_loss_increase"] < 0.05).all()
    neurons = priced["live_neurons"]
    said = f"one layer is left, the second, with {neurons.min():.0f} to {neurons.max():.0f} neurons (n = {len(priced)})"
    assert said in re.sub(r"\s+", " ", findings)
    gain, low, high = in_reason("E1", r"authors' sign: ([\d.]+) \[([\d.]+), ([\d.]+)\]")
    assert f"gains {gain:.1f} points [{low:.1f}, {high:.1f}]" in findings
    assert f"As printed it gains {CLAIMS.loc['E1', 'measured']:.1f}," in findings
    accuracy = read_table(PUBLISHED / "cifar10/trials.parquet").groupby("head")["test_accuracy"].mean()
    assert f"A plain hidden layer of as many neurons gains {accuracy['hidden'] - accuracy['linear']:.1f}." in findings
    assert "gain of 5.7 points over a linear head" in findings and "5.7 points" in CLAIMS.loc["E1", "paper"]
    sparcs, *others = parameters_of("sparcs_l2", "gaea", "gaea_bilevel", "lasso_half", "lasso_random")
    assert f"SPARCS keeps {sparcs} parameters" in findings and set(others) == {"800"}
    known, new = (parameters_of("sparcs_rows", task=task, flips=True)[0] for task in ("teacher", "new_teachers"))
    assert f"With that price and sign flips SPARCS keeps {known}, and {new} on teachers" in findings


def test_the_sizes_told_at_length_are_those_of_the_published_tables():
    text = (ROOT / "docs/findings.md").read_text(encoding="utf-8")
    methods = ("sparcs_l2", "sparcs_paths", "sparcs_rows", "sparcs_rows_skip", "lasso_random")
    columns = [{}, {"flips": True}, {"flips": True, "task": "new_teachers"}]
    sizes = [parameters_of(*methods, **column) for column in columns]
    for name, *row in zip(map(comparison.name_of, methods), *sizes, strict=True):
        assert f"| {' | '.join([name, *row])} |" in text


def test_the_authors_last_student_is_told_as_it_came_out():
    text = re.sub(r"\s+", " ", (ROOT / "docs/findings.md").read_text(encoding="utf-8"))
    students = read_table(PUBLISHED / "teacher_student/trials.parquet")
    (last,) = students[students["ensemble"] == "authors_last"].itertuples()
    assert last.surviving_layer == 3
    assert f"|λ_2| is {last.largest_eigenvalue_2:.3g}, as in their" in text
    assert f"The largest |λ_3| is {last.largest_eigenvalue_3:.3g}." in text
    assert f"raises the loss by {100 * last.other_layer_loss_increase:.2g} %" in text
    assert f"Live neurons are {last.live_neurons:.0f} at R² {last.trimmed_r2:.4g}" in text


@pytest.mark.parametrize("sentence", re.split(r"(?<=[.!?])\*{0,2}\s+", TEXT))
def test_its_sentences_are_short(sentence):
    """Each has at most 25 words and 3 numbers. Links count as text; headings, formulas and tables are left out."""
    text = re.sub(
        r"^\[!\[.*$|\[([^]]*)\]\([^)]*\)|`[^`]*`|<!--.*?-->|^\|.*$|^#.*$|!\[.*", r"\1", sentence, flags=re.MULTILINE
    )
    words = [word for word in text.split() if re.search(r"\w", word)]
    assert len(words) <= 25, sentence
    numbers = re.findall(
        r"(?<![\w.^_])[−-]?\d[\d,.]*(?!\w)", re.sub(r"\b(Table|Figure|Experiments?|Python) \d[\d.]*", "", text)
    )
    assert len(numbers) <= 3, sentence
