"""The pages of the site, built from the committed tables and from a small run's."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from replication import cli
from replication.account.catalogue import IDS
from replication.judging.grounds import read_grounds
from replication.records.io import ArtifactError
from replication.report.shell import PAPER, SECTIONS
from replication.site.answers import budgets
from replication.site.pages import build, findings, subscripts
from replication.site.run import Run
from replication.site.strips import axis_of

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"


class Links(HTMLParser):
    """Addresses and anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.addresses, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.addresses += [values[key] for key in ("href", "src") if values.get(key)]
        self.anchors |= {values["id"]} if "id" in values else set()
        assert tag != "img" or len(values.get("alt") or "") > 20, values.get("src", "")[:80]


def test_every_link_and_image_resolves_on_disk(site):
    pages = {path: Links(path) for path in site.rglob("*.html")}
    assert len(pages) == 1 + len(SECTIONS) + len(IDS)
    for path, links in pages.items():
        for address in links.addresses:
            if address == PAPER:
                continue
            parts = urlsplit(address)
            assert not parts.scheme and not parts.netloc, address
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), (path.name, address)
            if parts.fragment and target in pages:
                assert parts.fragment in pages[target].anchors, (path.name, address)


def test_figures_and_reports_are_not_copied(site):
    assert {path.suffix for path in site.rglob("*.*")} == {".html", ".css", ".js", ".svg"}
    assert sum(path.stat().st_size for path in site.rglob("*.*")) < 3_000_000


def test_the_pages_hold_all_claims_figures_and_tables(site):
    anchors = {name: Links(site / f"{name}.html").anchors for name in ("scorecard", "figures", "tables")}
    assert set(IDS) <= anchors["scorecard"] and {f"table{n}" for n in range(1, 6)} <= anchors["tables"]
    assert {f"fig{number:02d}" for number in range(1, 19)} <= anchors["figures"]
    text = (site / "provenance.html").read_text(encoding="utf-8")
    provenance = json.loads((PUBLISHED / "provenance.json").read_text())
    assert provenance["commit"] in text and provenance["lock_sha256"] in text and "train_regression" in text
    assert (site / "figures.html").read_text(encoding="utf-8").count("The paper: ") >= 18
    assert "− 3Φ₂ + 3I" in (site / "misprints.html").read_text(encoding="utf-8")
    assert "<math" in (site / "index.html").read_text(encoding="utf-8")


def test_the_front_page_has_the_answer_readmes_findings_and_every_claim(site):
    text = (site / "index.html").read_text(encoding="utf-8")
    assert findings() in text and findings().count("<li>") == 4
    assert "Of the paper&#39;s" in text or "Of the paper's" in text
    rows = re.search(r'<ol class="forest">.*?</ol>', text, re.DOTALL)[0]
    assert re.findall(r'href="claims/(\w+).html"', rows) == list(IDS) and rows.count("<svg") == len(IDS)
    picture = ElementTree.parse(site / "intervals.svg").getroot()
    assert set(IDS) <= {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}


@pytest.mark.parametrize("claim", IDS)
def test_a_claims_page_quotes_the_paper_and_says_who_judges_it(site, claim):
    text = (site / f"claims/{claim}.html").read_text(encoding="utf-8")
    assert "<blockquote>" in text and 'id="changes"' in text and 'class="strip"' in text
    [[file, line]] = re.findall(r'href="[^"]*?(src/replication/experiments/\w+/claims.py)#L(\d+)"', text)
    function = re.search(r"The function <code>(\w+)</code>", text)[1]
    assert (ROOT / file).read_text(encoding="utf-8").splitlines()[int(line) - 1].startswith(f"def {function}(")
    for command in re.findall(r"<code>(snakemake .*?)</code>", text):
        assert re.search(r"results/(rebuilt|overnight)/claims/(\w+).csv$", command)[2] == Path(file).parent.name


@pytest.mark.parametrize("text", ["[A1", "A1 = 3", "[A1]\nregion = 'why'", "[A1]\nquotes = [{text = 'said'}]",
                                  "[A1]\nquotes = []\nwhy = 'a field of no claim'"])  # fmt: skip
def test_grounds_that_are_none_are_refused_in_a_sentence(tmp_path, text):
    path = tmp_path / "claims.toml"
    assert read_grounds(path) == {}  # an experiment need not have them
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArtifactError, match=rf"^{re.escape(str(path))}.*(cannot be read|allowed are)"):
        read_grounds(path)


def test_every_seed_is_a_dot(site):
    said = {name: (site / f"claims/{name}.html").read_text(encoding="utf-8") for name in ("A1", "A2", "B1", "E1")}
    assert "Ring: the statistic." in said["A1"] and "Ring and line: the statistic" not in said["A1"]
    assert "Ring and line: the statistic and its 95" in said["B1"] and "wrong sums in one case" in said["A2"]
    assert "in the other colour: partly" in said["E1"]
    text = (site / "claims/D3.html").read_text(encoding="utf-8")
    [dots] = re.findall(r'<path class="dots" d="(.*?)"', text)
    trials = pd.read_parquet(PUBLISHED / "teacher_student/trials.parquet").query("ensemble == 'l2'")
    assert dots.count("M") == len(trials)


@pytest.mark.parametrize(("values", "region", "logarithmic"), [
    ([0.9, 1.1], (0.95, np.inf), False), ([1e-9, 1e-7], (0, 1e-6), True), ([-1, 100], (-1, 1), False),
    ([0, 0, 0], (0, 0), False), ([], (0.8, 1), False), ([np.nan, 3], (-np.inf, 0.5), False),
])  # fmt: skip
def test_an_axis_has_room_for_values_and_region_and_round_ticks(values, region, logarithmic):
    axis = axis_of(values, region)
    assert axis.logarithmic == logarithmic
    finite = [value for value in (*values, *region) if np.isfinite(value)]
    assert all(0 < axis.share(value) < 1 or value == 0 for value in finite)
    ticks = axis.ticks()
    assert 2 <= len(ticks) <= 7 and all(axis.low <= tick <= axis.high for tick in ticks)
    shares = [axis.share(tick) for tick in ticks]
    assert shares == sorted(set(shares))


def test_no_character_is_escaped_twice(site):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "&amp;#" not in text and "&amp;amp;" not in text, path.name


def test_files_stay_small(site):
    assert all(path.stat().st_size < 2_000_000 for path in site.rglob("*.*"))


def test_the_explorers_data_are_the_tables(site):
    text = (site / "alpha.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])
    tables = {name: pd.read_parquet(PUBLISHED / "regression" / f"{name}.parquet")
              for name in ("trials", "paths", "surface")}  # fmt: skip
    assert len(data["sets"]) == 42
    for drawn in data["sets"][::5]:
        of_set = {name: table[(table["alpha"] == drawn["alpha"]) & (table["beta"] == drawn["beta"])]
               for name, table in tables.items()}  # fmt: skip
        assert len(drawn["paths"]) == (of_set["paths"]["gamma"].abs() > 0.01).sum()
        assert drawn["mean"] == pytest.approx(of_set["trials"]["gamma_norm"].mean(), rel=0.005)
        assert drawn["n"] == 100 and len(drawn["eigenvalues"]["2"]) == 300
        corner = of_set["surface"].query("x1 == -1 and x2 == 1")["fitted"].item()
        assert drawn["surface"][len(data["grid"]) - 1] == pytest.approx(corner, rel=0.005)


def test_an_ensemble_of_a_users_own_is_called_by_its_name_and_penalty():
    curve = pd.DataFrame({"kept": [2, 1], "live": [2, 1], "r2": [0.9, 0.8], "relative_increase": [0.0, 0.01]})
    penalties = {"l2": ("l2", 0.003), "very_weak": ("l1", 0.0001)}
    network = {"teacher": 42, "trial": 0}
    trials = [{"ensemble": name, "penalty": kind, "rho": rho} | network for name, (kind, rho) in penalties.items()]
    curves = [curve.assign(ensemble=name, removal="eigenvalue", **network) for name in penalties]
    tables = {"teacher_student/trials": pd.DataFrame(trials), "teacher_student/pruning": pd.concat(curves)}
    labels = [ensemble["label"] for ensemble in budgets(SimpleNamespace(table=tables.get))["ensembles"]]
    assert labels == ["Table 4: one strength of 0.003 for both layers", "very weak: L1, ρ = 0.0001"]


def test_the_counts_of_the_tests_of_reliability_are_shown(small, tmp_path):
    published = tmp_path / "published"
    shutil.copytree(PUBLISHED, published, ignore=shutil.ignore_patterns("site", "reports", "reliability.csv"))
    run = Run(small.tables, small.verdicts, small.pages, small.figures, published)
    build(run, tmp_path / "without")
    assert "were not published yet" in (tmp_path / "without" / "reliability.html").read_text(encoding="utf-8")
    rows = [("Crashes", "bytes compared", 1234567), ("Crashes", "tables that differ", 0), ("DVC", "seconds", 4.1)]
    where = {"machine": "a machine", "commit": "c0ffee", "date": "2026-01-02 03:04:05"}
    counts = pd.DataFrame(rows, columns=["subject", "quantity", "value"]).assign(marker="reliability", **where)
    types = counts.head(1).assign(marker="types", value=987.0, date="2026-03-04 05:06:07")
    pd.concat([counts, types]).to_csv(published / "reliability.csv", index=False)
    build(Run(small.tables, small.verdicts, small.pages, small.figures, published), tmp_path / "with")
    text = (tmp_path / "with" / "reliability.html").read_text(encoding="utf-8")
    for shown in (">1,234,567<", ">0<", ">4.1<", "c0ffee", "2026-01-02", ">987<", "2026-03-04", "pytest -m types "):
        assert shown in text


def test_an_untested_claim_says_why_and_shows_the_published_verdict(small, tmp_path):
    build(small, tmp_path)
    text = (tmp_path / "scorecard.html").read_text(encoding="utf-8")
    row = re.search(r'<tr id="B3".*?</tr>', text, re.DOTALL)[0]
    assert "untested" in row and "not the paper&#39;s run: epochs 40 of 300, batch size 20, not 100" in row
    scale = pd.read_csv(PUBLISHED / "claims.csv").set_index("id").loc["B3", "scale"]
    assert re.search(rf"Published run, scale {scale}.*replicated.*\[0\.999, 1\].*n = 4,200", row, re.DOTALL)
    assert (tmp_path / "figures.html").read_text(encoding="utf-8").count("Not drawn") == 18
    for name in ("index", "claims/E1"):
        assert "STAND-IN DATA" in (tmp_path / f"{name}.html").read_text(encoding="utf-8")
    assert "Published run" not in re.search(r'<tr id="E1".*?</tr>', text, re.DOTALL)[0] or "untested" in text


def test_pages_that_an_earlier_version_has_left_are_removed(small, tmp_path):
    for path in (tmp_path / "reports/07_rivals.html", tmp_path / "claims/Z9.html", tmp_path / "figures/fig_rivals.png"):
        path.parent.mkdir()
        path.touch()
    build(small, tmp_path)
    assert {path.stem for path in (tmp_path / "claims").iterdir()} == set(IDS)
    assert not list((tmp_path / "reports").iterdir()) and not list((tmp_path / "figures").iterdir())


def test_a_page_that_could_not_be_made_is_named(small, tmp_path):
    """The rest is built, also without the table of core-minutes, which is made behind the pages."""
    tables, pages, names = tmp_path / "tables", tmp_path / "reports", ("01_theory", "09_cells")
    shutil.copytree(small.tables, tables)
    (tables / "core_minutes.csv").unlink()
    pages.mkdir()
    (pages / "01_theory.html").write_text("<title>Theory</title><main></main>", encoding="utf-8")
    build(replace(small, tables=tables, pages=pages, names=names), tmp_path / "site")
    text = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert re.search(r"NOT MADE\.</strong>[^<]*<code>09_cells</code>\.</p>", text)
    text = (tmp_path / "site/reports.html").read_text(encoding="utf-8")
    assert "reports/09_cells.html" not in text and "reports/01_theory.html" in text
    build(replace(small, pages=pages, names=names[:1]), tmp_path / "whole")
    assert "NOT MADE" not in (tmp_path / "whole/index.html").read_text(encoding="utf-8")


def test_a_claim_without_a_row_stops_the_build(small, tmp_path, capsys):
    claims = pd.read_csv(small.verdicts)
    claims[~claims["id"].isin(["D2", "G2"])].to_csv(tmp_path / "claims.csv", index=False)
    run = Run(small.tables, tmp_path / "claims.csv", small.pages, small.figures, small.published)
    with pytest.raises(ArtifactError, match="claims without a row: D2, G2"):
        build(run, tmp_path / "site")
    assert not (tmp_path / "site").exists()
    with pytest.raises(SystemExit) as stopped:
        cli.main(["build-site", "--tables", str(small.tables), "--claims", str(tmp_path / "claims.csv"),
                  "--reports", str(small.pages), "--report", "01_theory",
                  "--figures", str(small.figures), "--published", str(PUBLISHED),
                  "--output", str(tmp_path / "site")])  # fmt: skip
    assert stopped.value.code == 2 and "claims without a row: D2, G2" in capsys.readouterr().err


def test_indices_stand_below_the_line_and_nothing_else_is_markup():
    assert (
        subscripts("λ_2 < W_ij, (−1)^ρ, test_points")
        == "λ<sub>2</sub> &lt; W<sub>ij</sub>, (−1)<sup>ρ</sup>, test_points"
    )
