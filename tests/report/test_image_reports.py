"""Figures 16 to 18, Tables 1 and 2 and the sentences on CIFAR, on tables of a small run, some values changed."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats

import changed_tables as changed
from every_figure import every_figure
from replication.experiments.cifar10 import findings
from replication.experiments.cifar10 import tables as image_tables
from replication.experiments.cifar100 import findings as own_findings
from replication.report.stand_in import STAMP, approximate, backbone_note, stamped, warning
from replication.report.template import in_words, line, sections, signed

fig = every_figure()
TEN, HUNDRED = (sections(f"replication.experiments.{name}") for name in ("cifar10", "cifar100"))
PAPER = {"cifar10": {"training": {"penalty": "l1", "rho": 1e-4, "epochs": 300}}}


@pytest.fixture
def full(whole_run):
    """Three trials on the data sets themselves."""
    return changed.repeated(changed.of_images(changed.read(whole_run)), 3)


@pytest.fixture
def smoke(whole_run):
    return changed.read(whole_run)


def own_size(tables):
    """The probes at the size of the trials' images."""
    return tables["cifar100/probes"].query("input_size == 64")


def drawn_from(tables):
    ten, hundred, sweep = tables["cifar10/trials"], tables["cifar100/trials"], tables["cifar10/sweep"]
    return {
        "fig16": fig.fig16_table(tables["cifar10/epochs"], ten),
        "fig17": fig.fig17_table(tables["cifar10/eigenvalues"], ten),
        "fig18": fig.fig18_table(tables["cifar100/eigenvalues"], hundred),
        "fig_probes": fig.fig_probes_table(own_size(tables), hundred),
        "fig_strength": fig.fig_strength_table(tables["cifar100/probes"]),
    } | ({} if sweep.empty else {"fig_cifar10_sweep": fig.fig_cifar10_sweep_table(sweep)})


def texts(figure):
    return [text.get_text() for text in figure.texts]


def test_what_is_made_from_stand_in_images_is_stamped(smoke, full):
    for tables, expected in ((smoke, True), (full, False)):
        for name, rows in drawn_from(tables).items():
            assert (STAMP in texts(getattr(fig, name)(rows))) == expected, name
            assert (STAMP in getattr(fig, f"{name}_caption")(rows).partition("**.")[0]) == expected
            assert rows["stand_in"].all() == expected
        ten, hundred = tables["cifar10/trials"], tables["cifar100/trials"]
        for table in (
            image_tables.cost_table(1, ten, tables["cifar10/costs"]),
            image_tables.compaction_table(ten, {"widths": [400, 526, 10]}),
            image_tables.signs_table(ten, tables["cifar10/epochs"]),
            image_tables.probes_table(own_size(tables), hundred),
        ):
            assert (STAMP in table.splitlines()[0]) == expected


def test_one_stand_in_row_is_enough_for_the_stamp():
    draw = stamped(lambda drawn: Figure())
    assert texts(draw(pd.DataFrame({"stand_in": [False, True]}))) == [STAMP]
    assert texts(draw(pd.DataFrame({"stand_in": [False, False]}))) == []


def test_a_report_warns_of_its_images(smoke, full):
    assert warning(smoke["cifar10/trials"]).startswith(f"> **{STAMP}.**")
    assert approximate(full["cifar10/trials"]).startswith("> 42 of the 60,000 images are not the official pixels")
    assert approximate(full["cifar10/trials"].assign(approximate_images=0)) == ""
    assert approximate(smoke["cifar10/trials"]) == warning(full["cifar10/trials"]) == ""
    assert warning(full["cifar100/trials"]) == ""


def test_the_substitute_backbone_is_named_everywhere(full):
    trials, drawn = full["cifar100/trials"], drawn_from(full)
    named = [
        fig.fig18_caption(drawn["fig18"]),
        fig.fig_probes_caption(drawn["fig_probes"]),
        image_tables.cost_table(2, trials, full["cifar100/costs"]),
        image_tables.compaction_table(trials, {"widths": [1280, 526, 100]}),
        image_tables.probes_table(own_size(full), trials),
        line(HUNDRED.heads(**own_findings.heads(trials))),
    ]
    note = "tf_efficientnet_lite0 at 64 px, a substitute for the paper's EfficientNetV2-S at 224 px"
    assert all(note in text for text in named)
    paper = trials.assign(backbone="efficientnet_v2_s", input_size=224, substitute_backbone=False)
    assert backbone_note(paper) == "Backbone: efficientnet_v2_s at 224 px."


def test_figure_16_draws_means_of_finished_trials(full):
    trials, epochs = full["cifar10/trials"], full["cifar10/epochs"]
    trials.loc[(trials["head"] == "spectral") & (trials["trial"] == 2), "diverged_epoch"] = 5
    drawn = fig.fig16_table(epochs, trials)
    counts = drawn.groupby(["head", "curve", "images"])["epoch"].agg(["size", "max"])
    assert (counts["size"] == 2).all() and (counts["max"] == 2).all()
    assert len(counts) == 2 * (2 + 2 + 2)  # both kinds of images: linear, plain, two SPARCS heads with and without λ_2
    row = drawn.query("head == 'spectral' and curve == 'pruned' and images == 'augmented' and epoch == 2")
    accuracies = epochs.query("head == 'spectral' and epoch == 2 and trial < 2")["validation_accuracy_augmented_pruned"]
    assert row["n"].item() == 2 and row["mean"].item() == pytest.approx(accuracies.mean())


def swept(drawn, curves):
    return line(TEN.sweep(**findings.sweep(drawn, PAPER, curves)))


def test_the_sweep_pairs_with_the_linear_head(full):
    """A gain is computed by hand; each panel has one point per penalty and strength, and words name the best one."""
    sweep = full["cifar10/sweep"].assign(epochs=60)
    drawn = fig.fig_cifar10_sweep_table(sweep)
    assert (drawn.groupby("measure").size() == 9).all() and (drawn["n"] == 3).all()
    spectral = sweep.query("penalty == 'l2' and rho == 1e-4").sort_values("trial")["test_accuracy"].to_numpy()
    linear = sweep.query("head == 'linear'").sort_values("trial")["test_accuracy"].to_numpy()
    row = drawn.query("measure == 'gain' and penalty == 'l2' and rho == 1e-4")
    assert row["mean"].item() == pytest.approx((spectral - linear).mean())
    assert row[["trial_0", "trial_1", "trial_2"]].iloc[0].tolist() == pytest.approx(list(spectral - linear))
    gains = drawn.query("measure == 'gain'")
    text = swept(drawn, full["cifar10/epochs"])
    most, least = text.split("It gains least with")
    assert f", {signed(gains['mean'].max())} points." in most and f", {signed(gains['mean'].min())} points." in least
    assert "60 epochs of the paper's 300" in text and "not corrected for their number" in text
    above, below = (in_words((gains[bound] * side > 0).sum()) for bound, side in (("low", 1), ("high", -1)))
    assert f"Of 9 points with an interval it lies above 0 at {above}, and below 0 at {below}." in text
    compacted = sweep.assign(compact_neurons=sweep["compact_neurons"].where(sweep["rho"] < 1e-3, 0))
    compacted.loc[(compacted["rho"] < 1e-3) & (compacted["compact_neurons"] == 0), "compact_neurons"] = 1
    kept = swept(fig.fig_cifar10_sweep_table(compacted), pd.DataFrame())
    assert "At 3 of all 9 points compaction keeps no hidden neuron" in kept
    alone = swept(fig.fig_cifar10_sweep_table(sweep[sweep["trial"] == 0]), pd.DataFrame())
    assert "interval" not in alone
    assert "60 epochs" in fig.fig_cifar10_sweep_caption(drawn)


def test_figures_17_and_18_count_every_neuron_once(full):
    for name, classes in (("fig17", 10), ("fig18", 100)):
        sums = drawn_from(full)[name].groupby(["head", "scale", "layer"])["mean"].sum()
        assert sums.xs(2, level="layer").to_numpy() == pytest.approx(526)
        assert sums.xs(3, level="layer").to_numpy() == pytest.approx(classes)


def test_figure_17_shows_the_last_epoch(full):
    eigenvalues = full["cifar10/eigenvalues"]
    eigenvalues.loc[eigenvalues["epoch"] < 2, "eigenvalue"] = 1e9
    assert fig.fig17_table(eigenvalues, full["cifar10/trials"])["upper"].max() < 100


def tuned_said(tuned):
    return line(HUNDRED.fine_tuned(**own_findings.fine_tuned(tuned)))


def rows_of(table):
    """The rows of a Markdown table as lists of texts."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines() if "|" in line]


def cells(table, *first):
    """A row of a Markdown table by its first cells."""
    return next(row for row in rows_of(table) if row[: len(first)] == [*first])


def test_table_1_has_the_paper_s_numbers_beside_the_measured_ones(full):
    costs = full["cifar10/costs"]
    costs["seconds"] = np.linspace(5_000, 6_000, len(costs))  # thousands have no decimals
    table = image_tables.cost_table(1, full["cifar10/trials"], costs)
    seconds = costs.pivot(index="trial", columns="head", values="seconds")
    mean, deviation = seconds["spectral"].mean(), seconds["spectral"].std()
    ratio = stats.ttest_1samp(seconds["spectral"] / seconds["linear"], 0).confidence_interval(0.95)
    row = cells(table, "training time, s", "SPARCS", "cpu")
    assert row[3:5] == [f"{mean:,.0f} ± {deviation:,.0f}", "3"]
    assert row[6].endswith(f"[{ratio.low:.3f}, {ratio.high:.3f}]")
    papers = "the paper's, NVIDIA RTX A5500"
    paper = cells(table, "training time, s", "SPARCS", papers)
    assert (paper[3], paper[6]) == ("1361.98", "1.004")
    assert cells(table, "test accuracy, %", "linear", papers)[3] == "68.2"
    assert "RTX" not in image_tables.cost_table(2, full["cifar100/trials"], full["cifar100/costs"])
    assert "n = 3 (the paper: 100)" in table and "left out of the times" not in table


def test_table_1_keeps_devices_apart_and_takes_accuracies_from_the_trials(full):
    """Costs of two trials on a GPU, one without a time, stand beside those of three trials on a CPU."""
    trials, on_cpu = full["cifar10/trials"], full["cifar10/costs"]
    on_gpu = on_cpu[on_cpu["trial"] < 2].assign(device="cuda")
    on_gpu["seconds"] = np.where((on_gpu["head"] == "spectral") & (on_gpu["trial"] == 1), np.nan, 50.0)
    table = image_tables.cost_table(1, trials, pd.concat([on_cpu, on_gpu]))
    counts = {(row[1], row[2]): row[4] for row in rows_of(table) if row[0] == "training time, s"}
    assert counts["SPARCS", "cpu"] == "3" and counts["SPARCS", "cuda"] == "1" and counts["linear", "cuda"] == "2"
    accuracies = [row for row in rows_of(table) if row[0] == "test accuracy, %" and not row[2]]
    assert [row[4] for row in accuracies] == ["3"] * 4
    assert "left out of the times" in table


def test_the_sign_closer_to_the_paper_is_named(full):
    trials, epochs = full["cifar10/trials"], full["cifar10/epochs"]
    closer = findings.signs(trials, epochs)["closer"]
    values = image_tables.sign_values(trials, epochs)
    distance = {
        head: abs(values[head, "test_accuracy"].mean() - 73.9) for head in ("spectral", "spectral_authors_sign")
    }
    assert "test accuracy" in closer[findings.SIGN[min(distance, key=distance.get)]]
    single_sign = findings.signs(trials[trials["head"] != "spectral_authors_sign"], epochs)
    assert line(TEN.signs(**single_sign)) == "There are not two signs of $W_{31}$ to compare at this scale."


def test_sentences_say_what_the_tables_hold(full):
    trials, eigenvalues = full["cifar10/trials"], full["cifar10/eigenvalues"]
    trials["recruited_neurons"] = (72.0 + trials["trial"]).where(trials["head"] != "linear")
    eigenvalues.loc[(eigenvalues["layer"] == 2) & (eigenvalues["neuron"] <= 72), "eigenvalue"] *= 1000
    said = compacted(trials)
    assert said.startswith("Of 526 hidden neurons 73 are recruited, 13.9 %.") and "means over three networks" in said
    assert "Numbers are of one network." in compacted(trials[trials["trial"] == 0])
    found = findings.accuracies(trials, full["cifar10/epochs"])
    assert found["gain"]["n"] == 3 and "nan" not in TEN.accuracies(**found)
    assert "two modes in all 3 networks" in line(TEN.eigenvalues(**findings.eigenvalues(eigenvalues)))
    small = findings.eigenvalues(full["cifar100/eigenvalues"])
    assert "two modes in none of 3 networks" in line(TEN.eigenvalues(**small))
    accuracies = {"linear": 54.0, "spectral": 58.0, "spectral_authors_sign": 58.5, "mlp": 59.0}
    probes = own_size(full).assign(test_accuracy=lambda rows: rows["head"].map(accuracies) + rows["trial"] / 10)
    gains = probes.groupby("head")["test_accuracy"].mean()
    share = (gains["spectral"] - gains["linear"]) / (gains["mlp"] - gains["linear"])
    assert own_findings.probe_gains(probes)["share"] == pytest.approx(share)
    assert "no share of that gain" in HUNDRED.probe_gains(**own_findings.probe_gains(probes[probes["trial"] == 0]))


def compacted(trials):
    return line(TEN.compaction(**findings.compaction(trials, 526)))


def test_late_epochs_are_averaged_where_there_are_enough(full):
    """The linear head has 10, 20 … %, so the mean over epochs 21 to 40 is 305 %; a short run has no such sentence."""
    trials = full["cifar10/trials"]
    epochs = pd.DataFrame({"head": "linear", "trial": 0, "epoch": range(1, 41)}).assign(
        validation_accuracy=lambda rows: 10.0 * rows["epoch"]
    )
    found, short = (findings.accuracies(trials, rows) for rows in (epochs, epochs[epochs["epoch"] < 40]))
    assert {head["name"]: head["late"] for head in found["heads"]}["linear"] == 305
    assert "One epoch differs" in TEN.accuracies(**found) and "One epoch differs" not in TEN.accuracies(**short)


def test_the_size_of_the_head_in_both_spaces():
    """The numbers of the paper's experiment 4 are counted by hand: 1280·526 + 526·100 (+ 1280·100, or + 526 + 100)."""
    found = findings.direct_space([1280, 526, 100])
    assert (found["by_spectrum"], found["by_weights"]) == (726506, 853880)


def test_a_run_in_which_every_trial_diverged_says_so(full):
    trials = full["cifar10/trials"].assign(diverged_epoch=1)
    trials[["test_accuracy", "test_accuracy_pruned", "recruited_neurons", "compact_parameters"]] = np.nan
    assert fig.fig16_table(full["cifar10/epochs"], trials).empty
    nothing = full["cifar10/eigenvalues"].assign(eigenvalue=np.nan)
    assert fig.fig17_table(nothing, trials).empty
    assert line(TEN.accuracies(**findings.accuracies(trials, full["cifar10/epochs"]))) == "No trial finished."
    none = "No trial with the SPARCS head by (4.3) finished."
    assert compacted(trials) == none == line(TEN.eigenvalues(**findings.eigenvalues(nothing)))
    assert image_tables.compaction_table(trials, {"widths": [400, 526, 10]}) == "No trial finished."
    assert "–" in image_tables.cost_table(1, trials, full["cifar10/costs"])
    hundred = full["cifar100/trials"].assign(test_accuracy=np.nan)
    probes = own_size(full).assign(test_accuracy=np.nan)
    assert line(HUNDRED.heads(**own_findings.heads(hundred))) == "No trial finished."
    assert line(HUNDRED.probe_gains(**own_findings.probe_gains(probes))).startswith("No gain is given")
    assert image_tables.probes_table(probes, hundred) == "No trial finished."
    assert fig.fig_probes_table(probes, hundred).empty and fig.fig_strength_table(probes).empty
    tuned = tuned_said(full["cifar100/fine_tuning"].assign(test_accuracy=np.nan))
    assert "The linear head ends at – %. SPARCS ends at – %." in tuned and "gains" not in tuned
    assert len(rows_of(image_tables.signs_table(trials, full["cifar10/epochs"]))) == 2 + 3  # its head, three accuracies


def test_what_compaction_takes_of_the_gain(full):
    trials = full["cifar10/trials"].query("head in ['linear', 'spectral', 'spectral_authors_sign']")
    points = trials["head"].map({"linear": 60.0, "spectral": 64.0, "spectral_authors_sign": 66.0})
    compact = trials["head"].map({"spectral": 61.0})
    trials = trials.assign(test_accuracy=points, compact_test_accuracy=compact, compact_parameters=7.0,
                           recruited_neurons=5.0, compact_neurons=trials["head"].map({"spectral": 4.0}))  # fmt: skip
    said = compacted(trials)
    assert "Over a linear head the compact SPARCS head gains +1 points of test accuracy." in said
    assert "Compaction costs 75 % of the mean gain." in said and said.endswith("authors' sign were not compacted.")


def test_a_last_layer_that_collapsed_is_said_to_have():
    rows = pd.DataFrame({"trial": [0, 0, 1], "size": [0.2, 0.4, 0.006]})
    fell = line(TEN.last_layer(**findings.last_layer(rows)))
    assert fell == "The median of the last layer's fell from 1 to between 0.006 and 0.3."
    assert line(TEN.last_layer(**findings.last_layer(rows.head(0)))) == ""


def test_the_early_curves_stand_in_a_table(full):
    epochs = full["cifar10/epochs"].assign(epoch=10).drop_duplicates(["head", "trial"])
    table = image_tables.early_table(epochs, full["cifar10/trials"])
    assert len(rows_of(table)) == 2 + 3 and "n = 3." in table
    assert image_tables.early_table(epochs.assign(epoch=2), full["cifar10/trials"]) == ""
