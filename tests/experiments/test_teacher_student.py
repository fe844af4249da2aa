"""Experiment 2 with any number of hidden layers, from jobs to figures; the authors' axis; published networks."""

import json
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import save_file

from replication.data import teacher
from replication.experiments import EXPERIMENTS
from replication.experiments.teacher_student import figures, findings, live, train
from replication.experiments.teacher_student import tables as room
from replication.experiments.teacher_student.claims import CLAIMS
from replication.experiments.teacher_student.ensembles import penalty
from replication.experiments.teacher_student.kept import last_at_budget, last_kept
from replication.jobs.carry_out import carry_out
from replication.judging.verdicts import judge
from replication.report.notebook import alternative_text
from replication.report.template import sections
from replication.training.work import WorkError
from small_runs import settings_of
from sparcs import SpectralNetwork
from sparcs.metrics import blocks_of, bundles_of

STUDENT = EXPERIMENTS["teacher_student"]
REPORT = sections(STUDENT.package)
OF_TWO = re.compile("either|neither|both|other layer", re.IGNORECASE)
PLACES = ("left", "center", "right")  # of a title
SMALL = {"points": 60, "test_points": 40, "selection_points": 20}  # as small_runs has


def made(stage, **changes):
    """The tables of a stage at a tiny size, as its jobs write them."""
    run, parts = settings_of({"teacher_student": {"chunk": 3} | changes}), {}
    for job in STUDENT.stage(stage).jobs(run):
        written, _ = carry_out(STUDENT, STUDENT.stage(stage), job, run.root_seed, drawn(job))
        for name, table in written.items():
            parts.setdefault(name, []).append(table)
    return {name: pd.concat(of_name, ignore_index=True) for name, of_name in parts.items()}


def drawn(job):
    """The points that a job is trained on."""
    settings = dict(job.data.settings)
    return teacher.draw(settings.pop("size"), **settings, **job.data.keys)


@pytest.mark.parametrize("hidden", [[6], [6, 5], [6, 5, 4]])
def test_any_number_of_hidden_layers_from_jobs_to_figures(hidden):
    tables = made("trials", widths=[4, *hidden, 4])
    trials, eigenvalues, pruning = (tables[name] for name in ("trials", "eigenvalues", "pruning"))
    layers = list(range(2, len(hidden) + 2))
    assert sorted(eigenvalues["layer"].unique()) == layers and (trials["diverged_epoch"] < 0).all()
    assert trials[[f"largest_eigenvalue_{layer}" for layer in layers]].notna().all(axis=None)
    linear = train.linear_baseline(4, 60, 40, [42])
    read = {f"teacher_student/{name}": table for name, table in (tables | {"linear": linear}).items()}
    judged = judge(CLAIMS, read, {}).set_index("id")
    why = judged.loc[["D2a", "D2b", "D3"], "reason"].str.contains(f"hidden layers {len(hidden)}, not 2")
    assert why.all() if len(hidden) != 2 else not why.any()
    assert judged.loc[["D2a", "D2b", "D3"], "measured"].isna().eq(len(hidden) != 2).all()
    shown = {
        "fig09": (figures.fig09_table(eigenvalues),),
        "fig10": (figures.fig10_table(pruning, trials, eigenvalues), 0.05),
        "fig_teacher_deleted": (figures.fig_teacher_deleted_table(trials), 0.05),
    }
    for name, arguments in shown.items():
        titles = [axes.get_title(place) for axes in getattr(figures, name)(*arguments).axes for place in PLACES]
        caption = getattr(figures, f"{name}_caption")(*arguments)
        assert alternative_text(caption).endswith(".")
        words = " ".join([caption, *titles, getattr(figures, name).__doc__, room.ensembles_table(trials)])
        assert len(hidden) == 2 or not OF_TWO.findall(words)
    panels = figures.fig09(*shown["fig09"]).get_axes()
    assert len(panels) == 2 * (len(hidden) + (len(hidden) > 1))
    assert panels[0].get_title("left") == "|λ₂|, first hidden layer"
    found = findings.students(trials, linear, 0.05)
    assert [layer["symbol"] for layer in found["layers"]] == ["λ₂", "λ₃", "λ₄"][: len(hidden)]
    said = REPORT.students(**found)
    assert len(hidden) == 2 or not OF_TWO.findall(said)
    assert ("third hidden layer" in said) == (len(hidden) == 3) and ("Deleting" in said) == (len(hidden) > 1)
    assert room.ensembles_table(trials).count("max abs") == len(hidden)
    assert len(hidden) > 1 or "| – |" in room.ensembles_table(trials)  # the loss without the other, of which none is


def test_one_hidden_layer_is_its_own_survivor():
    phi, lam = random_network([3, 5, 3])
    x, y = np.ones((4, 3)), np.zeros((4, 3))
    survival = train.layer_survival(lam, bundles_of(phi, lam), x, y)
    assert survival["surviving_layer"] == 2 and survival["eigenvalue_ratio"] == np.inf
    assert survival["other_layer_loss_increase"] == 0


def test_of_three_layers_the_others_are_deleted_together():
    phi, lam = random_network([3, 5, 4, 6, 3])
    lam[2] *= 1e-4
    lam[3] *= 1e-3
    x, y = np.random.default_rng(1).normal(size=(2, 9, 3))
    bundles = bundles_of(phi, lam)
    survival = train.layer_survival(lam, bundles, x, y)
    assert survival["surviving_layer"] == 2
    assert survival["eigenvalue_ratio"] == pytest.approx(np.abs(lam[1]).max() / np.abs(lam[3]).max())
    for i, j in bundles:  # what leaves layers 3 and 4 no longer arrives
        if j in (3, 4):
            bundles[i, j] = np.zeros_like(bundles[i, j])
    without = np.square(y - train.predict(bundles, x)).mean()
    full = np.square(y - train.predict(bundles_of(phi, lam), x)).mean()
    assert survival["other_layer_loss_increase"] == pytest.approx(without / full - 1)


def random_network(widths):
    random = np.random.default_rng(5)
    phi = [random.normal(size=(after, before)) for before, after in pairwise(widths)]
    return phi, [np.zeros(widths[0]), *(random.uniform(0.5, 1, width) for width in widths[1:])]


def test_the_authors_axis_on_a_network_made_by_hand():
    """λ_2 = 0.5, 0.2, 0 and λ_3 = −0.4, 0.1, 0: the largest first 0.5, −0.4, 0.2, 0.1, then λ_3's zero, then λ_2's."""
    lam = [np.zeros(2), np.array([0.5, 0.2, 0.0]), np.array([-0.4, 0.1, 0.0]), np.ones(2)]
    table = last_kept(train.eigenvalue_table(lam).assign(teacher=42, trial=0))
    assert table.sort_values("kept")["last"].tolist() == [0, 0, 1, 1, 2, 3, 3]
    trials = pd.DataFrame({"teacher": 42, "trial": [0, 1], "kept_eigenvalues": [3.0, 3.0]})
    assert last_at_budget(trials, train.eigenvalue_table(lam).assign(teacher=42, trial=0)).tolist() == [1]
    off = train.pruning_order(lam)
    for kept, last in table[["kept", "last"]].itertuples(index=False):
        assert last == sum(layer == 3 for layer, _ in off[len(off) - int(kept) :])


@pytest.mark.parametrize("neurons", [0, 1, 60, 400, 401, 4000])
def test_a_pruning_curve_reaches_from_all_to_none(neurons):
    counts = train.counts_kept(neurons)
    assert counts[0] == neurons and counts[-1] == 0 and counts == sorted(set(counts), reverse=True)
    assert set(range(min(neurons, 100) + 1)) <= set(counts) and len(counts) <= 401


def test_the_map_keeps_its_measures_and_is_drawn():
    small = SMALL | {"hidden": 5, "epochs": 1, "batch_size": 32, "strengths": [0.001, 0.1], "chunk": 1}
    of_map = made("map", widths=[4, 6, 6, 4], map=small | {"trials": 2, "full_trials": 1})["map"]
    assert of_map.groupby("size").size().to_dict() == {"reduced": 8, "full": 2}
    assert not of_map.duplicated([*STUDENT.tables["map"]]).any()
    table = figures.fig_teacher_map_table(of_map)
    assert len(table) == 6 and "of 2 pairs of equal strengths" in figures.fig_teacher_map_caption(table)
    figures.fig_teacher_map(table)
    reduced = table[table["size"] == "reduced"]
    assert "has not been run at full size" in figures.fig_teacher_map_caption(reduced)
    figures.fig_teacher_map(reduced)
    run = {"points": 600, "map": small}
    size = findings.map_size(run, of_map)
    assert size == {"hidden": 5, "share": 0.1, "epochs": 1, "batch_size": 32, "full": True}
    assert "They see 10 % of the points, for 1 epoch in batches of 32.\nPairs of equal" in REPORT.map_size(**size)
    assert not findings.map_size(run, of_map.query("size == 'reduced'"))["full"]
    assert REPORT.map_size(**findings.map_size({"points": 600}, of_map)).strip() == ""
    assert figures.fig_teacher_map_table(of_map.assign(diverged_epoch=0)).empty
    assert figures.fig_teacher_map_table(pd.DataFrame()).empty


def test_the_figure_of_deleted_layers_says_what_an_ensemble_is():
    shares = {"graded": {"trials": 1, "penalty": "l1", "rho": [0.01, 0.002]}, "l2": {"trials": 1, "rho": 0.02}}
    drawn = figures.fig_teacher_deleted_table(made("trials", widths=[4, 6, 5, 4], ensembles=shares)["trials"])
    titles = [axes.get_title("left") for axes in figures.fig_teacher_deleted(drawn, 0.05).axes]
    assert titles == ["L2, ρ = 0.02, n = 1", "L1, ρ₂ = 0.01, ρ₃ = 0.002, n = 1"]
    caption = figures.fig_teacher_deleted_caption(drawn, 0.05)
    assert "The penalty is L2, ρ = 0.02." in caption and "The penalty is L1, ρ₂ = 0.01, ρ₃ = 0.002." in caption
    alone = figures.fig_teacher_deleted_caption(drawn[drawn["ensemble"] == "l2"], 0.05)
    assert "With a strength for each layer no network has been trained." in alone


@pytest.mark.parametrize(
    ("of_trial", "label"),
    [
        ({"penalty": "l2_squared", "rho": 0.003, "rho_2": None}, "squared L2, ρ = 0.003"),
        ({"penalty": "rows", "rho": 0.0001}, "rows, ρ = 0.0001"),
        ({"penalty": "l2", "rho": 0.0}, "no penalty"),
        ({"penalty": "l1", "rho": None, "rho_2": 0.1, "rho_3": 0.2, "rho_4": None}, "L1, ρ₂ = 0.1, ρ₃ = 0.2"),
    ],
)
def test_a_penalty_is_called_by_kind_and_strengths(of_trial, label):
    assert penalty(pd.Series(of_trial)) == label


def test_strengths_of_layers_stand_in_the_table():
    trials = made("trials", widths=[4, 6, 5, 4], ensembles={"graded": {"trials": 1}, "l2": {"trials": 1}})["trials"]
    text = room.ensembles_table(trials)
    assert "| L2, 0.003 and 0.001 |" in text and "| L2, 0.003 |" in text
    assert "| a dearer first layer |" in text and " in 1 |" in text
    missing = findings.not_run(trials, ["graded", "minus_one"])
    assert REPORT.not_run(**missing).strip() == "Not run at this scale: the start at −1."
    assert findings.not_run(trials, ["graded"]) == {"ensembles": []}


def test_counts_that_fall_into_two_groups_are_told_apart():
    assert room.mean_or_groups(pd.Series([1.0, 1, 1, 201, 202])) == "1 in 3 networks and 201 to 202 in 2 networks"
    assert room.mean_or_groups(pd.Series([31.0, 33, 46, 47, 48])) == "41"
    assert room.mean_or_groups(pd.Series([7.0])) == "7"


def test_ensembles_with_a_teacher_for_each_network_are_named():
    trials = pd.DataFrame({"ensemble": ["l2", "l2", "graded", "graded", "alone"], "teacher": [42, 42, 43, 44, 43]})
    own = findings.own_teachers(trials)
    assert (
        REPORT.own_teachers(**own).strip()
        == "Every network has a teacher of its own in these ensembles:\n\n- a dearer first layer"
    )
    assert REPORT.own_teachers(**findings.own_teachers(trials.head(2))).strip() == ""


def test_a_batch_larger_than_the_points_is_refused():
    job = next(STUDENT.stage("trials").jobs(settings_of()))
    job.settings["training"].update({"drop_last_batch": True, "batch_size": 61})
    with pytest.raises(WorkError, match="batch_size = 61: allowed are at most the 60 points of the data"):
        carry_out(STUDENT, STUDENT.stage("trials"), job, 1, drawn(job))


def test_a_published_network_is_evaluated_on_its_teachers_points(tmp_path, monkeypatch):
    assert live.published_network(tmp_path, "graded") is None
    network = SpectralNetwork((4, 6, 5, 4), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for k in (1, 2):
            network.eigenvalues[k] = torch.linspace(0.1, 0.5, len(network.eigenvalues[k]))
    data = {"settings": {"size": 4, "points": 10, "test_points": 1500}, "keys": {"seed": 43, "rotations": 2}}
    path = tmp_path / "networks" / "teacher_student_graded.safetensors"
    path.parent.mkdir()
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    save_file(state, path, metadata={"card": json.dumps({"data": data})})
    monkeypatch.setattr(SpectralNetwork, "load", lambda at: network if at == path else None, raising=False)
    loaded, (x, y) = live.published_network(tmp_path, "graded")
    assert loaded is network and np.array_equal(y, teacher.draw(4, 10, 1500, 43, 2)["y_test"])
    phi, lam = blocks_of(state)
    trained = np.square(y - network(torch.from_numpy(x)).detach().numpy(), dtype=np.float64).mean()
    assert live.loss(phi, lam, (x, y)) == pytest.approx(trained, rel=1e-5)
    survival = train.layer_survival(lam, bundles_of(phi, lam), x, y)
    deleted = live.loss(phi, lam, (x, y), deleted=3)
    assert deleted / live.loss(phi, lam, (x, y)) - 1 == pytest.approx(survival["layer_3_deleted_increase"], rel=1e-3)
    assert [block.any() for block in live.without_eigenvalues(lam, 3)] == [False, True, False, True]
    text = room.surgery_table({"as trained": 0.1, "layer 3 deleted": 0.25})
    assert "| layer 3 deleted | 0.25 | 150 % |" in text
