"""Publishing: finished trials only, each with its scale, commit, machine and minutes; nothing mixed."""

import json

import pandas as pd
import pytest

from replication import params
from replication.account.scorecard import answer, with_verdicts
from replication.experiments.settings import resolve_settings
from replication.publish import commands, finished, published_tables
from replication.publish.jobs import jobs as jobs_of
from replication.publish.lost_rows import lost
from replication.records import io, provenance
from small_runs import ROOT, TINY, finish_cells, prepare, publish, run


def test_finished_trials_are_published_and_later_ones_added(tmp_path):
    prepare(tmp_path, TINY, [("beta5_alpha0", "0-1")])
    code, trials = publish(tmp_path, tmp_path / "out")
    assert code == 0
    assert trials[["alpha", "beta", "trial"]].to_numpy().tolist() == [[0, 5, 0], [0, 5, 1]]
    assert set(trials["scale"]) == {"laptop"}
    assert trials[["commit", "machine", "finished"]].notna().all(axis=None)
    assert (trials["minutes"] > 0).all()
    assert list((tmp_path / "out").rglob("*.safetensors")) == []
    prepare(tmp_path, TINY, [("beta5_alpha0", "2-3"), ("beta5_alpha1", "0-1")])
    code, more = publish(tmp_path, tmp_path / "out")
    assert code == 0
    assert len(more) == 6
    pd.testing.assert_frame_equal(more.head(2), trials)
    skips = io.read_table(tmp_path / "out" / "results" / "regression" / "skips.parquet")
    assert skips[["alpha", "trial"]].drop_duplicates().to_numpy().tolist() == [[0, 0], [1, 0]]


def test_trials_of_other_settings_replace_those_published(tmp_path):
    for name, epochs, jobs in (("one", 1, "0-1"), ("two", 2, "2-3")):
        overrides = params.merge(TINY, {"regression": {"training": {"epochs": epochs}}})
        prepare(tmp_path / name, overrides, [("beta5_alpha0", jobs)])
        code, trials = publish(tmp_path / name, tmp_path / "out", "--replace")
        assert code == 0
    assert trials["trial"].tolist() == [2, 3]
    assert trials["made_from"].nunique() == 1
    assert not (tmp_path / "out" / "results" / "regression" / "skips.parquet").exists()  # model 0 was not among them


def test_trials_on_data_of_other_seeds_replace_those_published(tmp_path):
    """The records of experiment 2 do not say which seed its teacher has: the settings of the two runs do."""
    for name, seed in (("one", 42), ("two", 7)):
        overrides = params.merge(TINY, {"teacher_student": {"data_seed": seed}})
        prepare(tmp_path / name, overrides, [("beta5_alpha0", "0-1")])
        settings = io.read_json(tmp_path / name / "results" / "settings.json")
        assert commands.same_data(settings, tmp_path / "out" / "results") == (name == "one")
        publish(tmp_path / name, tmp_path / "out", "--replace")
    table = pd.DataFrame({"ensemble": "l2", "teacher": 42, "trial": [0, 1], "made_from": "same"})
    io.write_table(tmp_path / "trials.parquet", table.head(1))
    together = commands.merged_experiment({"trials": table.tail(1)}, tmp_path, "teacher_student", keep=False)
    assert together["trials"]["trial"].tolist() == [1]


def published_files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ({"epochs": 2}, {"epochs": 1, "jobs": "2-3"}, "regression/trials: remove 2 published rows"),
        ({"epochs": 2}, {"epochs": 1}, "regression/trials: put other settings or data in place of 2"),
        ({"scale": "overnight"}, {"scale": "laptop"}, "regression/trials: put a smaller scale in place of 2"),
    ],
)
def test_publishing_that_would_destroy_results_is_refused(first, second, sentence, tmp_path, capsys):
    for name, changes in (("one", first), ("two", second)):
        training = {
            "scale": changes.get("scale", "laptop"),
            "regression": {"training": {"epochs": changes.get("epochs", 1)}},
        }
        prepare(tmp_path / name, params.merge(TINY, training), [("beta5_alpha0", changes.get("jobs", "0-1"))])
    assert publish(tmp_path / "one", tmp_path / "out")[0] == 0
    before = published_files(tmp_path / "out")
    code, _ = publish(tmp_path / "two", tmp_path / "out")
    error = capsys.readouterr().err.splitlines()[-1]
    assert code == 2 and sentence in error and "allowed with replace=yes" in error
    assert published_files(tmp_path / "out") == before
    assert publish(tmp_path / "two", tmp_path / "out", "--replace")[0] == 0
    assert published_files(tmp_path / "out") != before
    assert publish(tmp_path / "two", tmp_path / "out")[0] == 0, "the same trials again are no loss"


def test_the_default_run_on_stand_in_images_would_destroy_what_is_published():
    """README's own commands once replaced nine networks of 300 epochs on CIFAR by three of 10 epochs on digits."""
    published = io.read_table(ROOT / "results" / "published" / "cifar10" / "trials.parquet")
    digits = published[published["trial"] == 0].assign(stand_in=True, epochs=10, scale="laptop", made_from="other")
    keys = published_tables.TRIAL["cifar10"]
    after = commands.merged(digits, published, keys, published_tables.ALIKE["cifar10"])
    left = len(published) - len(digits)
    assert lost(published, after, keys) == {
        "remove {} published rows": left,
        "put stand-in data in place of {}": len(digits),
    }
    assert lost(published, published, keys) == {}


def test_a_table_that_is_copied_whole_keeps_its_rows(tmp_path, capsys):
    prepare(tmp_path, TINY, [("beta5_alpha0", "0-1")])
    name = "teacher_student/linear.parquet"
    io.write_table(tmp_path / "out" / "results" / name, pd.DataFrame({"teacher": range(20)}))
    io.write_table(tmp_path / "results" / name, pd.DataFrame({"teacher": range(3)}))
    assert publish(tmp_path, tmp_path / "out")[0] == 2
    assert "teacher_student/linear: remove 17 published rows" in capsys.readouterr().err
    assert not (tmp_path / "out" / "results" / "regression").exists()


def test_trials_made_with_other_settings_than_recorded_are_not_published(tmp_path):
    prepare(tmp_path, TINY, [("beta5_alpha0", "0-1")])
    prepare(tmp_path, params.merge(TINY, {"regression": {"training": {"epochs": 2}}}), [])
    code, trials = publish(tmp_path, tmp_path / "out")
    assert code == 0
    assert trials is None


def test_settings_and_origins_of_each_experiment_stay_those_of_its_trials(tmp_path):
    """A run that has only searches for cells finished changes nothing of what is said of experiment 1."""
    prepare(tmp_path, TINY, [("beta5_alpha0", "0-1")])
    publish(tmp_path, tmp_path / "out")
    finish_cells(tmp_path / "two", params.merge(TINY, {"scale": "overnight", "regression": {"points": 300}}))
    assert publish(tmp_path / "two", tmp_path / "out")[0] == 0
    run = io.read_json(tmp_path / "out" / "results" / "settings.json")["run"]
    assert run["scale"] == "overnight" and run["regression"]["points"] == 200 and run["cells"]["trials"] == 2
    record = io.read_json(tmp_path / "out" / "results" / "provenance.json")
    assert record["experiments"]["regression"]["scale"] == "laptop"
    assert record["experiments"]["cells"]["scale"] == "overnight"
    assert record["trials"] == 4 and record["experiments"]["regression"]["trials"] == 2
    assert record["core_minutes"] >= 0 and len(record["lock_sha256"]) == 64


def test_the_settings_of_a_sweep_are_those_of_its_experiment(tmp_path):
    """The sweep of experiment 3 has no settings of its own: what is published of it decides which are kept."""
    old, new = ({"run": {"cifar10": {"trials": trials}, "root_seed": 1}, "paper": {}} for trials in (3, 5))
    io.write_json(tmp_path / "settings.json", old)
    for name in ("cifar10", "cifar10_sweep"):
        io.write_table(tmp_path / name / "trials.parquet", pd.DataFrame({"trial": [0]}))
    assert commands.merged_settings(new, tmp_path, {"cifar10_sweep"}) == new
    assert commands.merged_settings(new, tmp_path, {"depth"}) == old


def test_core_minutes_are_kept_per_scale(tmp_path):
    table = pd.DataFrame({"rule": ["b", "a"], "core_minutes": [1.0, 2.0]})
    for scale in ("laptop", "overnight", "laptop"):
        io.write_csv(tmp_path / "new.csv", table.assign(scale=scale))
        kept = commands.merged_core_minutes(tmp_path / "new.csv", tmp_path / "core_minutes.csv")
        io.write_csv(tmp_path / "core_minutes.csv", kept)
    assert kept[["scale", "rule"]].to_numpy().tolist() == [
        ["laptop", "a"],
        ["laptop", "b"],
        ["overnight", "a"],
        ["overnight", "b"],
    ]


def test_what_tuning_took_is_published_and_counted(tmp_path):
    """A job of 90 seconds that tried three values with two strengths each counts half a minute a value."""
    tuning = pd.DataFrame({"task": "teacher", "method": ["darts"] * 3 + ["gaea"], "value": ["1", "2", "3", "1"]})
    where = {"commit": "abc", "machine": "one", "device": "cpu", "finished": "2026-01-02 00:00:00", "made_from": "0"}
    for method, seconds in (("darts", 90), ("gaea", 60)):
        record = where | {"seconds": seconds, "trials": 6}
        io.write_json(tmp_path / "tuning" / "teacher" / f"{method}.provenance.json", record)
    timed = finished.with_minutes(tuning, tmp_path / "tuning")
    assert timed["minutes"].tolist() == [0.5, 0.5, 0.5, 1.0] and set(timed["commit"]) == {"abc"}
    published = tmp_path / "published"
    io.write_table(published / "baselines" / "tuning.parquet", timed.assign(scale="overnight"))
    io.write_table(published / "depth" / "tuning.parquet", tuning)  # as earlier versions published it
    assert commands.published_trials(published).groupby("experiment")["minutes"].sum().to_dict() == {"baselines": 2.5}


def test_new_tuning_takes_the_place_of_what_was_tried_for_the_same_before(tmp_path):
    base = params.read_yaml(ROOT / "params.yaml")
    run = resolve_settings(
        base, {"scale": "overnight", "baselines": {"methods": ["darts", "gaea"], "teacher": {"trials": 0}}}
    )
    jobs = {job.key: job for job in jobs_of(run) if job.kind == "tuning"}

    def tune(key, values, settings):
        stem = tmp_path / jobs[key].stem
        columns = {
            "task": key[0],
            "option": "rate",
            "tuning_trial": 0,
            "seed": 1,
            "parameters": 3.0,
            "validation_mse": 0.1,
        }
        rows = [columns | {"value": value, "chosen": value == values[0]} for value in values]
        io.write_table(stem.with_name(f"{stem.name}.parquet"), pd.DataFrame(rows))
        record = provenance.of_job(60, "cpu", len(values)) | {"settings": settings, "root_seed": run.root_seed}
        io.write_json(tmp_path / jobs[key].record, record | {"data": values})

    def published(keep=True):
        [(name, table)] = commands.merged_tuning(run, tmp_path, tmp_path / "out", keep).items()
        io.write_table(tmp_path / "out" / f"{name}.parquet", table)
        return table.groupby(["task", "method"], sort=False)["value"].agg(list).to_dict()

    first, second = ("beta5_alpha0", "darts"), ("beta5_alpha1", "gaea")
    for key in (first, second):
        tune(key, ["0.1", "0.3"], json.loads(jobs[key].settings))
    assert published() == {first: ["0.1", "0.3"], second: ["0.1", "0.3"]}
    tune(first, ["0.2"], json.loads(jobs[first].settings))
    tune(second, ["0.9"], {"made": "otherwise"})
    assert published() == {first: ["0.2"], second: ["0.1", "0.3"]}
    assert published(keep=False) == {first: ["0.2"]}


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
    claims = pd.read_csv(ROOT / "results" / "published" / "claims.csv")
    io.write_csv(results / "claims.csv", claims)
    old = [
        published / name for name in ("reports/07_rivals.html", "site/reports/07_rivals.html", "figures/fig_rivals.svg")
    ]
    left = [results / "reports/07_rivals.html", figures / "fig_rivals.svg"]
    for path in (results / "reports/01_theory.html", figures / "fig07.svg", *old, *left):
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
    assert code == 0 and not any(path.exists() for path in old)
    assert (published / "reports" / "01_theory.html").read_text() == "made again"
    assert (published / "figures" / "fig07.svg").read_text() == "made again"
    text = readme.read_text()
    assert text.startswith("before\n<!-- answer") and text.endswith("<!-- end of the scorecard -->\nafter\n")
    assert "stale" not in text and f"\n{answer(claims)}\n<!-- end of the answer -->\nbetween\n" in text
    rows = [line for line in text.splitlines() if line.startswith("| **")]
    assert len(rows) == claims["id"].str.fullmatch(r"[A-Z]\d+").sum()
    decides = next(row for row in rows if row.startswith("| **D2**"))
    assert "deleting the other layer" in decides and "[✘ not replicated](" in decides  # the part that fails


def test_a_readme_without_a_place_for_the_verdicts_is_refused():
    claims = pd.read_csv(ROOT / "results" / "published" / "claims.csv")
    with pytest.raises(io.ArtifactError, match="must stand in the text"):
        with_verdicts("nothing here", claims)


def test_the_answer_counts_the_verdicts():
    verdicts = ["replicated", "partly", "not replicated", "replicated", "replicated"]
    claims = pd.DataFrame({"id": ["A1", "A2", "A3", "A3a", "B1"], "verdict": verdicts})
    assert answer(claims) == "**Of the paper's 4 claims 2 replicate, 1 replicate in part and 1 do not.**"


def test_the_verdicts_of_the_readme_are_the_published_ones():
    text = (ROOT / "README.md").read_text()
    assert with_verdicts(text, pd.read_csv(ROOT / "results" / "published" / "claims.csv")) == text


def test_the_published_record_is_that_of_the_published_tables():
    published = ROOT / "results" / "published"
    derived = provenance.of_tables(commands.published_trials(published), ROOT / "requirements.lock")
    recorded = io.read_json(published / "provenance.json")
    assert {name: recorded[name] for name in derived if name not in ("packages", "lock_sha256")} == {
        name: derived[name] for name in derived if name not in ("packages", "lock_sha256")
    }


def test_what_is_published_is_small():
    folders = [ROOT / name / "published" for name in ("results", "figures")]
    sizes = [path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert max(sizes) < 2_000_000 and sum(sizes) < 60_000_000


def test_more_trials_are_the_same_settings(tmp_path):
    """The same trial at another scale, with more trials and other chunks, has the same fingerprint."""
    prepare(tmp_path / "one", TINY, [("beta5_alpha0", "0-1")])
    publish(tmp_path / "one", tmp_path / "out")
    more = params.merge(TINY, {"scale": "overnight", "regression": {"trials": 5, "chunk": 3}})
    prepare(tmp_path / "two", more, [("beta5_alpha0", "3-4")])
    code, trials = publish(tmp_path / "two", tmp_path / "out")
    assert code == 0
    assert trials[["trial", "scale"]].to_numpy().tolist() == [
        [0, "laptop"],
        [1, "laptop"],
        [3, "overnight"],
        [4, "overnight"],
    ]


def test_data_sets_published_before_stay_while_a_new_run_is_under_way(tmp_path):
    prepare(tmp_path / "one", TINY, [("beta5_alpha0", "0-1"), ("beta5_alpha1", "0-1")])
    publish(tmp_path / "one", tmp_path / "out")
    prepare(tmp_path / "two", params.merge(TINY, {"scale": "overnight"}), [("beta5_alpha1", "0-1")])
    code, trials = publish(tmp_path / "two", tmp_path / "out")
    assert code == 0
    assert trials[["alpha", "scale"]].drop_duplicates().to_numpy().tolist() == [[0, "laptop"], [1, "overnight"]]
    skips = io.read_table(tmp_path / "out" / "results" / "regression" / "skips.parquet")
    assert len(skips) == 6


def test_costs_of_every_device_stay_when_trials_are_trained_again_on_another(tmp_path):
    def tables(device, trials):
        rows = pd.DataFrame({"head": "linear", "trial": trials, "device": device})
        return {
            "trials": rows.assign(test_accuracy=60.0, made_from="same"),
            "costs": rows.assign(seconds=1.0),
        }

    for device, trials in (("cpu", [0, 1]), ("cuda", [0]), ("cuda", [0, 1])):
        together = commands.merged_experiment(tables(device, trials), tmp_path, "cifar10")
        for name, table in together.items():
            commands.write_or_remove(tmp_path / f"{name}.parquet", table)
    costs, trials = together["costs"], together["trials"]
    assert sorted(zip(costs["trial"], costs["device"], strict=True)) == [
        (0, "cpu"),
        (0, "cuda"),
        (1, "cpu"),
        (1, "cuda"),
    ]
    assert trials["device"].tolist() == ["cuda", "cuda"]


def test_nothing_finished_publishes_nothing(tmp_path):
    prepare(tmp_path, TINY, [])
    code, trials = publish(tmp_path, tmp_path / "out")
    assert code == 0
    assert trials is None
