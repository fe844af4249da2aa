"""What reports say: templates, and the house rule of language over every sentence that they make."""

import pytest
from jinja2 import UndefinedError

from language import faults, sentences
from notebooks import ROOT, assert_readable, prose_of
from replication.experiments import EXPERIMENTS
from replication.report.template import (
    TEMPLATE,
    capital,
    cell,
    exact,
    in_words,
    interval,
    line,
    percent,
    predicate,
    sections,
    share,
    signed,
    span,
)

PUBLISHED = ROOT / "results/published"
OF_TEMPLATES = [
    name for name, each in EXPERIMENTS.items() if (ROOT / "src/replication/experiments" / name / TEMPLATE).exists()
]


def test_every_sentence_of_the_summary_keeps_the_house_rule(monkeypatch):
    assert_well_said(prose_of("00_summary", PUBLISHED, monkeypatch))


def assert_well_said(text):
    assert_readable(text)
    said = sentences(text)
    assert len(said) > 20
    assert {sentence: found for sentence in said if (found := faults(sentence))} == {}


@pytest.mark.parametrize("experiment", OF_TEMPLATES)
@pytest.mark.parametrize("published", [True, False], ids=["published", "small run"])
def test_every_sentence_of_a_report_keeps_the_house_rule(experiment, published, whole_run, monkeypatch):
    folder = PUBLISHED if published else whole_run
    if not (folder / experiment).exists():
        pytest.skip("its tables are not published")
    assert_well_said(prose_of(EXPERIMENTS[experiment].notebook, folder, monkeypatch))


def test_a_template_takes_the_values_that_it_uses_and_no_others():
    starts = sections("replication.experiments.regression").starts
    assert "has not been run" in starts(starts=[])
    with pytest.raises(UndefinedError):
        starts(starts=[{"output": -1}])
    with pytest.raises(UndefinedError):
        starts()
    with pytest.raises(TypeError, match="more"):
        starts(starts=[], more=1)


def test_values_read_well_in_a_sentence():
    assert [in_words(count) for count in (0, 1, 12, 13, 1200)] == ["none", "one", "twelve", "13", "1,200"]
    assert [share(count, of, "trial") for count, of in ((0, 3), (1, 1), (2, 2), (5, 5), (2, 5))] == [
        "none of 3 trials", "the one trial", "both trials", "all 5 trials", "2 of 5 trials",
    ]  # fmt: skip
    assert share(2, 2, "search", "searches") == "both searches" and cell("Σ|λ|") == "Σ\\|λ\\|"
    assert [exact(value) for value in (1000, 0.5, -1.0)] == ["1,000", "0.5", "-1"]
    assert [signed(value) for value in (1.5, -1.5, 0.0)] == ["+1.5", "−1.5", "0"]
    assert interval((1, 0.5, 2)) == "1 [0.5, 2]" and interval((1, 1, 1)) == interval((1, *[float("nan")] * 2)) == "1"
    assert span((2, 2.61)) == "2 to 2.61" and span([3.0, 3]) == "3" and line("a\n\n b") == "a b"
    assert [predicate(verdict) for verdict in ("partly", "untested")] == ["partly replicated", "untested"]
    assert percent(0.123) == "12.3 %" and capital("λ is") == "Λ is" and capital("") == ""
