"""What the account says of costs and of the hours that remain, from the tables of a small run, some values changed."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import changed_tables as changed
from changed_tables import EMPTY
from replication import params
from replication.account import core_minutes, remaining, summary
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import paper_settings
from replication.records.io import read_json
from replication.report.notebook import Notebook
from replication.report.provenance_text import by_device, duration, fingerprints
from replication.report.template import line, sections
from whole_run import verb

ROOT = Path(__file__).parents[2]
REPORT = sections(summary.__package__)
PUBLISHED = ROOT / "results/published"
HEADS = {"probes": 4}  # trainings of a trial


@pytest.fixture(scope="module")
def full(whole_run):
    """Ten trials of everything, on the data sets themselves."""
    return EMPTY | changed.repeated(changed.of_images(changed.read(whole_run)), 10)


@pytest.fixture(scope="module")
def benchmarks():
    """The published ones, with steps of known length."""
    where = {"machine": "a machine", "commit": "c0ffee", "date": "2026-01-01 00:00:00"}
    tables = {name: pd.read_csv(PUBLISHED / f"benchmark/{name}.csv") for name in core_minutes.BENCHMARKS}
    for name, medians in {"step": [1000.0], "teacher_student_step": [10.0], "cifar10_step": [40.0, 50.0]}.items():
        _, column, *_ = core_minutes.BENCHMARKS[name]
        tables[name].loc[tables[name][column] == "eager", "median"] = medians
    return {name: table.assign(**where) for name, table in tables.items()}


@pytest.fixture(scope="module")
def notebook(whole_run, tmp_path_factory):
    """On the settings of a run at the paper's values, but for the backbone of experiment 4."""
    folder = changed.write(tmp_path_factory.mktemp("paper"), changed.read(whole_run), of=whole_run)
    overrides = {"scale": "paper", "cifar100": {"backbone": "tf_efficientnet_lite0", "input_size": 64}}
    verb("record-settings", "--params-file", ROOT / "params.yaml", "--overrides", json.dumps(overrides),
         "--output", folder / "settings.json")  # fmt: skip
    return Notebook(folder, folder / "claims.csv", folder / "figures", PUBLISHED)


def row_of(table, name):
    """The first row of a Markdown table that contains this text, by column."""
    lines = [[cell.strip() for cell in line[2:-2].split(" | ")] for line in table.splitlines()]
    return dict(zip(lines[0], next(cells for cells in lines if name in cells[0]), strict=False))


def cost_table(*arguments):
    """The account's table of costs."""
    return REPORT.costs(**core_minutes.costs(*arguments))


def test_costs_against_a_loop_over_single_models(full, notebook, benchmarks):
    """By hand: 300 epochs × 100 steps of 1 ms; 180 × 98 of 10 ms; 300 × 352 of 40 ms (linear) and 50 ms (SPARCS)."""
    run = notebook.settings["run"]
    experiments = notebook.experiments(EXPERIMENTS.values())
    epochs = {"trials": 300, "sweep": 60, "priced": 60}
    full = full | {f"cifar10/{name}": full[f"cifar10/{name}"].assign(epochs=count) for name, count in epochs.items()}
    text = cost_table(experiments, full, run, benchmarks)
    students, heads = full["teacher_student/trials"]["ensemble"], full["cifar10/trials"]["head"].value_counts()
    students = int(
        (~students.isin(["authors_notebook", "authors_last"])).sum()
    )  # which have epochs or widths of theirs
    students += int((full["teacher_student/map"]["size"] == "full").sum())
    sparcs = heads["spectral"] + heads["spectral_authors_sign"]  # no step of a plain hidden layer was timed
    images = 105_600 * (0.04 * heads["linear"] + 0.05 * sparcs)
    swept = full["cifar10/sweep"]["head"].value_counts()
    images += 60 * 352 * (0.04 * swept["linear"] + 0.05 * swept["spectral"])  # 60 epochs
    images += 60 * 352 * 0.05 * len(full["cifar10/priced"])
    regressions = len(full["regression/trials"]) + len(full["regression/starts"])
    expected = {"regression": regressions * 30, "teacher_student": students * 176.4}
    networks = {
        name: sum(len(full.get(f"{name}/{table}", ())) for table in EXPERIMENTS[name].trained)
        for name in ("teacher_student", "cifar10")
    }
    timed = {"teacher_student": students, "cifar10": heads["linear"] + sparcs}
    timed["cifar10"] += len(full["cifar10/sweep"]) + len(full["cifar10/priced"])
    for name, seconds in (expected | {"cifar10": images}).items():
        said = row_of(text, EXPERIMENTS[name].title)["a loop over single models, steps alone"]
        minutes, _, of = said.partition(" core-minutes")
        assert float(minutes.replace(",", "")) == pytest.approx(seconds / 60, rel=0.005)  # three digits
        assert of == (f" for {timed[name]:,} of the {networks[name]:,}" if name in timed else "")
    assert row_of(text, EXPERIMENTS["baselines"].title)["a loop over single models, steps alone"] == ""
    origins = core_minutes.origins_table(experiments)
    assert row_of(origins, EXPERIMENTS["regression"].title)["data"] == "generated: α/β family, 10,000 points"
    assert len(experiments) == len(EXPERIMENTS) == origins.count(f"| {experiments['theory']['machine']} |")
    for name, record in experiments.items():
        assert row_of(origins, EXPERIMENTS[name].title)["fingerprint"] == fingerprints(
            record["fingerprint"].split("; ")
        )


def test_benchmarks_say_where_and_when_they_were_run(benchmarks):
    text = core_minutes.benchmark_note(benchmarks)
    assert text.count("| a machine, commit c0ffee, 2026-01-01;") == 3
    for expected in ("1,000 µs", "10 ms", "linear 40 ms and SPARCS 50 ms", "`cifar10_step.csv`"):
        assert expected in text


def rows_on(device, minutes, count):
    where = {"scale": "overnight", "commit": "abc", "machine": f"a {device}", "finished": "2026-01-02 00:00:00"}
    where |= {"fingerprint": "fedcba9876543210"}
    return pd.DataFrame({"device": device, "minutes": [minutes] * count, **where})


def test_each_device_has_its_own_minutes(whole_run, benchmarks):
    """Three trials of 2 minutes on a CPU; two on a GPU, of whose host half a minute is known."""
    trials = pd.concat([rows_on("cpu", 2.0, 3), rows_on("cuda", 0.5, 2)])
    older = pd.DataFrame({"value": [1.0]})  # a table without minutes
    origin = read_json(whole_run / "teacher_student/provenance.json")
    record = origin | {"by_device": by_device(origin, [trials, older]), "data": "drawn"}
    assert duration(record) == "6 core-minutes for 3 trials on cpu; 1 core-minute of the host for 2 trials on cuda"
    run = {"teacher_student": {"points": 1000, "training": {"epochs": 60, "batch_size": 100}}}
    tables = {"teacher_student/trials": trials}
    lines = core_minutes.origins_table({"teacher_student": record}).splitlines()
    assert len(lines) == 4 and "a cpu" in lines[2] and "a cuda" in lines[3]
    lines = cost_table({"teacher_student": record}, tables, run, benchmarks).splitlines()
    assert "| 0.3 core-minutes |" in lines[2] and "1 core-minute of the host |  |" in lines[3]  # 3 × 600 × 10 ms
    tables |= {"teacher_student/map": rows_on("cpu", 9.0, 4).assign(size="reduced")}  # of which no step was timed
    lines = cost_table({"teacher_student": record}, tables, run, benchmarks).splitlines()
    assert "| 0.3 core-minutes for 3 of the 7, which took 6 |" in lines[2]
    assert by_device(origin, [older]) == [origin]


def rules_note(*arguments):
    """What the account says of the table of core-minutes by rule."""
    return line(REPORT.rules(**core_minutes.rules(*arguments)))


def test_what_the_minutes_by_rule_are_of():
    rules = pd.DataFrame({"scale": ["laptop"] * 2, "core_minutes": [30.0, 9.5]})
    experiments = {"regression": {"scale": "laptop"}, "depth": {"scale": "laptop; overnight"}}
    tuning = pd.DataFrame({"value": ["1.0", "3.0"]})
    text = rules_note(rules, experiments, tuning)
    assert "scale laptop" in text and "39.5 core-minutes" in text and "other rows above (overnight)" in text
    assert text.endswith("Tuning the baselines (2 values tried) is not counted: its table has no minutes.")
    timed = rules_note(rules, {"regression": {"scale": "laptop"}}, tuning.assign(minutes=[0.5, np.nan]))
    assert (
        timed.endswith("Of the baselines' minutes 0.5 went into tuning (1 of 2 values).") and "other rows" not in timed
    )


def test_trainings_are_counted_as_the_jobs_are():
    settings = paper_settings(params.read_yaml(ROOT / "params.yaml"))
    counted = {
        name: sum(part.trainings for part in remaining.parts(name, settings.model_dump())) for name in remaining.PARTS
    }
    assert set(counted) == {name for name, each in EXPERIMENTS.items() if any(stage.gpu for stage in each.stages)}
    for name, count in counted.items():
        stages = [stage for stage in EXPERIMENTS[name].stages if stage.gpu]
        jobs = [(HEADS.get(stage.name, 1), job) for stage in stages for job in stage.jobs(settings)]
        assert count == sum(heads * len(job.trials) for heads, job in jobs), name
    assert counted["teacher_student"] == 500 + 601 + 75 + 15 and counted["depth"] == 410


def test_every_command_has_a_rule():
    assert 'f"make_{experiment.name}"' in (ROOT / "workflow/rules/experiments.smk").read_text()


def remaining_table(*arguments):
    """The account's table of what remains for a GPU."""
    return REPORT.remaining(**remaining.remaining(*arguments))


def test_hours_that_remain(full, notebook):
    """100 trials of each head, two at once on two cores; a GPU by the clock of training, the paper by its own."""
    run, paper = (notebook.settings[side] for side in ("run", "paper"))
    costs, trials = full["cifar10/costs"], full["cifar10/trials"]
    costs = pd.concat([costs, costs.assign(device="cuda", seconds=45.0)])
    trials = trials.assign(device="cpu", minutes=40.0, machine="m", commit="c")
    tables = full | {"cifar10/costs": costs, "cifar10/trials": trials}
    row = row_of(remaining_table(tables, run, paper), EXPERIMENTS["cifar10"].title)
    heads = "100 linear, 100 SPARCS, 100 SPARCS with the authors' sign, 100 plain hidden layer"
    assert row["trainings"] == f"454: {heads}, 30 in the sweep, 24 with a price on weights"
    others = " for 400 of them, the others not measured"
    done = len(trials) + len(full["cifar10/sweep"]) + len(full["cifar10/priced"])
    assert row["done"] == str(done) and "snakemake make_cifar10 " in row["command"]
    assert (
        row["projected, 2 cores"] == f"{400 * 40 / 60 / 2:.0f} h{others}"
        and row["projected, one GPU"] == f"{400 * 45 / 3600:.0f} h{others}"
    )
    assert (
        row["projected from the paper's own times"] == f"{100 * (1357.0 + 1361.98) / 3600:.1f} h for linear and SPARCS"
    )
    other = row_of(remaining_table(tables, run, paper), EXPERIMENTS["cifar100"].title)
    assert other["projected, 2 cores"] == other["projected, one GPU"] == "not measured"  # timed on another backbone
    assert other["done"] == "0"
    times = remaining.times_table(tables, run, paper)
    assert f"core-time of the whole job | {len(trials) // 4} | m | c |" in times
    assert (
        f"training by the clock, without evaluation | {len(trials) // 4} | not in the table | not in the table |"
        in times
    )


def test_hours_of_a_part_say_how_many_trainings_they_are(full, notebook):
    run, paper = (notebook.settings[side] for side in ("run", "paper"))
    depth = full["depth/trials"].assign(device="cpu", minutes=6.0)
    smaller = run | {"depth": run["depth"] | {"teacher": run["depth"]["teacher"] | {"hidden": 10}}}
    table = remaining_table(EMPTY | {"depth/trials": depth}, smaller, paper)
    assert (
        row_of(table, EXPERIMENTS["depth"].title)["projected, 2 cores"]
        == "4.5 h for 90 of them, the others not measured"
    )  # 3 depths × 3 α × 10
    assert row_of(table, "all that is known")["projected, 2 cores"] == "4.5 h"
    assert remaining.times_table(EMPTY, run, paper) == "No training of the paper's size was timed."


def test_hours_of_what_was_never_trained_come_from_a_step_of_it(notebook):
    """A step of 2 s on 16 images takes 2 × 45,000 / 16 s in all, and no step of a GPU was timed. Depths count as often
    as they are trained."""
    run, paper = (notebook.settings[side] for side in ("run", "paper"))
    step = {"device": "cpu", "samples": 16, "machine": "m", "commit": "c"}
    heads = [
        step | {"experiment": "cifar100", "what": head, "seconds": 5625.0, "trainings": 100}
        for head in ("linear", "spectral")
    ]
    deep = [
        step | {"experiment": "depth", "what": "on the teacher", "seconds": seconds, "trainings": trainings}
        for seconds, trainings in ((60.0, 150), (120.0, 30))
    ]
    tables = EMPTY | {remaining.STEPS: pd.DataFrame(heads + deep)}
    row = row_of(remaining_table(tables, run, paper), EXPERIMENTS["cifar100"].title)
    assert row["projected, 2 cores"].startswith(f"{200 * 5625 / 3600 / 2:.0f} h for 200 of them")
    assert row["projected, one GPU"] == "not measured"
    row = row_of(remaining_table(tables, run, paper), EXPERIMENTS["depth"].title)
    assert row["projected, 2 cores"].startswith(f"{180 * 70 / 3600 / 2:.3g} h for 180 of them")
    assert "all its steps, of which one was timed (16 samples) | 2 | m | c |" in remaining.times_table(
        tables, run, paper
    )
