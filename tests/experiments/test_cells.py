"""The cell space, its supernet and searches, against hand-made networks, and the table of scores."""

import json
import re
from itertools import islice, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from replication import cli, params
from replication.data.image_arrays import Images
from replication.experiments import EXPERIMENTS
from replication.experiments.cells import findings, space, table, train
from replication.experiments.cells import tables as report
from replication.experiments.cells import train as search
from replication.experiments.cells.figures import fig_cells, fig_cells_table, finished
from replication.experiments.cells.settings import CellSearch
from replication.experiments.cells.supernet import Cell, Supernet, one_hot
from replication.experiments.settings import resolve_settings
from replication.jobs.commands import as_text
from replication.judging.statistics import mean_interval
from replication.records.io import ArtifactError, read_table
from replication.report import template
from replication.report.text import number
from replication.training.work import Work, plain

BASE = params.read_yaml(Path(__file__).parents[2] / "params.yaml")
SETTINGS = CellSearch.model_validate(resolve_settings(BASE, {"scale": "smoke"}).cells.part(CellSearch))
EXPERIMENT = EXPERIMENTS["cells"]
CELLS = template.sections(EXPERIMENT.package)
ALL_SKIP = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (100, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, 100)
    return Images(x, y, x[:10], y[:10], stand_in=True, source="stand-in", note="noise")


@given(st.lists(st.sampled_from(space.OPERATIONS), min_size=6, max_size=6))
def test_a_name_says_which_operation_stands_on_which_edge(operations):
    assert space.operations_of(space.name_of(operations)) == tuple(operations)


@pytest.mark.parametrize("name", ["", "|none~0|", ALL_SKIP.replace("skip_connect~2", "conv_7x7~2"), ALL_SKIP[:-1]])
def test_a_text_that_names_no_cell_is_refused(name):
    with pytest.raises(ValueError, match="is no cell"):
        space.operations_of(name)


@settings(deadline=None)
@given(st.lists(st.sampled_from(space.OPERATIONS), min_size=6, max_size=6))
def test_a_cell_is_connected_if_something_comes_through(operations):
    x = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        output = Cell(space.OPERATIONS, 3)(x, one_hot(space.OPERATIONS, operations))
    assert space.connected(operations) == bool(output.any())


def test_there_are_as_many_cells_as_the_benchmark_has():
    names = {space.name_of(operations) for operations in product(space.OPERATIONS, repeat=len(space.EDGES))}
    assert len(names) == 15_625


def test_a_cell_is_the_sum_over_its_edges():
    """The operations of every edge are mixed by hand, one node after the other."""
    torch.manual_seed(0)
    cell, x = Cell(space.OPERATIONS, 3), torch.randn(2, 3, 8, 8)
    weights = torch.rand(6, 5)

    def edge(row, value):
        skip, small, large, mean = cell.edges[row]
        outputs = (torch.zeros_like(value), skip(value), small(value), large(value), mean(value))
        return sum(weight * output for weight, output in zip(weights[row], outputs, strict=True))

    first = edge(0, x)
    second = edge(1, x) + edge(2, first)
    third = edge(3, x) + edge(4, first) + edge(5, second)
    torch.testing.assert_close(cell(x, weights), third)


def test_a_single_cell_has_only_its_own_operations():
    network = Supernet(space.OPERATIONS, 4, 1, 10, seed=1)
    x = torch.randn(3, 3, 32, 32)
    stem, last = network.normalised(network.stem(x)), network.last
    value = stem
    for reduction in (*network.reductions, None):
        value = 4 * value  # only skips: x + x + 2x reach the last node
        value = value if reduction is None else reduction(value)
    expected = network.classifier(F.relu(last(value)).mean((2, 3)))
    logits = network(x, one_hot(space.OPERATIONS, space.operations_of(ALL_SKIP)))
    torch.testing.assert_close(logits, expected)


def test_the_weights_gradient_against_differences():
    """The supernet is in float64; one entry of θ moves at a time."""
    network = Supernet(space.OPERATIONS, 2, 1, 10, seed=2).double()
    mixture = search.Simplex((6, 5), 0.1)
    mixture.trained = mixture.trained.detach().double().requires_grad_()
    x, y = torch.randn(4, 3, 32, 32, dtype=torch.float64), torch.arange(4)
    gradient = search.gradient_of_weights(network, mixture, x, y)
    for row, column in ((0, 1), (2, 3), (5, 4)):
        values = []
        for shift in (1e-6, -1e-6):
            moved = mixture.trained.detach().clone()
            moved[row, column] += shift
            values.append(F.cross_entropy(network(x, moved), y).item())
        assert gradient[row, column].item() == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-4, abs=1e-9)


def test_mixtures_stay_on_the_simplex_and_follow_the_gradient():
    gradient = torch.tensor([[1.0, 0.0, -1.0]]).repeat(6, 1)
    for mixture in (search.Softmax((6, 3), 0.1), search.Simplex((6, 3), 0.1)):
        for _ in range(20):
            mixture.step(gradient)
        weights = mixture.weights().detach()
        torch.testing.assert_close(weights.sum(-1), torch.ones(6))
        assert (weights[:, 2] > weights[:, 1]).all() and (weights[:, 1] > weights[:, 0]).all()


def test_bi_level_keeps_the_images_of_the_weights_from_the_network(images):
    single, double = (search.data_of(images, SETTINGS, levels, 3) for levels in (1, 2))
    assert len(single.y) == 64 and len(double.y) == len(double.y_weights) == 32
    seen = {image.numpy().tobytes() for image in double.x}
    assert not seen & {image.numpy().tobytes() for image in double.x_weights}


@pytest.mark.parametrize("method", search.METHODS)
def test_a_seed_gives_one_search(method, images):
    settings = SETTINGS.model_copy(update={"candidates": 3})
    first, again = (search.search(method, images, settings, 7) for _ in range(2))
    assert first.cell == again.cell and first.history.equals(again.history)
    assert set(first.cell) <= set(space.OPERATIONS)
    if method in search.LEVELS:  # 4 steps an epoch over all images, as often over a half that is passed twice
        assert first.gradient_evaluations == 2 * 4 * SETTINGS.epochs


def test_batches_are_the_streams_own(images):
    data = search.data_of(images, SETTINGS, 1, 3)
    first = [
        next(search.batches(data.x, data.y, SETTINGS, 3, stream, 0, data.normalise))[1].tolist()
        for stream in ("batches", "gates")
    ]
    assert first[0] != first[1]
    again = islice(search.batches(data.x, data.y, SETTINGS, 3, "batches", 0, data.normalise), 1)
    assert next(again)[1].tolist() == first[0]


def benchmark(path: Path, **changes) -> Path:
    rows = {"arch": [ALL_SKIP, ALL_SKIP.replace("skip_connect~2", "none~2")]}
    rows |= {name: [54.3, 90.0] for name in table.SCORES}
    pd.DataFrame(rows | changes).to_csv(path, index=False)
    return path


def test_scores_come_from_the_users_file(tmp_path):
    scores = table.read(benchmark(tmp_path / "b.csv"))
    assert scores.loc[ALL_SKIP].tolist() == [54.3] * 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arch": ["x", ALL_SKIP]}, "'x' is no cell"),
        ({"arch": [ALL_SKIP] * 2}, "stands there twice"),
        ({"cifar10_test_200ep": [101, 1]}, "no accuracies between 0 and 100"),
        ({"cifar10_test_200ep": ["many", 1]}, "no accuracies between 0 and 100"),
    ],
)
def test_a_wrong_table_is_named(changes, message, tmp_path):
    with pytest.raises(ArtifactError, match=message) as error:
        table.read(benchmark(tmp_path / "b.csv", **changes))
    assert "b.csv" in str(error.value)


def sparcs(*arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    return stopped.value.code or 0


def test_from_the_command_line_to_the_tables_and_the_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scores = benchmark(tmp_path / "b.csv")
    run = resolve_settings(BASE, {"scale": "smoke", "cells": {"methods": ["gaea", "random"], "table": str(scores)}})
    images = run.images.model_dump_json()
    assert sparcs("prepare-images", "cifar10", "--settings", images, "--output", "data/images/cifar10.json") == 0
    (stage, _), names = EXPERIMENT.stages, []
    for job in stage.jobs(run):
        text = as_text(EXPERIMENT, stage, job, run.root_seed, "0" * 16)
        assert sparcs("train", "cells.trials", "--job", text, "--data", "data", "--results", "results") == 0
        names.append(job.name)
    jobs = ["--jobs", json.dumps({"trials": names}), "--results", "results"]
    assert (
        EXPERIMENT.reads(run.cells) == (str(scores),)
        and EXPERIMENT.reads(run.cells.model_copy(update={"table": None})) == ()
    )
    assert sparcs("tabulate", "cells", *jobs, "--settings", run.cells.model_dump_json()) == 0
    read = {
        name: read_table(Path(f"results/cells/{name}.parquet")) for name in ("trials", "history", "reference", "costs")
    }
    trials, history, reference, costs = (read[name] for name in ("trials", "history", "reference", "costs"))
    assert reference.set_index("score").loc["cifar10_accuracy"].tolist() == [90.0, (54.3 + 90) / 2, 54.3]
    known = trials.assign(cell=ALL_SKIP, skips=6, cifar10_accuracy=[54.3, 60.0])
    assert "1 search of single-level GAEA ended with a skip on every edge." in answered(known, reference)
    assert "1 search of random cells ended without a path" in answered(
        known.assign(cell=[ALL_SKIP, ALL_SKIP.replace("skip_connect", "none")]), reference
    )
    assert trials["approximate_images"].tolist() == [0, 0]
    assert "untested" in answered(trials.assign(cifar10_accuracy=np.nan), reference)
    assert "90.00" in report.cells_table(trials, reference, costs)
    both = pd.concat([costs.assign(device="cpu", seconds=600.0), costs.assign(device="cuda", seconds=120.0)])
    shown = report.cells_table(trials, reference, both)
    assert "| core-minutes | minutes on the GPU |" in shown and "| 10 | 2 |" in shown
    n = [line.split(" | ")[1] for line in shown.splitlines() if " | " in line and "*" not in line]
    assert n[1:] == [line.split(" | ")[1] for line in report.cells_table(trials, reference, costs).splitlines()
                     if " | " in line and "*" not in line][1:]  # fmt: skip
    assert f"<code>{trials['cell'].iloc[0].replace('|', '&#124;')}</code>" in report.found_table(trials)
    paper = resolve_settings(BASE, {"scale": "paper"}).cells.model_dump()
    twice = pd.concat([trials, trials.tail(1)])
    size = sized(run.cells.model_dump(), paper, twice, twice)
    assert (
        "channels: 4 (in full: 24)" in size
        and size.endswith(" no search diverged")
        and "1 to 2 searches of each method" in size
    )
    drawn = fig_cells_table(history, trials)
    assert (drawn["what"] == "score").sum() == 2 and fig_cells(drawn).axes
    without = table.finish({"trials": trials[["method", "trial", "cell"]]}, [], {"table": None})
    assert without["trials"]["cifar10_accuracy"].isna().all() and without["reference"]["best"].isna().all()


@pytest.mark.parametrize("method", ["darts", "gaea_bilevel"])
def test_a_search_that_diverges_has_no_cell(method, images):
    settings = plain(SETTINGS.model_copy(update={"learning_rate": 1e30, "epochs": 3}).model_dump())
    work = Work(settings=settings, keys={"method": method}, trials=(0,), seeds=(7,), data_set="")
    tables, _ = search.run(images, work)
    trials, history = (tables[name].assign(method=method) for name in ("trials", "history"))
    row = trials.iloc[0]
    assert row["cell"] is None and np.isnan(row["skips"]) and np.isnan(row["supernet_accuracy"])
    assert len(history) == 1 and history["loss"].isna().all() and row["gradient_evaluations"] > 0
    assert finished(trials, history).empty


def test_a_search_that_diverged_is_left_out_by_name():
    """Also one from before it was noticed, whose cell has no path: the operation at NaN's place is "none"."""
    cells = {"gaea": None, "darts": ALL_SKIP.replace("skip_connect", "none"), "random": ALL_SKIP}
    trials = pd.DataFrame(
        {"method": method, "trial": 0, "cell": cell, "skips": 6.0, "cifar10_accuracy": 10.0, "stand_in": False}
        for method, cell in cells.items()
    )
    history = pd.DataFrame({"method": ["darts"], "trial": [0], "loss": [np.nan], "entropy": [np.nan]})
    ended = finished(trials, history)
    assert ended["method"].tolist() == ["random"]
    assert "without a path" not in answered(ended, pd.DataFrame({"score": [], "best": []}))
    paper = resolve_settings(BASE, {"scale": "paper"}).cells.model_dump()
    said = sized(paper, paper, trials, ended)
    assert said.endswith(" 2 of 3 searches diverged and are left out: single-level GAEA 1, DARTS 1")
    assert answered(ended.head(0), trials) == "**Answer: untested.** No search ended."
    assert report.found_table(ended.head(0)) == "No search ended."


def test_the_search_without_none_is_the_same_with_four_operations(images):
    run = resolve_settings(BASE, {"scale": "smoke", "cells": {"without_none": 2}})
    five, four = (list(stage.jobs(run)) for stage in EXPERIMENT.stages)
    assert [len(five), len(four)] == [1, 2] and five[0].seeds == four[0].seeds
    left = [name for name in five[0].settings["operations"] if name != "none"]
    assert four[0].settings == five[0].settings | {"operations": left} and len(left) == 4
    work = Work(settings=plain(CellSearch.model_validate(four[0].settings).model_dump()), keys=four[0].keys,
                trials=(0,), seeds=(7,), data_set="")  # fmt: skip
    tables, _ = train.run(images, work)
    stage = EXPERIMENT.stages[1]
    assert set(stage.made_as) == set(stage.tables) and {*stage.made_as.values()} <= set(tables)
    assert "none" not in tables["trials"]["cell"].item()
    scored = table.finish({"without_none": tables["trials"]}, [], {"table": None})
    assert scored["without_none"]["cifar10_accuracy"].isna().all()


def answered(trials, reference):
    return template.line(CELLS.answer(**findings.answer(trials, reference)))


def sized(*arguments):
    return template.line(CELLS.size(**findings.size(*arguments)))


def found_cells(**accuracies):
    rows = [{"method": method, "trial": trial, **{f"{name}_accuracy": value for name in findings.REPORTED}}
            for method, values in accuracies.items() for trial, value in enumerate(values)]  # fmt: skip
    return pd.DataFrame(rows)


def test_four_operations_are_paired_with_five():
    five = found_cells(gaea=[90.0, 91.0, 92.0], darts=[80.0, 81.0, 82.0])
    four = found_cells(gaea=[90.5, 91.7, 92.3])
    said = report.operations_table(five, four.sample(frac=1, random_state=0))
    mean, low, high = mean_interval(np.array([0.5, 0.7, 0.3]))
    assert f"| single-level GAEA | 91.00 | 91.50 | {mean:.3g} [{low:.3g}, {high:.3g}] | 3 |" in said
    assert "DARTS" not in said.replace("GAEA", "")
    assert said.startswith("Both searches of a trial have one seed.")
    assert (
        report.operations_table(five, pd.DataFrame()) == "The search without the operation none: it has not been run."
    )


def gaea_claims(*tables):
    """The lines of the report's table of GAEA's claims."""
    return CELLS.gaea_claims(**findings.gaea_claims(*tables)).strip().splitlines()


def test_gaea_s_claims_say_how_far_they_are_tested():
    steps = [0, 500, 5000]
    history = pd.DataFrame(
        {"task": "teacher", "strength": strength, "method": method, "trial": trial, "step": step,
         "entropy": 1 - step / 1e4 * (2 if method == "gaea_bilevel" else 1), "decided": 0.5,
         "validation_mse": 10.0 ** (-1 - (method == "gaea_bilevel")) * (1 + trial)}
        for strength in (0.01, 0.1) for method in ("darts", "gaea_bilevel") for trial in range(3) for step in steps
    )  # fmt: skip
    paper = resolve_settings(BASE, {"scale": "paper"}).cells.model_dump()
    run = resolve_settings(BASE, {"scale": "overnight"}).cells.model_dump()
    cells = found_cells(gaea=[90.0, 91.0, 92.0], gaea_bilevel=[89.0, 90.0, 92.0])
    said = gaea_claims(cells, cells, history, run, paper)
    assert "validation loss to DARTS', geometric mean: 0.1 after a tenth of the steps, 0.1 at the end" in said[2]
    assert (
        "task teacher, ρ = 0.1, number 2 of 2, taken as the middle; n = 3" in said[2]
        and "tested, on the comparison's tasks" in said[3]
    )
    assert re.search(r"−0\.05\b[^;]* after a tenth of the steps, −0\.5\b[^;]* at the end", said[3])
    assert "in miniature: C 8 of 24; N 1 of 5;" in said[4] and "16 times the rate |" in said[4]
    assert "CIFAR-10 91.00 % (94.1)" in said[4] and "91.00" in said[5]
    assert "| in miniature | single-level minus bi-level, CIFAR-10, points: 0.667 [" in said[6]
    assert said[7].endswith("| not tested | it has not been run |")
    nothing = gaea_claims(cells.head(0), pd.DataFrame(), pd.DataFrame(), run, paper)[2:]
    assert len(nothing) == 6 and all(row.endswith("| not tested | it has not been run |") for row in nothing)
    unknown = gaea_claims(cells.assign(cifar10_accuracy=np.nan), cells, history, paper, paper)
    assert "no tabular benchmark was given" in unknown[4] and "| tested | CIFAR-10" in unknown[5]


def test_an_unknown_method_is_refused(images):
    with pytest.raises(ValueError, match="method 'guess': allowed are darts, "):
        search.search("guess", images, SETTINGS, 7)
    with pytest.raises(params.ParameterError, match=r"cells\.methods.* 'guess'.*'darts'"):
        resolve_settings(BASE, {"scale": "smoke", "cells": {"methods": ["guess"]}})


@pytest.mark.parametrize(
    ("gaea", "verdict"), [((91, 92, 93), "yes"), ((50, 51, 52), "no"), ((70, 80, 90), "inconclusive")]
)
def test_the_answer_is_that_of_the_intervals_of_both_pairs(gaea, verdict):
    darts = (80.5, 81.0, 82.0)
    accuracies = {"gaea": gaea, "gaea_bilevel": gaea, "darts": darts, "darts_single_level": darts, "random": darts}
    trials = pd.DataFrame(
        {"method": method, "trial": trial, "cifar10_accuracy": float(value), "skips": 6, "cell": ALL_SKIP}
        for method, values in accuracies.items()
        for trial, value in enumerate(values)
    )
    said = answered(trials, pd.DataFrame({"score": ["cifar10_accuracy"], "best": [94.37]}))
    assert f"Answer: {verdict}." in said and "no test: n = 3." in said and "bi-level GAEA minus random cells" in said
    each = np.subtract(gaea, darts)
    mean, low, high = map(number, mean_interval(each))
    singles = ", ".join(number(value) for value in each)
    assert f"minus single-level DARTS | {singles} | {mean} | {low} to {high} |" in said


def test_an_interval_that_leaves_what_is_possible_is_marked():
    accuracies = {"gaea": [93.3, 93.3, 93.3], "darts_single_level": [10.0, 92.1, 90.7]}
    trials = found_cells(**accuracies).assign(skips=0, cell=ALL_SKIP)
    said = answered(trials, pd.DataFrame({"score": [], "best": []}))
    assert " to 146 (it leaves what is possible) |" in said


def test_the_report_says_how_decided_the_searches_ended():
    rows = [
        ("darts", 0, 8, 1.5),
        ("darts", 0, 4, 1.6),
        ("darts", 1, 8, 1.3),
        ("gaea", 0, 8, 0.5),
        ("random", 0, 0, np.nan),
    ]
    history = pd.DataFrame(rows, columns=["method", "trial", "gradient_evaluations", "entropy"])
    said = CELLS.decided(**findings.decided(history, {"operations": list("abcde")}))
    assert "With all 5 operations alike it is ln 5 = 1.61." in said
    assert "| DARTS | single-level GAEA |" in said and "| 1.4 | 0.5 |" in said
    lost = findings.decided(history.assign(entropy=np.nan), {"operations": []})
    assert CELLS.decided(**lost).strip() == ""


def test_batch_norm_has_a_trained_scale_outside_the_cells_alone():
    network = Supernet(space.OPERATIONS, 2, 1, 10, seed=1)
    inside = [module.affine for stage in network.stages for module in stage.modules() if hasattr(module, "affine")]
    outside = [module.affine for module in network.reductions.modules() if hasattr(module, "affine")]
    assert inside and not any(inside) and outside and all(outside) and network.last.affine and network.normalised.affine
