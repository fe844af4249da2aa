"""Figures of a small run: every file, the same bytes twice, and a source table that holds what is drawn."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import changed_tables as changed
from every_figure import every_figure
from replication import params
from replication.experiments.baselines.comparison import name_of, networks
from replication.experiments.depth import findings as depth_findings
from replication.experiments.depth import tables as depth_tables
from replication.experiments.regression import findings
from replication.experiments.settings import paper_settings
from replication.report.captions import plain
from replication.report.intervals import MANY
from replication.report.notebook import Notebook, alternative_text
from replication.report.style import STYLE
from replication.report.template import line, sections

ROOT = Path(__file__).parents[2]
fig = every_figure()
DEPTH = sections("replication.experiments.depth")


def drawings(folder: Path) -> dict[str, tuple[Figure, pd.DataFrame, str]]:
    """Every figure of a run, with its table and caption."""

    def table(name: str) -> pd.DataFrame:
        return pd.read_parquet(folder / f"{name}.parquet")

    trials, paths, skips = table("regression/trials"), table("regression/paths"), table("regression/skips")
    surface = table("regression/surface")
    panels = [fig.panel_rows(rows, 5.0) for rows in (paths, skips, surface)]
    students = {name: table(f"teacher_student/{name}") for name in ("trials", "eigenvalues", "pruning")}
    default = {name: rows[rows["ensemble"] == "l2"] for name, rows in students.items()}
    drawn = {
        **{f"fig{k:02d}": getattr(fig, f"fig{k:02d}_table")() for k in range(1, 7)},
        "fig07": fig.fig07_table(trials),
        "fig07_network": fig.fig15_table(*panels[:2]),
        "fig07_surface": panels[2],
        "fig08": fig.fig08_table(),
        "fig09": fig.fig09_table(default["eigenvalues"]),
        "fig10": fig.fig10_table(*(default[name] for name in ("pruning", "trials", "eigenvalues"))),
        "fig_teacher_deleted": fig.fig_teacher_deleted_table(students["trials"]),
        "fig_teacher_map": fig.fig_teacher_map_table(table("teacher_student/map")),
        "fig11": fig.fig11_table(surface, 5.0),
        "fig11_rest": fig.fig11_rest_table(pd.read_parquet(ROOT / "results/published/regression/surface.parquet"), 5.0),
        "fig12": fig.fig12_table(surface, 5.0),
        "fig13": fig.fig13_table(trials),
        "fig14": fig.fig14_table(trials, table("regression/data_sets")),
        "fig15": fig.fig15_table(paths, skips),
        "fig16": fig.fig16_table(table("cifar10/epochs"), table("cifar10/trials")),
        "fig17": fig.fig17_table(table("cifar10/eigenvalues"), table("cifar10/trials")),
        "fig18": fig.fig18_table(table("cifar100/eigenvalues"), table("cifar100/trials")),
        "fig_probes": fig.fig_probes_table(
            table("cifar100/probes").query("input_size == 64"), table("cifar100/trials")
        ),
        "fig_strength": fig.fig_strength_table(table("cifar100/probes")),
        "fig_hyperparameters": fig.fig_hyperparameters_table(table("hyperparameters/trials")),
        "fig_baselines": fig.fig_baselines_table(table("baselines/trials")),
        "fig_gates": fig.fig_gates_table(table("baselines/history")),
        "fig_sizes": fig.fig_sizes_table(table("baselines/trials")),
        "fig_depth": fig.fig_depth_table(table("depth/trials"), table("depth/layers")),
        "fig_depth_start": fig.fig_depth_start_table(table("depth/start"), table("depth/trials")),
        "fig_depth_priced": fig.fig_depth_priced_table(table("depth/priced"), table("depth/priced_layers")),
        "fig_starts": fig.fig_starts_table(table("regression/starts")),
        "fig_cifar10_starts": fig.fig_cifar10_starts_table(
            *(table(f"cifar10/{name}") for name in ("trials", "epochs", "eigenvalues"))
        ),
        "fig_cifar10_closed": fig.fig_cifar10_closed_table(
            *(table(f"cifar10/{name}") for name in ("trials", "epochs", "eigenvalues"))
        ),
        "fig_cifar10_sweep": fig.fig_cifar10_sweep_table(table("cifar10/sweep")),
        "fig_cells": fig.fig_cells_table(table("cells/history"), table("cells/trials")),
        "fig_tabular": fig.fig_tabular_table(table("tabular/trials")),
        "fig_tabular_ratio": fig.fig_tabular_ratio_table(table("tabular/trials")),
        "fig_choosing": fig.fig_choosing_table(table("choosing/trials")),
        "fig_cost": fig.fig_cost_table(pd.read_csv(ROOT / "results/published/benchmark/depth.csv")),
    }
    drawn = {name: rows for name, rows in drawn.items() if len(rows)}  # a ratio takes two trials
    others = {
        "fig07": lambda rows: fig.fig07(rows, *panels),
        "fig07_network": lambda rows: fig.fig07_network(*panels[:2]),
        "fig10": lambda rows: fig.fig10(rows, 0.05),
        "fig_teacher_deleted": lambda rows: fig.fig_teacher_deleted(rows, 0.05),
        "fig15": lambda rows: fig.fig15(paths, skips),
        "fig_depth_start": lambda rows: fig.fig_depth_start(rows, 0.003),
    }
    captions = {
        "fig10": lambda rows: fig.fig10_caption(rows, 0.05),
        "fig_teacher_deleted": lambda rows: fig.fig_teacher_deleted_caption(rows, 0.05),
    }
    return {
        name: (
            others.get(name, getattr(fig, name))(rows),
            rows,
            captions.get(name, getattr(fig, f"{name}_caption"))(rows),
        )
        for name, rows in drawn.items()
    }


def save_all(folder: Path, target: Path) -> dict[str, tuple[Figure, pd.DataFrame, str]]:
    drawn = drawings(folder)
    for name, (figure, rows, _) in drawn.items():
        assert fig.save(figure, target, name, rows) == target / f"{name}.png"
    return drawn


def written(folder: Path, tables: changed.Tables, of: Path) -> Path:
    """Write tables, the first trial of experiment 1 and of the sweep over its strengths as if it had diverged."""
    lost = changed.diverged(tables, lambda table: table.index == 0)
    names = ("regression/trials", "hyperparameters/trials")
    return changed.write(folder, tables | {name: lost[name] for name in names}, of)


@pytest.fixture(scope="module")
def smoke(whole_run, tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("smoke"), changed.read(whole_run), whole_run)


@pytest.fixture(scope="module")
def full(whole_run, tmp_path_factory) -> Path:
    """As many trials as a figure with bands has, on the data sets themselves."""
    tables = changed.repeated(changed.of_images(changed.read(whole_run)), MANY + 2)
    return written(tmp_path_factory.mktemp("full"), tables, whole_run)


@pytest.fixture(scope="module")
def saved(smoke, full, tmp_path_factory):
    """Draw and save every figure of the tables of one size, once; returns the folder and what was drawn."""
    tables = {"smoke": smoke, "full": full}

    @cache
    def save(size: str):
        folder = tmp_path_factory.mktemp(f"saved_{size}")
        return folder, save_all(tables[size], folder)

    return save


@pytest.mark.parametrize("size", ["smoke", "full"])
def test_every_figure_is_drawn_and_saved(size, saved):
    folder, drawn = saved(size)
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{kind}" for name in drawn for kind in ("svg", "png", "csv")
    }
    for name, (figure, rows, caption) in drawn.items():
        assert figure.get_figwidth() <= 7
        assert caption.startswith("**") and alternative_text(caption).endswith(".")
        written = pd.read_csv(folder / f"{name}.csv", dtype=rows.dtypes.to_dict())
        pd.testing.assert_frame_equal(written, rows.reset_index(drop=True), rtol=1e-6)


@pytest.mark.parametrize("size", ["smoke", "full"])
def test_every_caption_begins_with_a_result_of_its_table(size, saved):
    """That sentence is the picture's alternative text too, which ends with it; a number of the table is in it."""
    for name, (_, rows, caption) in saved(size)[1].items():
        result = {"fig10": lambda rows: fig.fig10_result(rows, 0.05)}.get(name, getattr(fig, f"{name}_result", None))
        assert result, f"{name} has no sentence that states its result"
        said = plain(result(rows))
        assert plain(caption.partition(".** ")[2]).startswith(f"{said} "), name
        assert alternative_text(caption).endswith(said) and re.search(r"\d", said), said
        assert not re.search(r"\bnan\b|\binf|–|None|  ", said), said


def test_every_figure_of_a_full_run_is_among_those_drawn_here(saved):
    drawn = {name.removesuffix("_caption") for name in vars(fig) if name.endswith("_caption")}
    assert set(saved("full")[1]) == drawn


def test_the_same_tables_give_the_same_bytes(smoke, saved, tmp_path):
    """They do so in another process, as in a rerun of the workflow."""
    code = "import sys, pathlib, test_figures as t; t.save_all(*map(pathlib.Path, sys.argv[1:]))"
    command = [sys.executable, "-W", "error", "-c", code, smoke, tmp_path]
    folders = map(str, Path(__file__).parents[:2])
    paths = os.pathsep.join([*folders, *filter(None, [os.environ.get("PYTHONPATH")])])
    subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, check=True)
    for path in saved("smoke")[0].iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_the_callers_matplotlib_settings_do_not_matter(tmp_path):
    drawn = fig.fig08_table()
    fig.save(fig.fig08(drawn), tmp_path / "plain", "fig08", drawn)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.hashsalt": "other"}):
        fig.save(fig.fig08(drawn), tmp_path / "altered", "fig08", drawn)
    assert (tmp_path / "plain/fig08.svg").read_bytes() == (tmp_path / "altered/fig08.svg").read_bytes()


def test_the_last_bits_of_a_layout_name_nothing_in_a_drawing(tmp_path):
    """Solvers of layouts round differently from run to run; clip paths would have other names then."""
    for folder, width in (("one", 0.7), ("other", np.nextafter(0.7, 1))):
        figure = Figure()
        for left in (0.1, 0.15):
            figure.add_axes((left, 0.1, width, 0.8)).plot([0, 1], "o-")
        fig.save(figure, tmp_path / folder, "made", pd.DataFrame({"x": [0]}))
    one, other = (tmp_path / f"{folder}/made.svg" for folder in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    text = one.read_text(encoding="utf-8")
    names = re.findall(r'\bid="([^"]*)"', text)
    assert len(names) == len(set(names)) and "made-1" in names and not re.search(r'id="\w*[0-9a-f]{10}"', text)
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(names) >= set(re.findall(r'href="#([^"]*)"', text))


def test_type_is_legible():
    sizes = [value for key, value in STYLE.items() if key.endswith(("labelsize", "titlesize", "fontsize", "font.size"))]
    assert min(sizes) >= 7


def test_figure_7_draws_the_mean_over_finished_trials(smoke):
    trials = pd.read_parquet(smoke / "regression/trials.parquet")
    first = fig.fig07_table(trials).iloc[0]
    finished = trials[(trials["beta"] == first["beta"]) & (trials["alpha"] == first["alpha"])]["gamma_norm"].dropna()
    assert first["n"] == len(finished) == trials["trial"].nunique() - 1
    assert first["mean"] == pytest.approx(finished.mean())


def test_the_baselines_figure_has_a_row_per_task_and_counts_what_is_off_its_scale(full):
    trials = pd.read_parquet(full / "baselines/trials.parquet")
    drawn = fig.fig_baselines_table(trials)
    assert len(drawn) == len(networks(trials).query("not retrained"))
    panels, tasks = fig.fig_baselines(drawn).get_axes(), trials["task"].nunique()
    families = [axes.get_title("left") for axes in panels[: len(panels) // tasks]]
    assert len(panels) == tasks * len(families) > tasks and "GAEA" in families and all(families)
    named = {text.get_text().replace("\n", " ") for axes in panels if axes.legend_ for text in axes.legend_.texts}
    assert named == {name_of(method) for method in trials["method"].unique()} - {name_of("sparcs_l2")}
    equal = drawn.assign(parameters=100.0)
    assert "Off the scale" not in fig.fig_baselines_caption(equal)
    equal.loc[0, "parameters"] = 0
    assert f"left end: 1 of {len(drawn):,} networks." in fig.fig_baselines_caption(equal)
    alone = drawn[drawn["method"] == "sparcs_l2"]
    assert {axes.get_title("left") for axes in fig.fig_baselines(alone).get_axes()} == {name_of("sparcs_l2"), ""}
    unknown = fig.fig_baselines(drawn.assign(method="new")).get_axes()
    assert {axes.get_title("left") for axes in unknown} == {"others", ""}


def test_figure_9_counts_every_neuron_zeros_too():
    values = np.array([0.0, 1e-9, 0.3, 1.0])
    rows = pd.DataFrame({"teacher": 42, "trial": 0, "layer": [2, 2, 3, 3], "neuron": 1, "eigenvalue": values})
    drawn = fig.fig09_table(rows)
    for _, of_axis in drawn.groupby("what"):
        assert of_axis.groupby("layer")["mean"].sum().to_dict() == {"2": 2, "3": 2, "all": 4}
    assert drawn.query("layer == '2'")["mean"].iloc[0] == 2


def test_figure_10_has_every_trial_its_median_and_its_choice(smoke):
    pruning, trials, eigenvalues = (
        pd.read_parquet(smoke / f"teacher_student/{name}.parquet").query("ensemble == 'l2'")
        for name in ("pruning", "trials", "eigenvalues")
    )
    drawn = fig.fig10_table(pruning, trials, eigenvalues)
    curves = drawn[(drawn["what"] == "curve") & (drawn["removal"] == "eigenvalue") & (drawn["kept"] == 10)]
    median = drawn[(drawn["what"] == "median") & (drawn["removal"] == "eigenvalue") & (drawn["kept"] == 10)]
    assert len(curves) == len(trials) == 2
    assert median["relative_increase"].item() == pytest.approx(curves["relative_increase"].median())
    assert len(drawn[drawn["what"] == "chosen"]) == 2 * len(trials)


def test_figure_15_leaves_weak_connections_out(smoke):
    drawn = fig.fig15_table(*(pd.read_parquet(smoke / f"regression/{name}.parquet") for name in ("paths", "skips")))
    assert drawn["value"].abs().min() > 0.01
    assert set(drawn["kind"]) == {"path", "skip"}


def test_the_depth_figure_shows_every_network_and_every_layer(full):
    trials, layers = (pd.read_parquet(full / f"depth/{name}.parquet") for name in ("trials", "layers"))
    drawn = fig.fig_depth_table(trials, layers)
    counts = drawn[drawn["what"] == "layer"].groupby(["depth", "trial"])["layer"].agg(["min", "max", "size"])
    assert (counts["min"] == 1).all() and (counts["max"] == counts.index.get_level_values("depth")).all()
    assert len(counts) == len(trials[["depth", "trial"]].drop_duplicates())
    used = drawn[(drawn["measure"] == "surviving_by_function") & (drawn["what"] == "trial")]
    expected = trials[(trials["data_set"] == "teacher") & (trials["gain"] == 1)]
    assert used["value"].tolist() == expected["surviving_by_function"].tolist()


def test_the_answer_on_depth_counts_networks_with_several_layers_allowed(full):
    paper = paper_settings(params.read_yaml(ROOT / "params.yaml")).model_dump()
    run = {"scale": "paper", "paper": paper, "run": paper}
    trials, layers = (pd.read_parquet(full / f"depth/{name}.parquet") for name in ("trials", "layers"))
    several = trials[(trials["data_set"] == "teacher") & (trials["gain"] == 1) & (trials["depth"] > 1)]
    assert depth_findings.answer(trials, run)["networks"] == len(several)
    for layers_in_use, verdict in ((1.0, "yes"), (2.0, "no")):
        found = depth_findings.answer(trials.assign(surviving_by_function=layers_in_use), run)
        assert DEPTH.answer(**found).strip().startswith(f"**Answer: {verdict}.**")
    assert "keeps large eigenvalues" in DEPTH.in_use(**depth_findings.in_use(trials, layers))
    diverged = trials.assign(diverged_epoch=0)
    assert "untested" in DEPTH.answer(**depth_findings.answer(diverged, run))
    assert line(DEPTH.in_use(**depth_findings.in_use(diverged, layers))) == "No trial finished."
    assert depth_tables.alpha_beta_table(several) == "No trial on these data finished at this scale."


def test_a_diverged_model_0_leaves_its_panel_out(smoke):
    surface = pd.read_parquet(smoke / "regression/surface.parquet")
    surface.loc[surface["alpha"] == 0.5, "fitted"] = np.nan
    assert set(fig.fig12_table(surface, 5.0)["alpha"]) == {0.0, 1.0}
    assert set(fig.panel_rows(surface, 5.0)["alpha"]) == {0.0, 1.0}


def test_a_run_in_which_every_trial_diverged_says_so(smoke, tmp_path):
    trials = pd.read_parquet(smoke / "regression/trials.parquet").assign(gamma_norm=np.nan)
    Notebook(smoke, smoke / "claims.csv", tmp_path, tmp_path).show(
        "fig07", fig.fig07_table(trials), fig.fig07, fig.fig07_caption
    )
    assert {path.name for path in tmp_path.iterdir()} == {f"fig07.{kind}" for kind in ("svg", "png", "csv", "rst")}
    assert findings.transition(trials)["series"] == []
    assert fig.fig09_table(pd.DataFrame(columns=["teacher", "trial", "layer", "neuron", "eigenvalue"])).empty


def test_a_run_without_gates_says_so(smoke, tmp_path):
    history = pd.read_parquet(smoke / "baselines/history.parquet").iloc[:0]
    Notebook(smoke, smoke / "claims.csv", tmp_path, tmp_path).show(
        "fig_gates", fig.fig_gates_table(history), fig.fig_gates, fig.fig_gates_caption
    )
    assert {path.suffix for path in tmp_path.iterdir()} == {".svg", ".png", ".csv", ".rst"}
