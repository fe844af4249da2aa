"""Publishing: rows join those of their fingerprint; they replace others only as a whole ensemble, never in silence."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from replication.account import core_minutes
from replication.publish import commands, rows
from replication.records import fingerprints, io
from small_runs import (
    TEACHER,
    change,
    files_in,
    publish,
    record_settings,
    settings_of,
    table,
    train,
)

TRIALS = "teacher_student/trials"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of other settings for experiment 2, of which all three trials are finished, and of experiment 1."""
    folder = tmp_path_factory.mktemp("runs")
    train(folder / "one", settings_of(), "teacher_student")
    train(folder / "one", settings_of(), "regression")
    train(folder / "two", settings_of(TEACHER), "teacher_student")
    return folder


@pytest.fixture
def part(runs, tmp_path):
    """A copy of a run with some of the trials of experiment 2 alone, as if at another scale, or on stand-in images."""

    def copied(name, trials, scale="overnight", stand_in=False):
        folder = tmp_path / f"{name} {trials} {scale} {stand_in}"
        shutil.copytree(runs / name, folder)
        record_settings(folder, settings_of(TEACHER if name == "two" else {}, {"scale": scale}))
        shutil.rmtree(folder / "results" / "regression", ignore_errors=True)
        for record in folder.rglob("*.provenance.json"):
            io.write_json(record, io.read_json(record) | {"stand_in": stand_in})
            if int(record.name.removesuffix(".provenance.json")) not in trials:
                record.unlink()
        return folder

    return copied


def test_rows_of_the_published_fingerprint_are_added_by_key(part, tmp_path, capsys):
    out = tmp_path / "out"
    assert publish(part("one", [0]), out) == 0
    first = table(out, TRIALS)
    assert [*first.columns[-7:]] == [*rows.RECORDED] and first["fingerprint"].str.fullmatch("[0-9a-f]{16}").all()
    assert (first["minutes"] > 0).all() and set(first["scale"]) == {"overnight"}
    assert publish(part("one", [1, 2], "laptop"), out) == 0, "the scale is not part of the fingerprint"
    more = table(out, TRIALS)
    assert more[["trial", "scale"]].to_numpy().tolist() == [[0, "overnight"], [1, "laptop"], [2, "laptop"]]
    pd.testing.assert_frame_equal(more.head(1), first)
    pruning = table(out, "teacher_student/pruning")
    assert set(pruning["trial"]) == {0, 1, 2} and pruning["fingerprint"].nunique() == 1
    assert io.read_json(out / "settings.json")["scale"] == "overnight", "the smaller scale's settings describe no more"
    record, own = io.read_json(out / "provenance.json"), io.read_json(out / "teacher_student" / "provenance.json")
    assert record["experiments"]["teacher_student"] == own and own["trials"] == 3 and len(record["lock_sha256"]) == 64
    before = files_in(out)
    assert not any(name.endswith(".safetensors") for name in before)
    assert publish(part("one", [0, 1, 2]), out) == 0 and files_in(out) == before
    assert "nothing new is finished" in capsys.readouterr().out


def test_rows_of_another_fingerprint_wait_until_their_ensemble_is_complete(part, tmp_path, capsys):
    out = tmp_path / "out"
    publish(part("one", [0, 1, 2]), out)
    before = table(out, TRIALS)
    assert publish(part("two", [0, 1]), out) == 0
    number = sum(len(table(out, f"teacher_student/{name}")) for name in ("trials", "eigenvalues", "pruning"))
    removes = f"removes {number} rows (overnight: 3 trials) for"
    said = "teacher_student, trials, ensemble l2: waiting until complete: 2 trials of another fingerprint"
    assert f"{said}; replace=yes {removes} 2 trials\n" in capsys.readouterr().out
    pd.testing.assert_frame_equal(table(out, TRIALS), before)
    assert table(out, f"pending/{TRIALS}")["trial"].tolist() == [0, 1]
    assert publish(part("two", [2]), out) == 0
    assert f"ensemble l2: {removes} 3 trials\n" in capsys.readouterr().out
    after = table(out, TRIALS)
    assert after["trial"].tolist() == [0, 1, 2] and not set(after["fingerprint"]) & set(before["fingerprint"])
    assert not any("pending" in name for name in files_in(out))
    assert io.read_json(out / "settings.json")["run"]["teacher_student"]["training"]["epochs"] == 2


def test_the_newest_fingerprint_waits_and_the_output_names_what_goes(part, tmp_path, capsys):
    out = tmp_path / "out"
    publish(part("one", [0, 1, 2]), out)
    publish(part("two", [0]), out)
    change(out, f"pending/{TRIALS}", lambda rows: rows.assign(fingerprint="older"))
    publish(part("two", [1]), out)
    assert "; removes 1 trial of yet another that waited\n" in capsys.readouterr().out
    assert table(out, f"pending/{TRIALS}")["trial"].tolist() == [1]


@pytest.mark.parametrize("changes", [{"scale": "laptop"}, {"stand_in": True}])
def test_smaller_scales_and_stand_ins_replace_only_on_request(changes, part, tmp_path, capsys):
    out, other = tmp_path / "out", part("two", [0, 1, 2], **changes)
    publish(part("one", [0, 1, 2]), out)
    before = files_in(out)
    assert publish(other, out) == 0
    said = capsys.readouterr().out
    assert "ensemble l2: left out: 3 trials, for published are a larger scale or real images; replace=yes remo" in said
    assert said.endswith(" rows (overnight: 3 trials) for 3 trials\nnothing new is finished: nothing is published\n")
    assert files_in(out) == before, "nothing waits either"
    assert publish(other, out, "--replace") == 0
    assert "rows (overnight: 3 trials) for 3 trials\n" in capsys.readouterr().out
    after = table(out, TRIALS)
    assert after["fingerprint"].str.endswith(rows.STAND_IN).all() == changes.get("stand_in", False)
    assert set(after["scale"]) == {changes.get("scale", "overnight")}


def test_rows_of_a_smaller_scale_do_not_join_those_that_wait(part, tmp_path):
    """Else an ensemble would be replaced by one of which a part is smaller."""
    out = tmp_path / "out"
    publish(part("one", [0, 1, 2]), out)
    publish(part("two", [0]), out)
    publish(part("two", [1, 2], "laptop"), out)
    assert table(out, f"pending/{TRIALS}")["trial"].tolist() == [0]
    assert set(table(out, TRIALS)["scale"]) == {"overnight"}


def test_stand_ins_of_the_same_fingerprint_join_no_real_images(part, tmp_path):
    out = tmp_path / "out"
    publish(part("one", [0]), out)
    publish(part("one", [1], stand_in=True), out)
    assert table(out, TRIALS)["trial"].tolist() == [0]


def test_rows_published_before_there_were_fingerprints_are_replaced_by_the_same_rule(part, tmp_path):
    out = tmp_path / "out"
    publish(part("one", [0, 1, 2]), out)
    for name in ("trials", "eigenvalues", "pruning"):
        change(out, f"teacher_student/{name}", lambda rows: rows.assign(fingerprint=fingerprints.LEGACY))
    publish(part("one", [0, 1]), out)
    assert set(table(out, TRIALS)["fingerprint"]) == {fingerprints.LEGACY}
    publish(part("one", [2]), out)
    assert fingerprints.LEGACY not in set(table(out, TRIALS)["fingerprint"])


def test_tables_that_finish_adds_are_published_with_the_trials(runs, tmp_path):
    out = tmp_path / "out"
    publish(runs / "one", out)
    sets = table(out, "regression/data_sets")
    assert sets["trials"].tolist() == [2, 2] and set(sets["fingerprint"]) == {
        *table(out, "regression/trials").fingerprint
    }
    keys = {"trials": ("beta", "trial"), "data_sets": ("beta",)}
    new, old = ({"data_sets": pd.DataFrame({"beta": [5.0], "trials": [n], "fingerprint": "a"})} for n in (2, 100))
    assert rows.added(old, new, keys)["data_sets"]["trials"].tolist() == [100]
    assert rows.added(new, old, keys)["data_sets"]["trials"].tolist() == [100]


def test_stages_that_share_a_table_are_published_together(tmp_path):
    out, settings = tmp_path / "out", settings_of({"hyperparameters": {"teacher_trials": 1}})
    for of_stage in ("regression", "teacher_student"):
        train(tmp_path, settings, "hyperparameters", of_stage=of_stage)
    assert publish(tmp_path, out) == 0
    trials = table(out, "hyperparameters/trials")
    assert sorted(trials["experiment"]) == ["regression", "teacher_student"] and trials["minutes"].notna().all()
    assert io.read_json(out / "provenance.json")["trials"] == 2
    before = files_in(out)
    assert publish(tmp_path, out) == 0 and files_in(out) == before


def timed(device, trials, fingerprint, scores=1.0):
    base = pd.DataFrame({"head": "linear", "trial": trials, "device": device, "fingerprint": fingerprint})
    return {"trials": base.assign(scale="laptop", score=scores), "costs": base.assign(seconds=1.0)}


KEYS = {"trials": ("head", "trial"), "costs": ("head", "trial", "device")}


def test_costs_of_every_device_stay(tmp_path):
    old = rows.added(timed("cpu", [0, 1], "a"), timed("cuda", [0, 1], "a"), KEYS)
    assert len(old["costs"]) == 4 and set(old["trials"]["device"]) == {"cpu"}
    after, waiting, said = rows.of_ensemble(timed("cpu", [0, 1], "b"), old, {}, KEYS, replace=False)
    assert waiting == {} and said == "removes 4 rows (laptop: 2 trials) for 2 trials"
    one = rows.of_ensemble(timed("cpu", [0], "b"), timed("cpu", [0], "a"), {}, KEYS, replace=False)
    assert one[2] == "removes 2 rows (laptop: 1 trial) for 1 trial"
    kept = after["costs"][["trial", "device", "fingerprint"]].to_numpy().tolist()
    assert kept == [[0, "cpu", "b"], [0, "cuda", "a"], [1, "cpu", "b"], [1, "cuda", "a"]]


def test_values_that_are_published_are_neither_emptied_nor_kept_from_later_rows():
    """Scores of cells come from a table that not everyone has."""
    full, empty = (timed("cpu", [0, 1], "a", scores) for scores in (1.0, float("nan")))
    for old, new in ((full, empty), (empty, full)):
        assert rows.of_ensemble(new, old, {}, KEYS, replace=False)[0]["trials"]["score"].tolist() == [1, 1]
    after, waiting, *_ = rows.of_ensemble(timed("cpu", [0, 1], "b", float("nan")), full, {}, KEYS, replace=False)
    assert set(after["trials"]["fingerprint"]) == {"a"} and set(waiting["trials"]["fingerprint"]) == {"b"}


def test_a_key_that_stands_twice_is_refused_and_nothing_written(part, tmp_path, capsys):
    one = part("one", [0, 1, 2])
    file = next(one.rglob("1_trials.parquet"))
    io.write_table(file, io.read_table(file).assign(trial=0))
    assert publish(one, tmp_path / "out") == 2 and not (tmp_path / "out").exists()
    assert "l2, 42, 0 stands there twice: allowed is once" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        (
            lambda table: table.drop(columns="fingerprint"),
            "trials.parquet has no column fingerprint: allowed is what",
        ),
        (lambda table: table.drop(columns="trial"), "trials.parquet has no column trial: allowed is what publish"),
        (lambda table: pd.concat([table, table]), "l2, 42, 0 stands there twice"),
        (lambda table: table.assign(trial=["0", "1", "2"]), "is text in one table and a number in another"),
        (lambda table: table.assign(fingerprint=["a", "b", "c"]), "one ensemble is of several fingerprints"),
    ],
)
def test_published_tables_that_publish_has_not_written_are_refused(how, sentence, part, tmp_path, capsys):
    out, one = tmp_path / "out", part("one", [0, 1, 2])
    publish(one, out)
    change(out, TRIALS, how)
    before = files_in(out)
    assert publish(one, out) == 2 and files_in(out) == before
    assert sentence in capsys.readouterr().err


def test_trials_of_other_settings_than_recorded_are_not_published(part, tmp_path, capsys):
    one = part("one", [0, 1, 2])
    record_settings(one, settings_of({"teacher_student": {"points": 61}}))
    assert publish(one, tmp_path / "out") == 0 and not (tmp_path / "out").exists()
    said = "teacher_student, trials: 3 jobs of other settings or sources than here: not published\n"
    assert said in capsys.readouterr().out


def test_settings_and_origins_of_each_experiment_stay_those_of_its_trials(runs, part, tmp_path):
    out = tmp_path / "out"
    publish(runs / "one", out)
    two = part("two", [0, 1, 2])
    record_settings(two, settings_of(TEACHER, {"regression": {"points": 300}}))
    recorded = io.read_json(two / "results/settings.json")
    for name in ("regression", "teacher_student"):
        recorded["paper"][name]["points"] = 7
    io.write_json(two / "results/settings.json", recorded)
    publish(two, out)
    settings, paper = (io.read_json(out / "settings.json")[kind] for kind in ("run", "paper"))
    assert settings["regression"]["points"] == 60 and settings["teacher_student"]["training"]["epochs"] == 2
    assert paper["regression"]["points"] == 60 and paper["teacher_student"]["points"] == 7
    assert io.read_json(out / "provenance.json")["experiments"]["regression"]["trials"] == 4


@pytest.mark.parametrize("moment", range(9))
def test_a_publish_that_is_stopped_is_done_by_the_next(moment, part, tmp_path, monkeypatch):
    """It is stopped while it writes files, when an ensemble that waited replaces another."""
    out, whole = tmp_path / "out", tmp_path / "whole"
    publish(part("one", [0, 1, 2]), out)
    publish(part("two", [0, 1]), out)
    last = part("two", [2])
    shutil.copytree(out, whole)
    publish(last, whole)
    written, unlink = [], Path.unlink

    def stopped(write):
        def counting(path, *rest, **more):
            written.append(path)
            if len(written) > moment:
                raise KeyboardInterrupt
            return write(path, *rest, **more)

        return counting

    with monkeypatch.context() as patch:
        for name in ("write_csv", "write_json", "write_table"):
            patch.setattr(commands, name, stopped(getattr(commands, name)))
        patch.setattr(
            Path,
            "unlink",
            lambda path, **more: stopped(unlink)(path, **more) if "pending" in path.parts else unlink(path, **more),
        )
        assert publish(last, out) == 130
    publish(last, out)
    assert files_in(out).keys() == files_in(whole).keys()
    for name in ("trials", "eigenvalues", "pruning"):
        tables = [table(folder, f"teacher_student/{name}") for folder in (out, whole)]
        pd.testing.assert_frame_equal(*tables)


def test_a_scale_for_trying_is_not_published(part, tmp_path, capsys):
    assert publish(part("one", [0], "smoke"), tmp_path / "out") == 2
    assert "allowed to be published are laptop, overnight, paper" in capsys.readouterr().err


def test_core_minutes_are_kept_per_scale(tmp_path):
    table = pd.DataFrame({"rule": ["b", "a"], "core_minutes": [1.0, 2.0]})
    for scale in ("laptop", "overnight", "laptop"):
        io.write_csv(tmp_path / "new.csv", table.assign(scale=scale))
        kept = core_minutes.merged_core_minutes(tmp_path / "core_minutes.csv", tmp_path / "new.csv")
        io.write_csv(tmp_path / "core_minutes.csv", kept)
    assert kept[["scale", "rule"]].to_numpy().tolist() == [
        ["laptop", "a"],
        ["laptop", "b"],
        ["overnight", "a"],
        ["overnight", "b"],
    ]
