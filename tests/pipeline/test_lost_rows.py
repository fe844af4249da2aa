"""Publishing that would take rows away is refused in one sentence, and nothing is written."""

import pandas as pd
import pytest

from replication import params
from replication.experiments.settings import resolve_settings
from replication.publish.commands import merged_core_minutes
from replication.publish.lost_rows import lost_units, lost_whole
from replication.records import io
from small_runs import BASE, TINY, finish, finish_cells, prepare, publish

BOTH = [("beta5_alpha0", "0-1"), ("beta5_alpha1", "0-1")]
ROW = {"made_from": "a", "scale": "laptop"}


def published_files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(run, out, capsys, *options):
    """The sentence with which publishing a run is refused, having written nothing."""
    before = published_files(out)
    assert publish(run, out, *options)[0] == 2
    assert published_files(out) == before
    return capsys.readouterr().err.splitlines()[-1]


def change(out, name, how):
    path = out / "results" / f"{name}.parquet"
    io.write_table(path, how(io.read_table(path)))


@pytest.fixture(scope="module")
def published_run(tmp_path_factory):
    """A run of which two trials of each data set are finished and published."""
    folder = tmp_path_factory.mktemp("one")
    prepare(folder, TINY, BOTH)
    assert publish(folder, folder / "out")[0] == 0
    return folder


@pytest.fixture
def out(published_run, tmp_path):
    target = tmp_path / "out"
    for path, content in published_files(published_run / "out").items():
        copy = target / path.relative_to(published_run / "out")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
    return target


def test_scores_are_not_taken_from_published_cells(tmp_path, capsys):
    """The same trials have no scores without a table of the benchmark, as is the default."""
    out = tmp_path / "out"
    finish_cells(tmp_path, {"scale": "overnight"})
    assert publish(tmp_path, out)[0] == 0
    assert publish(tmp_path, out)[0] == 0, "the same again"
    change(out, "cells/trials", lambda table: table.assign(cifar10_accuracy=[90.0, 80.0]))
    assert "cells/trials: take values from 2" in refused(tmp_path, out, capsys)


def test_taken_trials_with_costs_of_two_devices_are_published_again(tmp_path):
    finish_cells(tmp_path, {"scale": "overnight"})
    costs = tmp_path / "results" / "cells" / "trials" / "random" / "0_costs.parquet"
    io.write_table(costs, pd.concat([io.read_table(costs), io.read_table(costs).assign(device="cuda")]))
    assert publish(tmp_path, tmp_path / "out")[0] == 0
    published = io.read_table(tmp_path / "out" / "results" / "cells" / "costs.parquet")
    assert published[["trial", "device"]].to_numpy().tolist() == [[0, "cpu"], [1, "cpu"]]


@pytest.mark.parametrize("column", ["training_points", "test_points", "input_size", "backbone", "stand_in"])
def test_probes_of_other_images_are_other_data(column, tmp_path, capsys):
    """What probes are made from does not say which images: their rows do."""
    images = {"stand_in": False, "backbone": "b0", "input_size": 224, "training_points": 900, "test_points": 100}
    other = images | {column: "lite0" if column == "backbone" else 1}
    settings = resolve_settings(BASE, {"scale": "laptop"})
    for name, about, chunk in (("one", images, 3), ("two", other, 3), ("more", other, 5)):
        probes = settings.cifar100.probes.model_copy(update={"trials": chunk})
        cifar100 = settings.cifar100.model_copy(update={"probes": probes})
        run = settings.model_copy(update={"cifar100": cifar100})
        finish(tmp_path / name, run, "probes", {"": about | {"test_accuracy": 50.0}})
    assert publish(tmp_path / "one", tmp_path / "out")[0] == 0
    sentence = refused(tmp_path / "two", tmp_path / "out", capsys)
    assert "cifar100/probes: put " in sentence and "data in place of 9" in sentence
    refused(tmp_path / "more", tmp_path / "out", capsys)
    assert publish(tmp_path / "two", tmp_path / "out", "--replace")[0] == 0
    assert publish(tmp_path / "more", tmp_path / "out")[0] == 0
    assert len(io.read_table(tmp_path / "out" / "results" / "cifar100" / "probes.parquet")) == 15


@pytest.mark.parametrize(
    ("after", "smaller", "other", "expected"),
    [
        ([1.0, 2.0], True, True, {}),
        ([1.0, 2.0, 3.0], True, True, {}),
        ([1.0, 3.0], False, False, {}),
        ([1.0], False, False, {"remove {} published rows": 1}),
        ([1.0, None, 3.0], False, False, {}),
        ([1.0, None], False, False, {"take values from {}": 1}),
        ([1.0, 3.0], True, True, {"put a smaller scale in place of {}": 1}),
        ([1.0, 3.0], False, True, {"put other settings or data in place of {}": 1}),
    ],
)
def test_of_a_table_that_is_copied_whole_every_row_stands_or_is_better(after, smaller, other, expected):
    table = pd.DataFrame({"teacher": [1, 2], "r2": [1.0, 2.0]})
    assert (
        lost_whole(table, pd.DataFrame({"teacher": range(1, len(after) + 1), "r2": after}), smaller, other) == expected
    )


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"scale": "overnight", "teacher_student": {"linear_teachers": 30}}, None),
        ({"teacher_student": {"data_seed": 7}}, "put other settings or data in place of 1"),
        ({"root_seed": 7}, "put other settings or data in place of 1"),
    ],
)
def test_a_whole_table_of_other_settings_is_refused(overrides, sentence, published_run, out, tmp_path, capsys):
    name = "teacher_student/linear.parquet"
    io.write_table(out / "results" / name, pd.DataFrame({"r2": [0.5]}))
    prepare(tmp_path, params.merge(TINY, overrides), [])
    io.write_table(tmp_path / "results" / name, pd.DataFrame({"r2": [0.1]}))
    if sentence:
        assert f"teacher_student/linear: {sentence}" in refused(tmp_path, out, capsys)
    else:
        assert publish(tmp_path, out)[0] == 0


def test_whole_tables_of_a_smaller_scale_are_refused(out, tmp_path, capsys):
    for name, value in (("theory/checks", 1.0), ("depth/start", 2.0)):
        io.write_table(out / "results" / f"{name}.parquet", pd.DataFrame({"value": [value]}))
        io.write_table(tmp_path / "results" / f"{name}.parquet", pd.DataFrame({"value": [0.0]}))
    change(out, "regression/trials", lambda table: table.assign(scale="paper"))
    settings = io.read_json(out / "results" / "settings.json")
    settings["run"]["scale"] = "a scale of a later version"
    io.write_json(out / "results" / "settings.json", settings)
    prepare(tmp_path, TINY, [])
    sentence = refused(tmp_path, out, capsys)
    assert "theory/checks: put a smaller scale in place of 1; depth/start: put a smaller" in sentence


def test_a_rule_that_cost_nothing_this_time_keeps_its_core_minutes(tmp_path):
    rows = pd.DataFrame({"rule": ["a", "b"], "scale": "laptop", "core_minutes": [1.0, 2.0]})
    io.write_csv(tmp_path / "core_minutes.csv", rows)
    io.write_csv(tmp_path / "new.csv", rows.tail(1).assign(core_minutes=9.0))
    assert merged_core_minutes(tmp_path / "new.csv", tmp_path / "core_minutes.csv")["core_minutes"].tolist() == [1, 9]


def test_of_a_data_set_the_row_of_more_trials_stays(published_run, out, tmp_path):
    prepare(tmp_path, TINY, [("beta5_alpha0", "0-1"), ("beta5_alpha0", "2-3")])
    for run, trials in ((tmp_path, [4, 2]), (published_run, [4, 2])):
        assert publish(run, out)[0] == 0
        assert io.read_table(out / "results" / "regression" / "data_sets.parquet")["trials"].tolist() == trials


def test_other_tables_keep_their_units(out, tmp_path, capsys):
    """Model 0's tables were made otherwise than the trials, and the new run has no model 0."""
    for name in ("eigenvalues", "surface"):
        change(out, f"regression/{name}", lambda table: table.assign(made_from="otherwise"))
    prepare(tmp_path, TINY, [("beta5_alpha0", "2-3")])
    sentence = refused(tmp_path, out, capsys)
    assert "regression/eigenvalues: remove" in sentence and "regression/surface: remove" in sentence


def test_a_unit_without_rows_or_values_is_lost():
    table = pd.DataFrame({"head": ["a", "a", "b"], "epoch": [0, 1, 0], "loss": [1.0, None, 3.0]})
    assert lost_units(table, table.iloc[[0, 2]], ["head", "device"]) == {}
    assert lost_units(table, table.head(2), ["head"]) == {"remove {} published rows": 1}
    assert lost_units(table, table.assign(loss=[None, None, 3.0]), ["head"]) == {"take values from {}": 2}
    assert lost_units(table, None, ["head"]) == {"remove {} published rows": 3}


@pytest.mark.parametrize("name", ["core_minutes.csv", "depth/trials.parquet"])
@pytest.mark.parametrize("options", [(), ("--replace",)])
def test_a_mistake_that_is_found_late_leaves_what_is_published(name, options, out, tmp_path, capsys):
    """The mistake is in what is written last, or in what is only counted; new trials would be written first."""
    prepare(tmp_path, TINY, [*BOTH, ("beta5_alpha0", "2-3")])
    io.write_csv(tmp_path / "results" / "core_minutes.csv", pd.DataFrame({"rule": ["a"], "scale": "laptop"}))
    if name.endswith("csv"):
        (out / "results" / name).write_text("a,b\n1,2\n")
    else:
        io.write_table(out / "results" / name, pd.DataFrame({"minutes": [1.0]}))
    assert f"{name} has no column" in refused(tmp_path, out, capsys, *options)


@pytest.mark.parametrize(
    ("name", "how", "sentence"),
    [
        ("trials", lambda table: table.drop(columns="scale"), "trials.parquet has no column scale"),
        ("trials", lambda table: table.drop(columns="made_from"), "trials.parquet has no column made_from"),
        ("trials", lambda table: table.drop(columns="alpha"), "trials.parquet has no column alpha"),
        ("trials", lambda table: table.assign(trial="0"), "trials.parquet has str in the column trial"),
        ("trials", lambda table: table.assign(scale="huge"), "put a smaller scale in place of 4"),
        ("trials", lambda table: table.assign(scale=None), "put a smaller scale in place of 4"),
        ("eigenvalues", lambda table: table.drop(columns="made_from"), "eigenvalues.parquet has no column made_from"),
        ("data_sets", lambda table: table.drop(columns="alpha"), "data_sets.parquet has no column alpha"),
    ],
)
def test_an_odd_published_table_is_refused_by_its_name(name, how, sentence, published_run, out, capsys):
    change(out, f"regression/{name}", how)
    assert sentence in refused(published_run, out, capsys)


@pytest.mark.parametrize("run", [{}, {"regression": {}}, {"regression": 1, "teacher_student": {}}])
def test_odd_published_settings_are_refused_by_their_name(run, published_run, out, capsys):
    io.write_json(out / "results" / "settings.json", {"run": run, "paper": {}})
    assert "settings.json lacks settings of the data" in refused(published_run, out, capsys)


def test_a_run_that_adds_nothing_changes_nothing(out, tmp_path):
    """It does not say that the published trials were made with its settings, its teacher's seed among them."""
    prepare(tmp_path, params.merge(TINY, {"teacher_student": {"data_seed": 7}}), [])
    before = published_files(out)
    assert publish(tmp_path, out)[0] == 0
    assert published_files(out) == before


def test_what_the_published_data_were_generated_from_stays_beside_trials_on_images(out, tmp_path, capsys):
    """Experiment 1's trials are published, so the seed of the teacher, of which there are none, stays too."""
    finish_cells(tmp_path, params.merge(TINY, {"teacher_student": {"data_seed": 7}}))
    assert publish(tmp_path, out)[0] == 0
    run = io.read_json(out / "results" / "settings.json")["run"]
    assert run["teacher_student"]["data_seed"] == 42 and run["cells"]["trials"] == 2
    change(out, "regression/trials", lambda table: table.assign(data_set="teacher", depth=1, gain=1.0))
    (out / "results" / "depth").mkdir()
    (out / "results" / "regression" / "trials.parquet").rename(out / "results" / "depth" / "trials.parquet")
    prepare(tmp_path, params.merge(TINY, {"teacher_student": {"data_seed": 7}}), BOTH)
    assert "depth/trials: leave 4 published rows without" in refused(tmp_path, out, capsys)
