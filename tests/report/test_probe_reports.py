"""Figures, tables and sentences on experiment 4's probes and fine-tuning, of a small run, some values changed."""

import pandas as pd
import pytest
from scipy import stats

import changed_tables as changed
from every_figure import every_figure
from replication.experiments.cifar100 import findings
from replication.report.template import line, sections

fig = every_figure()
REPORT = sections("replication.experiments.cifar100")


@pytest.fixture
def full(whole_run):
    """Three trials on the data sets themselves."""
    return changed.repeated(changed.of_images(changed.read(whole_run)), 3)


def tuned_said(tuned):
    return line(REPORT.fine_tuned(**findings.fine_tuned(tuned)))


def test_the_probes_figure_pairs_by_trial(full):
    probes = full["cifar100/probes"].query("input_size == 64")  # that of the trials' images
    drawn = fig.fig_probes_table(probes.sample(frac=1, random_state=0), full["cifar100/trials"])
    by_head = probes.pivot(index="trial", columns="head", values="test_accuracy")
    expected = stats.ttest_rel(by_head["mlp"], by_head["linear"]).confidence_interval(0.95)
    row = drawn.query("what == 'mean' and measure == 'gain' and head == 'mlp'")
    assert row[["low", "high"]].to_numpy()[0] == pytest.approx([expected.low, expected.high])
    assert not ((drawn["head"] == "linear") & (drawn["measure"] == "gain")).any()


def strengths(**gaps):
    """Probes of three trials at 64, 96 and 128 px: heads, and their points above linear at each size."""
    rows = [
        (size, head, trial, 40.0 + 10 * k + trial + (gaps[head][k] + 0.01 * trial * k if head in gaps else 0))
        for head in ("linear", *gaps)
        for k, size in enumerate((64, 96, 128))
        for trial in range(3)
    ]
    probes = pd.DataFrame(rows, columns=["input_size", "head", "trial", "test_accuracy"])
    return probes.assign(stand_in=False, backbone="a backbone").sample(frac=1, random_state=0)


def test_the_strength_of_the_features_pairs_by_trial():
    probes = strengths(spectral=(-2.0, -1.0, -0.5), spectral_authors_sign=(1.0, 1.5, 2.0), mlp=(0.0, 0.5, -0.02))
    drawn = fig.fig_strength_table(probes)
    assert len(drawn) == 3 * 3 and (drawn["n"] == 3).all()
    first = drawn[(drawn["input_size"] == 64) & (drawn["head"] == "spectral")]
    assert first[["mean", "low", "high", "linear"]].to_numpy()[0] == pytest.approx([-2, -2, -2, 41])
    figure = fig.fig_strength(drawn)
    [axes] = figure.axes
    [band] = axes.patches  # claim F1's region
    assert (band.get_y(), band.get_y() + band.get_height()) == (-1, 1)
    assert [text.get_text() for text in axes.texts] == ["64 px", "96 px", "128 px"]
    caption = fig.fig_strength_caption(drawn)
    assert (
        "has −2 points on the weakest features and −0.48 points on the strongest features, against" in caption
        and "n = 3" in caption
    )
    alone = fig.fig_strength(fig.fig_strength_table(strengths(mlp=(0.0, 0.0, 0.0))))
    assert [text.get_text() for text in alone.legends[0].get_texts()] == ["the paper's Table 2: −0.5", "MLP"]


def test_a_gap_that_closes_is_told_from_one_that_widens_and_from_none():
    probes = strengths(spectral=(-2.0, -1.0, -0.5), spectral_authors_sign=(1.0, 1.5, 2.0), mlp=(0.0, 0.5, -0.02))
    found = findings.strength(probes)
    heads = {head["name"]: head for head in found["heads"]}
    assert [(end["size"], end["accuracy"]) for end in found["ends"]] == [(64, 41.0), (128, 61.0)]
    change = stats.ttest_1samp([1.5, 1.52, 1.54], 0).confidence_interval(0.95)
    sparcs = heads["SPARCS, $\\lambda_3$ from +1"]
    assert sparcs["change"] == pytest.approx((1.52, change.low, change.high)) and sparcs["n"] == 3
    assert [head["verdict"] for head in heads.values()] == [
        "the gap closes", "the gap widens", "no change can be told",
    ]  # fmt: skip
    few = line(REPORT.strength(**findings.strength(probes[probes["trial"] < 2])))
    assert "too few" in few and "| 1.51 |" in few
    without = line(REPORT.strength(**findings.strength(probes[probes["head"] != "mlp"])))
    assert "| MLP | – | – | – | 0 | not run at both sizes |" in without
    for rows in (probes[probes["input_size"] == 64], probes.head(0)):
        assert "have not been probed" in REPORT.strength(**findings.strength(rows))


def test_fine_tuning_is_an_illustration():
    tuned = pd.DataFrame(
        {"head": ["linear", "spectral"], "trial": 0, "test_accuracy": [70.0, 70.5], "compact_neurons": [None, 0]}
    )
    text = tuned_said(tuned.assign(epochs=3, input_size=112, stand_in=False))
    assert "3 passes of the whole network at 112 px." in text
    assert "The linear head ends at 70 %. SPARCS ends at 70.5 %. Over a linear head SPARCS gains +0.5 points" in text
    assert "over one training of each head. Compaction removes every hidden neuron in the one network." in text
    assert text.endswith("No claim is judged by it.") and "has not been run" in tuned_said(pd.DataFrame())


def test_sparcs_is_said_to_be_worse_or_better_in_plain_words(full):
    trials = full["cifar100/trials"]
    points = trials["head"].map({"linear": 60.0, "spectral": 58.5})
    worse = trials.assign(test_accuracy=points + trials["trial"], compact_neurons=0.0)
    said = line(REPORT.heads(**findings.heads(worse)))
    assert said.startswith("On the substitute SPARCS is 1.5 points worse than the linear head.")
    assert "Compaction removes every hidden neuron in all 3 networks." in said


def test_probes_say_what_was_probed_and_on_what():
    run = {"cifar100": {"probes": {"training": {"epochs": 5, "penalty": "l1", "rho": 1e-4}}}}
    assert "trained for 5 epochs, SPARCS with L1 at $\\rho$ = 10⁻⁴." in REPORT.training(**findings.training(run))
    probes = pd.DataFrame({"head": ["linear", "spectral"], "test_accuracy": [49.0, 47.0]})
    said = line(REPORT.probed(**findings.probed(probes)))
    assert "−1$ has not" not in said and "-1$ has not been probed" in said and "so they are not strong" in said
    strong = line(
        REPORT.probed(**findings.probed(probes.assign(head=["linear", "spectral_authors_sign"], test_accuracy=80.0)))
    )
    assert "from either start" in strong and "strong" not in strong


def test_the_steps_that_an_eigenvalue_could_have_taken():
    training = {"epochs": 1, "batch_size": 100, "learning_rate": 1e-3}
    run = {"images": 1000, "validation_share": 0.1, "training": training}
    rows = pd.DataFrame({"head": "spectral", "layer": 2, "eigenvalue": [0.001, -0.004]})
    said = reached(rows, run)
    assert (
        "9 steps allow 0.009, and the largest hidden $|\\lambda|$ is 0.004." in said
        and "could have gone further" in said
    )
    assert "gone further" not in reached(rows.assign(eigenvalue=0.008), run)
    assert reached(rows.head(0), run) == ""


def reached(rows, run):
    return line(REPORT.reach(**findings.reach(rows, run)))
