"""What is published: pages, the verdicts in README, and the tables, which are whole, recorded and small."""

import json

import numpy as np
import pandas as pd
import pytest

from replication.account.scorecard import count, with_verdicts
from replication.experiments import EXPERIMENTS
from replication.publish import rows
from replication.records import io
from small_runs import ROOT, run


def test_published_baselines_were_searched_with_the_value_that_was_chosen():
    folder = ROOT / "results" / "published" / "baselines"
    trials, tuning = (io.read_table(folder / f"{name}.parquet") for name in ("trials", "tuning"))
    chosen = tuning[tuning["chosen"]].drop_duplicates(["task", "method"]).set_index(["task", "method"])
    assert len(chosen) > 20
    for key, of_method in trials.groupby(["task", "method"]):
        if key in chosen.index:
            option, value = chosen.loc[key, ["option", "value"]]
            assert {json.loads(options)[option] for options in of_method["options"]} == {json.loads(value)}, key


def test_pages_go_beside_the_tables_and_the_scorecard_into_the_readme(tmp_path):
    results, figures, published = (tmp_path / name for name in ("rebuilt", "figures", "out"))
    tables = ROOT / "results" / "published"
    claims = pd.read_csv(tables / "claims.csv")
    io.write_csv(results / "claims.csv", claims)
    published.mkdir()
    for path in tables.iterdir():  # the site is made from them
        if path.name not in ("claims.csv", "reports", "site"):
            (published / path.name).symlink_to(path)
    old = [
        published / name for name in ("reports/07_rivals.html", "site/reports/07_rivals.html", "figures/fig_rivals.svg")
    ]
    old.append(published / "reports/07_rivals.ipynb")
    left = [results / "reports/07_rivals.html", figures / "fig_rivals.svg"]
    notebook = published / "reports/01_theory.ipynb"
    for path in (results / "reports/01_theory.html", figures / "fig07.svg", notebook, *old, *left):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made again")
    readme = tmp_path / "README.md"
    places = "<!-- {0}: written by `snakemake publish_pages` -->\nstale\n<!-- end of the {0} -->\n"
    readme.write_text(f"before\n{places.format('answer')}between\n{places.format('scorecard')}after\n")
    code = run(
        "publish-pages", "--results", results, "--figures", figures, "--published", published,
        "--published-figures", published / "figures", "--readme", readme,
        "--report", "01_theory", "--report", "02_alpha_beta", "--figure", "fig07",
    )  # fmt: skip
    assert code == 0 and not any(path.exists() for path in old) and notebook.exists()
    assert (published / "reports" / "01_theory.html").read_text() == "made again"
    assert (published / "figures" / "fig07.svg").read_text() == "made again"
    assert "../reports/01_theory.html" in (published / "site/reports.html").read_text()
    text = readme.read_text()
    assert text.startswith("before\n<!-- answer") and text.endswith("<!-- end of the scorecard -->\nafter\n")
    assert "stale" not in text and f"\n{count(claims)}\n<!-- end of the answer -->\nbetween\n" in text
    rows = [line for line in text.splitlines() if line.startswith("| **")]
    assert len(rows) == claims["id"].str.fullmatch(r"[A-Z]\d+").sum()
    decides = next(row for row in rows if row.startswith("| **E2**"))
    assert "training time" in decides  # the part that fails
    assert "[✘ not replicated](results/published/site/claims/E2.html)" in decides


def test_a_readme_without_a_place_for_the_verdicts_is_refused():
    claims = pd.read_csv(ROOT / "results" / "published" / "claims.csv")
    with pytest.raises(io.ArtifactError, match="must stand in the text"):
        with_verdicts("nothing here", claims)


def test_the_answer_counts_the_verdicts():
    verdicts = ["replicated", "partly", "not replicated", "replicated", "replicated"]
    claims = pd.DataFrame({"id": ["A1", "A2", "A3", "A3a", "B1"], "verdict": verdicts, "paper": "something"})
    counted = (
        "**Of the paper's 4 claims 2 are replicated and 1 is not replicated. Of the others 1 is partly replicated.**"
    )
    assert count(claims) == counted
    beyond = pd.DataFrame({"id": ["T1"], "verdict": ["replicated"], "paper": [np.nan]})  # as pandas reads nothing
    assert count(pd.concat([claims, beyond])) == f"{counted} Of 1 claim beyond it 1 is replicated."


def test_the_verdicts_of_the_readme_are_the_published_ones():
    text = (ROOT / "README.md").read_text()
    assert with_verdicts(text, pd.read_csv(ROOT / "results" / "published" / "claims.csv")) == text


def test_everything_that_is_published_has_a_fingerprint_and_a_record():
    """Rows from before there were fingerprints are marked, have their commits, and stand in the records.

    All tables of a stage are there, or none, where it was not run at the published scale yet; an experiment likewise.
    """
    published = ROOT / "results" / "published"
    for path in published.glob("*/*.parquet"):
        assert "fingerprint" in io.read_table(path) and "made_from" not in io.read_table(path), path
    for name, experiment in EXPERIMENTS.items():
        there = rows.places(published, experiment)[0].keys()
        assert not there or {*experiment.stages[0].tables, *experiment.extra} <= there, name
        assert all(stage.tables.keys() & there in (set(), stage.tables.keys()) for stage in experiment.stages), name
    record = io.read_json(published / "provenance.json")
    for name, own in record["experiments"].items():
        assert io.read_json(published / name / "provenance.json") == own
        assert {"commit", "fingerprint", "core_minutes", "trials"} <= own.keys()


def test_what_is_published_is_small():
    folders = [ROOT / name / "published" for name in ("results", "figures")]
    sizes = [path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert max(sizes) < 2_000_000 and sum(sizes) < 60_000_000
