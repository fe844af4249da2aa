"""The report of the cost benchmark; its figures are not asserted, for they depend on the machine."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from replication import params
from replication.cli import VERBS
from replication.data.augmentation import DEVIATION, MEAN, Normalisation
from replication.data.image_arrays import Images
from replication.experiments.cifar10 import train as cifar10
from replication.experiments.cost import against_depth as cost
from replication.experiments.cost import findings, full_size, latency, regimes, side_by_side, tables
from replication.experiments.cost.figures import fig_cost, fig_cost_caption, fig_cost_table
from replication.experiments.settings import resolve_settings
from replication.report.template import sections
from replication.training.memory import parameter_bytes, peak_allocated
from sparcs import SpectralNetwork

ROOT = Path(__file__).parents[2]


def test_peak_allocated_counts_live_tensors():
    """Two products of 100 × 100 float32 are alive at once, then one is released."""
    x = torch.ones(100, 100)
    assert peak_allocated(lambda: None) == 0
    assert peak_allocated(lambda: x + x) == 40_000
    assert peak_allocated(lambda: (x @ x) @ x) == 80_000

    def released_in_between():
        for _ in range(3):
            x + x

    assert peak_allocated(released_in_between) == 40_000


def test_parameter_bytes():
    assert parameter_bytes(nn.BatchNorm1d(10)) == 4 * 40 + 8


def test_the_mlp_is_plain():
    network = cost.plain_mlp((3, 4, 2), torch.Generator().manual_seed(0))
    assert [type(layer) for layer in network] == [nn.Linear, nn.ReLU, nn.Linear]
    assert network[0].weight.abs().max() <= (6 / 7) ** 0.5
    assert network[0].bias is None


def test_rows_summary_and_figure():
    table = cost.against_depth((2, 3, 4), seconds=0)
    assert len(table) == 9
    mlp = table[table["network"] == "MLP"]
    assert (mlp["ratio"] == 1).all() and (mlp["megabytes_ratio"] == 1).all()
    # parameters, and gradients as large, at the least
    assert (mlp["megabytes"] >= 2 * 4e-6 * 100 * 100 * (mlp["layers"] - 1)).all()
    drawn = fig_cost_table(table)
    assert len(fig_cost(drawn).axes) == 2
    assert "at 4 layers" in fig_cost_caption(drawn)


def test_a_step_of_experiment_2_in_every_way():
    table = cost.of_experiment_2(seconds=0)
    assert list(table["way"]) == ["the experiment's trainer", "W_ij formed", "eigenbasis", "eager"]
    assert (table["median"] >= table["best"]).all() and (table["best"] > 0).all()


def test_a_step_on_drawn_batches_beside_one_on_a_prepared_batch():
    run = resolve_settings(params.read_yaml(Path(__file__).parents[2] / "params.yaml"), {"scale": "smoke"})
    table = cost.of_experiment_3(run.cifar10, images=300, seconds=0)
    assert table[["head", "batch"]].to_numpy().tolist() == [
        [head, batch] for head in ("linear", "spectral") for batch in ("fused kernel", "prepared", "drawn", "eager")
    ]
    assert table["gflops"].notna().tolist() == (table["batch"] == "fused kernel").tolist()
    assert (table["sgemm_gflops"] > 0).all() and set(table["instructions"]) <= {"AVX-512", "AVX2 or less"}
    assert (table["best"] > 0).all() and (table.loc[table["batch"] == "prepared", "ratio"] == 1).all()


def test_steps_of_full_size_are_those_of_the_experiments():
    """Every training at smoke size has its steps, each a batch of those that it needs."""
    base = params.read_yaml(ROOT / "params.yaml")
    run = resolve_settings(base, {"scale": "smoke", "depth": {"initial_scale": {"trials": 1, "depths": [3, 2]}}})
    table = full_size.timed(run, "cpu", images=4, seconds=0)
    assert table[["experiment", "what"]].drop_duplicates().to_numpy().tolist() == [
        ["cifar100", "linear"],
        ["cifar100", "spectral"],
        ["cells", "searches"],
        ["depth", "on the teacher"],
    ]
    timed = table.set_index("experiment")
    needed = {"cifar100": 144, "cells": 2 * 4 * 16, "depth": 3 * 2048}
    for name, samples in needed.items():
        rows = timed.loc[[name]]
        np.testing.assert_allclose(rows["seconds"], rows["milliseconds"] / 1e3 * samples / rows["samples"])
    assert timed.loc["depth", "trainings"].tolist() == [4, 2 + 4]  # four gains, and two trials of three layers
    assert timed.loc["cifar100", "samples"].tolist() == [4, 4] and set(timed.loc["depth", "samples"]) == {128}


def test_images_loaded_one_by_one_are_those_of_the_trainer():
    """White images stay white where the crop has no black border; normalised as the trainer's."""
    white = np.full((4, 32, 32, 3), 255, np.uint8)
    x, y = cost.OneByOne(Images(white, np.arange(4), white, np.arange(4), stand_in=True, source="", note=""))[3]
    normalised = Normalisation(MEAN, DEVIATION)(torch.full((3, 1, 1), 255, dtype=torch.uint8))
    assert x.shape == (3, 32, 32) and y == 3
    assert torch.allclose(x[:, 16, 16], normalised[:, 0, 0], atol=1e-6)


def test_the_slopes_of_known_costs():
    """A power law has its exponent; a few cheap shallow networks move the least-squares slope, not the median's."""
    layers = np.arange(2, 65)
    rows = []
    for name, power in zip(cost.NETWORKS, (1, 1, 2), strict=True):
        costs = layers.astype(float) ** power
        if name == "SpectralNetwork":
            costs[:2] /= 4
        rows.append(
            pd.DataFrame(
                {"layers": layers, "network": name, "median": costs, "ratio": costs / layers}
                | {"megabytes": costs, "megabytes_ratio": costs / layers}
            )
        )
    slopes = cost.summary(pd.concat(rows)).set_index(["quantity", "network"])
    assert slopes.loc[("step", "MLP"), "slope"] == pytest.approx(1)
    assert slopes.loc[("memory", "W_ij formed"), "slope"] == pytest.approx(2)
    assert slopes.loc[("step", "W_ij formed"), "largest_ratio"] == 64
    assert slopes.loc[("step", "SpectralNetwork"), "slope"] == pytest.approx(1, abs=0.03)
    assert slopes.loc[("step", "SpectralNetwork"), "slope_least_squares"] > 1.1


def test_networks_side_by_side_beside_one_at_a_time():
    """Every head alone, their mean, and two numbers of trials with both heads, whose losses are those alone."""
    settings = resolve_settings(params.read_yaml(ROOT / "params.yaml"), {"scale": "smoke"}).cifar10
    table = side_by_side.timed(settings, "cpu", [1, 2], images=60)
    assert table["networks"].tolist() == [1, 1, 1, 2, 4] and (table["trainings"] == 2).all()
    assert table["way"].tolist() == [
        *(f"one at a time, {head}" for head in settings.heads), "one at a time", *["PyTorch, side by side"] * 2,
    ]  # fmt: skip
    whole = 3 * table["milliseconds_per_step"] + 32 / 6 * table["milliseconds_of_validation"]
    np.testing.assert_allclose(table["minutes"], settings.training.epochs * 2 * whole / 60_000)
    assert (
        table["loss_apart"][3:].max() < 1e-4 and table["loss_apart"][:3].isna().all() and (table["peak_mib"] > 0).all()
    )


def test_both_heads_take_turns_in_every_loop():
    """An epoch of each, in one order and then in the other."""
    settings = resolve_settings(params.read_yaml(ROOT / "params.yaml"), {"scale": "smoke"}).cifar10
    table = regimes.timed(settings, "cpu", images=40, repeats=2, workers=0)
    assert table.groupby(["loop", "head"], sort=False)["repeat"].apply(list).to_dict() == {
        (loop, head): [0, 1] for loop in ("DataLoader", "PyTorch", "fused kernel") for head in regimes.HEADS
    }
    order = [[*zip(rows["loop"], rows["head"], strict=True)] for _, rows in table.groupby("repeat")]
    assert order[0] == order[1][::-1] and (table[["seconds", "core_seconds"]] > 0).all(axis=None)
    assert set(table["images"]) == {40} and set(table["device"]) == {"cpu"}


def test_the_authors_loop_learns_what_a_colour_tells():
    """Ten classes, each of a grey of its own, which no crop and no flip takes away."""
    y = np.arange(200) % 10
    x = np.broadcast_to((25 * y).astype(np.uint8)[:, None, None, None], (200, 32, 32, 3)).copy()
    images = Images(x, y, x[:1], y[:1], stand_in=True, source="", note="")
    base = resolve_settings(params.read_yaml(ROOT / "params.yaml"), {"scale": "smoke"}).cifar10
    settings = base.model_copy(update={"images": 200, "training": base.training.model_copy(update={"batch_size": 20})})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        run = cifar10.new_run("linear", images, settings, 0)
        epoch = regimes.as_the_authors(run, images, settings, workers=0)
        shares = [epoch(number) for number in range(8)]
    assert min(shares) >= 0 and max(shares[4:]) > 0.5


def timed_loops(repeats=4):
    """Times in which SPARCS takes 1.02 times as long in the first loop and 1.25 times in the second, but for noise."""
    rows = [
        (loop, head, repeat, factor * size * (1 + 0.01 * repeat), size * factor)
        for loop, size, more in (("DataLoader", 4.0, 1.02), ("PyTorch", 0.1, 1.25))
        for head, factor in (("linear", 1.0), ("spectral", more))
        for repeat in range(repeats)
    ]
    table = pd.DataFrame(rows, columns=["loop", "head", "repeat", "seconds", "core_seconds"])
    return table.assign(device="cuda", images=10_000, machine="a GPU", commit="abcdefgh", date="2026-11-29 00:00:00")


PAPER = resolve_settings(params.read_yaml(ROOT / "params.yaml"), {"scale": "paper"}).cifar10.model_dump(mode="json")
COST = sections("replication.experiments.cost")
SECONDS = {"linear": 1357.0, "spectral": 1361.98}


def test_both_ratios_stand_beside_the_papers():
    costs = pd.DataFrame({"head": ["linear", "spectral"] * 2, "trial": [0, 0, 1, 1], "device": "cuda"})
    costs["milliseconds_per_step"] = [0.4, 0.5, 0.4, 0.5]
    text = two_loops(timed_loops())
    assert "SPARCS takes 1.02 times as long as the linear head in a loop as the authors' on cuda." in text
    assert "SPARCS takes 1.25 times as long as the linear head in our loop on cuda." in text
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert rows[2][:6] == ["a loop as the authors'", "cuda, by the clock", "4", "4.06", "4.14", "122"]  # 1,500 epochs
    assert rows[-1][3:7] == ["4.52", "4.54", "4.98", "1.004"]
    on_cpu = timed_loops().assign(
        device="cpu", machine="a CPU", images=5_000, core_seconds=lambda rows: rows["seconds"]
    )
    both = two_loops(pd.concat([on_cpu, timed_loops()]))
    assert "5,000 to 10,000 random images were timed in turns, on a CPU at commit abcdefg, 2026-11-29; on a GPU" in both
    assert "| cpu, core time | 4 | 4.06 | 4.14 | 244 |" in both  # 3,000 epochs
    few = two_loops(timed_loops(2))
    assert "| 1.25 | 1.25 |" in few and "[1" not in few
    assert "has not been run" in two_loops(pd.DataFrame())
    # 300 epochs of 352 batches: 42.24 s and 10.56 s more
    said = COST.why(**findings.why(costs, PAPER, SECONDS))
    assert "the 105,600 steps of a training take 42.2 s" in said and "is 32.1 times as fast as the paper's." in said
    assert "SPARCS adds 10.6 s, or 25 %." in said and "In the paper it adds 4.98 s, or 0.367 %." in said
    assert COST.why(**findings.why(costs.head(0), PAPER, SECONDS)).strip() == ""


def two_loops(timed):
    return COST.loops(**findings.loops(timed, PAPER, SECONDS))


def test_every_form_of_a_network_is_timed_in_both_runtimes():
    network = SpectralNetwork((3, 6, 2), initial_scale=0.5, generator=torch.Generator().manual_seed(0))
    sample = torch.randn(10, 3, generator=torch.Generator().manual_seed(1))
    table = latency.timed({"small": network}, {"small": sample}, repeats=2, batches=(1, 4))
    assert len(table) == 3 * 2 * 2 and (table["microseconds"] > 0).all()
    assert (table["low"] <= table["microseconds"]).all() and (table["microseconds"] <= table["high"]).all()
    forms = table.drop_duplicates("form").set_index("form")
    assert forms["parameters"]["as trained"] == 3 * 6 + 6 * 2 + 6 + 2
    assert forms["neurons"]["compacted"] <= forms["neurons"]["plain"] <= 6
    assert (forms["bytes"] >= 4 * forms["parameters"]).all()
    measured = table.assign(machine="here", commit="0123456789", date="2026-11-30T00:00:00")
    assert tables.latency_table(measured).count("| small |") == 6 and tables.latency_table(pd.DataFrame()) == ""
    for file, name in (
        ("regression_alpha0.5", "experiment 1, α = 0.5"),
        ("teacher_student_l2", "experiment 2, L2 as in"),
    ):
        assert f"| {name}" in tables.latency_table(measured.assign(network=file))
    said = COST.latency(**findings.latency(measured))
    assert (
        "With 1 sample at a time compacted networks answer" in said
        and "measured on here at commit 0123456, 2026-11-30." in said
    )
    assert "has not been measured" in COST.latency(**findings.latency(pd.DataFrame()))


def test_compacted_forms_deviate_by_a_share_of_the_largest_output():
    network = SpectralNetwork((3, 20, 2), initial_scale=0.5, generator=torch.Generator().manual_seed(0)).eval()
    inputs = latency.drawn(torch.randn(10, 3, generator=torch.Generator().manual_seed(1)), 500)
    with torch.no_grad():
        expected = network(inputs)
        for form in latency.forms_of(network, inputs).values():
            assert (form(inputs) - expected).abs().max() <= latency.TOLERANCE * expected.abs().max()


def test_every_benchmark_of_the_workflow_is_a_verb():
    rules = (ROOT / "workflow/rules/benchmark.smk").read_text(encoding="utf-8")
    verbs = {f"benchmark-{name.replace('_', '-')}" for name in re.findall(r'^    "(\w+)": \(', rules, re.MULTILINE)}
    assert len(verbs) >= 8 and verbs <= set(VERBS)
