"""Claims and notebooks on the tables of runs that yielded little: they say so, and nothing stops them."""

from functools import cache, partial

import numpy as np
import pandas as pd
import pytest

import changed_tables as thin
import whole_run as makes
from notebooks import NOTEBOOKS, ROOT, assert_readable
from replication.experiments import EXPERIMENTS
from replication.judging.statistics import lowest
from replication.records import provenance
from replication.records.io import read_json
from replication.report.provenance_text import trained_by
from replication.site.explorer import explorer
from replication.site.pages import build
from replication.site.run import Run

IMAGES = ["linear", "spectral", "spectral_authors_sign"]
CASES = {
    "every trial diverged": partial(thin.diverged, rows=thin.every_row),
    "the first method, head, penalty or depth diverged": partial(
        thin.diverged, rows=thin.first_of("method", "head", "ensemble", "penalty", "depth", "alpha")
    ),
    "the first task or α diverged": partial(thin.diverged, rows=thin.first_of("task", "alpha", "data_set", "rho")),
    "the first trial diverged": partial(thin.diverged, rows=thin.first_of("trial")),
    "every trial became infinite": partial(thin.diverged, rows=thin.every_row, value=np.inf),
    "the first method, head, penalty or depth became infinite": partial(
        thin.diverged, rows=thin.first_of("method", "head", "ensemble", "penalty", "depth", "alpha"), value=np.inf
    ),
    "one trial of each": thin.one_trial,
    "two rows": partial(thin.rows, count=2),
    "one row": partial(thin.rows, count=1),
    "no row": partial(thin.rows, count=0),
}
PARTS = {
    **{f"cifar10: {head} alone": ("cifar10", {"head": [head]}) for head in IMAGES},
    **{f"baselines: {name} alone": ("baselines", {"method": [name]}) for name in ("sparcs_l2", "linear", "gaea")},
    "baselines: without SPARCS": ("baselines", {"method": ["linear", "gaea"]}),
    "baselines: the teacher alone": ("baselines", {"task": ["teacher"]}),
    "baselines: α = 1 alone": ("baselines", {"task": ["beta5_alpha1"]}),
    "regression: one α": ("regression", {"alpha": [0.5]}),
    "regression: the first α": ("regression", {"alpha": [0.0]}),
    "regression: one β": ("regression", {"beta": [1000]}),
    "teacher_student: no penalty alone": ("teacher_student", {"ensemble": ["none"]}),
    "hyperparameters: one penalty": ("hyperparameters", {"penalty": ["l1"]}),
    "hyperparameters: one α": ("hyperparameters", {"alpha": [1.0]}),
    "hyperparameters: one strength, outside the range": ("hyperparameters", {"rho": [1e-2]}),
    "hyperparameters: one strength, inside": ("hyperparameters", {"rho": [1e-4]}),
    "cifar10: one penalty in the sweep": ("cifar10", {"penalty": ["none", "l2"]}),
    "cifar10: one strength in the sweep": ("cifar10", {"rho": [0, 1e-4]}),
    "depth: no layer": ("depth", {"layer": []}),
    "depth: one layer": ("depth", {"depth": [1]}),
    "depth: the teacher at gain 1": ("depth", {"data_set": ["teacher"], "gain": [1.0]}),
    **{f"tabular: {name} alone": ("tabular", {"method": [name]}) for name in ("linear", "mlp_pruned", "sparcs_rows")},
    "tabular: without the pruned MLP": ("tabular", {"method": ["linear", "sparcs_rows"]}),
    "tabular: one data set": ("tabular", {"data_set": ["wine"]}),
    "tabular: flips alone": ("tabular", {"flips": [True]}),
    "tabular: no flips": ("tabular", {"flips": [False]}),
    **{f"cells: {name} alone": ("cells", {"method": [name]}) for name in ("darts", "gaea", "random")},
}


@pytest.fixture(scope="module")
def judged(tables, whole_run, tmp_path_factory):
    """Change the tables, judge those of one experiment or all, and return their folder; each change is made once."""

    @cache
    def of(change, experiment=""):
        folder = thin.write(tmp_path_factory.mktemp("judged"), change(tables), of=whole_run)
        makes.verb("record-settings", "--params-file", ROOT / "params.yaml", "--overrides", '{"scale": "overnight"}',
                   "--output", folder / "settings.json")  # fmt: skip
        makes.judge(folder, experiment)
        return folder

    return of


@pytest.mark.parametrize("name", sorted({*NOTEBOOKS} - {"01_theory"}))
@pytest.mark.parametrize("case", CASES)
def test_a_run_that_yielded_little_has_all_its_pages(judged, said, case, name):
    assert_readable(said(name, judged(CASES[case])))


@pytest.mark.parametrize("case", PARTS)
def test_a_part_of_an_experiment_has_its_pages(judged, said, case):
    experiment, values = PARTS[case]
    assert_readable(
        said(EXPERIMENTS[experiment].notebook, judged(partial(thin.only, experiment=experiment, **values), experiment))
    )


@pytest.mark.parametrize("case", ["every trial diverged", "every trial became infinite", "one row", "no row"])
def test_a_run_that_yielded_little_has_its_site(judged, tmp_path, case):
    tables = judged(CASES[case])
    build(Run(tables, tables / "claims.csv", tmp_path, tmp_path, ROOT / "results/published"), tmp_path / "site")
    assert_readable("Answer: " + (tmp_path / "site/index.html").read_text(encoding="utf-8"))


def test_the_explorer_needs_a_network_that_finished(judged, tmp_path):
    folders = (judged(CASES[case]) for case in ("every trial diverged", "the first task or α diverged", "no row"))
    lost, some, none = (explorer(Run(*[folder] * 2, *[tmp_path] * 3)) for folder in folders)
    assert lost is None and none is None and len(some["sets"]) == 6


def test_claims_name_the_commits_that_trained_and_judged(judged):
    folder = judged(CASES["one row"])
    claims = pd.read_csv(folder / "claims.csv").set_index("id")
    record = read_json(folder / "regression/provenance.json")
    assert claims.loc["B3", "trained_by"] == trained_by([record])
    assert len(set(claims["analysed_by"])) == 1
    assert claims.loc["B3", "analysed_by"].startswith(f"commit {provenance.commit()}, fingerprint ")


def test_what_cannot_be_shown_is_said(judged, said):
    lost = judged(CASES["every trial diverged"])
    assert "that each method finds.** Nothing to draw" in said("07_baselines", lost)
    assert "No trial with the SPARCS head by (4.3) finished." in said("04_cifar10", lost)


def test_the_row_with_the_least_value_is_that_of_each_group_that_has_one():
    rows = pd.DataFrame({"group": list("aabbcc"), "value": [2, 1, np.nan, 3, np.nan, np.nan]})
    assert lowest(rows, "value", "group").index.tolist() == [1, 3]
    assert lowest(rows.head(0), "value", "group").empty
