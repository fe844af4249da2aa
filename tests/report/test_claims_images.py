"""Claims E and F on tables whose answer is known, against SciPy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replication.account.catalogue import CLAIMS
from replication.account.testability import why_untested
from replication.judging.statistics import mode_distance
from replication.judging.verdicts import INCONCLUSIVE, judge, verdict_of

HIDDEN = 526
RANDOM = np.random.default_rng(3)


def verdicts(claim_id, tables, unfit=True):
    chosen = [claim for claim in CLAIMS if claim.id == claim_id]
    why = why_untested(SETTINGS, SETTINGS, tables) if unfit else {}
    return judge(chosen, tables, why).set_index("id")


SETTINGS = {name: {"training": {}} for name in ("regression", "teacher_student", "cifar10", "cifar100")}
SETTINGS |= {"hyperparameters": {"teacher_trials": 0}}  # of equal settings nothing is compared


def trials(gains, experiment="cifar10", **values):
    """Trials in which SPARCS is ahead of the linear head by these points, the authors' sign by one point more."""
    linear = 68 + RANDOM.normal(size=len(gains))  # a spread between seeds that pairing takes out
    heads = {"linear": 0, "spectral": np.array(gains), "spectral_authors_sign": np.array(gains) + 1}
    rows = [
        pd.DataFrame(
            {"head": head, "trial": range(len(gains)), "test_accuracy": linear + gain, "recruited_neurons": 80}
        )
        for head, gain in heads.items()
    ]
    about = {"stand_in": False, "substitute_backbone": False, "backbone": "efficientnet_v2_s"} | values
    return {f"{experiment}/trials": pd.concat(rows, ignore_index=True).assign(**about)}


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([5.4, 5.9, 5.7], "replicated"),
        ([1.4, 1.6, 1.5], "partly"),
        ([2.0, 2.8, 3.6], "partly"),
        ([-0.5, 0.5, 0.3], "not replicated"),
        ([-3.0, -3.1, -3.2], "not replicated"),
        ([5.4, 5.9], "untested"),
    ],
)
def test_e1_is_the_paired_difference(gains, verdict):
    judged = verdicts("E1", trials(gains)).loc["E1"]
    assert (judged["verdict"], judged["n"]) == (verdict, len(gains))
    expected = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    assert judged[["measured", "low", "high"]].tolist() == pytest.approx([np.mean(gains), expected.low, expected.high])
    if verdict != "untested":
        other = f"{np.mean(gains) + 1:.3g}".replace("-", "−")
        assert f"the authors' sign: {other} [" in judged["reason"]


def test_trainings_that_diverge_are_counted_in_the_remark():
    for claim, experiment in (("E1", "cifar10"), ("F1", "cifar100")):
        tables = trials([5.4, 5.9, 5.7, 5.5] * 3, experiment)
        table = tables[f"{experiment}/trials"]
        assert "diverged" not in verdicts(claim, tables).loc[claim, "reason"]
        table.loc[(table["head"] == "spectral") & (table["trial"] == 3), "test_accuracy"] = np.nan
        judged = verdicts(claim, tables).loc[claim]
        assert judged["n"] == 11 and judged["reason"].endswith("1 of 24 diverged (spectral: 1)")
        table.loc[(table["head"] == "linear") & (table["trial"] < 2), "test_accuracy"] = np.nan
        judged = verdicts(claim, tables).loc[claim]
        assert (judged["n"], judged["verdict"]) == (9, "untested")
        assert "3 of 24 diverged (linear: 2, spectral: 1): more than 10 % of an ensemble" in judged["reason"]


def test_nothing_is_counted_of_a_training_that_diverged():
    """Whatever it measured before: a training that stopped early took less time."""
    tables = trials([5.4] * 20) | {"cifar10/costs": pd.DataFrame(
        [{"head": head, "trial": trial, "device": "cuda", "mean_allocated_mib": 20.0, "seconds": 100.0}
         for head in ("linear", "spectral") for trial in range(20)]
    )} | {"cifar10/epochs": pd.concat([epochs(0.3, 27)["cifar10/epochs"].assign(trial=trial) for trial in range(20)])
                                .drop_duplicates(["head", "trial", "epoch"])}  # fmt: skip
    table, cost = tables["cifar10/trials"], tables["cifar10/costs"]
    table.loc[(table["head"] == "spectral") & (table["trial"] == 3), "test_accuracy"] = np.nan
    cost.loc[(cost["head"] == "spectral") & (cost["trial"] == 3), "seconds"] = 1.0
    seconds = verdicts("E2", tables).loc["E2b"]
    assert (seconds["n"], seconds["measured"]) == (19, pytest.approx(1))
    assert seconds["reason"].endswith("1 of 40 diverged (spectral: 1)")
    assert verdicts("E3", tables)["n"].tolist() == [19, 19, 19]
    assert verdicts("E3", tables).loc["E3a", "reason"].endswith("1 of 40 diverged (spectral: 1)")
    assert verdicts("E3", tables).loc["E3b", "reason"].endswith("1 of 20 diverged (spectral: 1)")


def test_pairs_are_of_one_seed():
    tables = trials([1.0, 2.0, 3.0, 4.0])
    rows = tables["cifar10/trials"]
    rows.loc[(rows["head"] == "linear") & (rows["trial"] == 3), "test_accuracy"] = np.nan  # a diverged trial
    shuffled = {"cifar10/trials": rows.sample(frac=1, random_state=1)}
    judged = verdicts("E1", shuffled).loc["E1"]
    assert (judged["n"], judged["measured"]) == (3, pytest.approx(2))


def test_a_wider_region_makes_an_interval_partly():
    assert verdict_of(1, 2, (2.85, np.inf), (0, np.inf)) == "partly"
    assert verdict_of(-1, 2, (2.85, np.inf), (0, np.inf)) == "not replicated"
    assert verdict_of(-1, 5, (2.85, np.inf), (0, np.inf)) == "inconclusive"
    assert verdict_of(3, 5, (2.85, np.inf), (0, np.inf)) == "replicated"


def costs(device, extra_memory=3.3, slower=1.004):
    rows = [
        {"head": head, "trial": trial, "device": device, "mean_allocated_mib": 17.9 + memory, "seconds": 1357 * time}
        for trial in range(3)
        for head, memory, time in (("linear", 0, 1 + trial / 10), ("spectral", extra_memory, slower * (1 + trial / 10)))
    ]
    return {"cifar10/costs": pd.DataFrame(rows)} | trials([0, 0, 0])


def test_e2_needs_cuda():
    judged = verdicts("E2", costs("cpu"))
    assert (judged["verdict"] == "untested").all() and "no CUDA device" in judged.loc["E2a", "reason"]
    assert judged["measured"].tolist()[1:] == pytest.approx([3.3, 1.004])
    both = pd.concat([costs("cpu", 50)["cifar10/costs"], costs("cuda")["cifar10/costs"]])
    judged = verdicts("E2", costs("cpu") | {"cifar10/costs": both})
    assert judged["verdict"].tolist() == ["replicated"] * 3 and judged.loc["E2a", "n"] == 3
    slow = verdicts("E2", costs("cuda", slower=1.2))
    assert slow["verdict"].tolist() == ["not replicated", "replicated", "not replicated"]
    times = costs("cuda")
    times["cifar10/costs"]["seconds"] /= 30
    weighs = "as fast as the paper's, so the same seconds weigh more in the ratio"
    assert verdicts("E2", times).loc["E2b", "reason"].endswith(weighs) and weighs not in slow.loc["E2b", "reason"]
    more = 0.2 * 1357 * np.array([1, 1.1, 1.2])
    assert f"on cuda; seconds more for a training: {more.mean():.3g} [" in slow.loc["E2b", "reason"]
    assert slow.loc["E2b", "reason"].endswith("n = 3; the paper: 4.98")


def epochs(early, late, last=300):
    rows = [
        {"head": head, "trial": trial, "epoch": epoch, "validation_accuracy": 75.0, "validation_accuracy_pruned": 40.0,
         "validation_accuracy_augmented": 70.0, "validation_accuracy_augmented_pruned": 70 - lost + 0.1 * trial}
        for head in ("linear", "spectral") for trial in range(3) for epoch, lost in ((10, early), (last, late))
    ]  # fmt: skip
    return {"cifar10/epochs": pd.DataFrame(rows)} | trials([0, 0, 0])


def test_e3_is_judged_on_augmented_images():
    judged = verdicts("E3", epochs(0.3, 27))
    assert judged["verdict"].tolist() == ["replicated"] * 3
    assert judged.loc["E3b", "measured"] == pytest.approx(26.9)
    assert "epoch 300" in judged.loc["E3b", "statement"]
    assert judged["paper"].tolist() == ["shown"] * 3 and judged["region"].tolist() == ["", "-1 to 1", ">= 10"]
    assert "on plain images 35 [35, 35], n = 3; the authors' sign: no finished trial" in judged.loc["E3b", "reason"]
    assert verdicts("E3", epochs(3, 27)).loc["E3a", "verdict"] == "not replicated"
    assert verdicts("E3", epochs(0.3, 5)).loc["E3", "verdict"] == "not replicated"


def test_e3_compares_every_two_of_the_three_curves_early():
    tables = epochs(0.3, 27)
    table = tables["cifar10/epochs"]
    early = (table["head"] == "linear") & (table["epoch"] == 10)
    table.loc[early, "validation_accuracy_augmented"] = [
        68.0,
        68.1,
        67.9,
    ]  # two points below SPARCS and its pruned self
    judged = verdicts("E3", tables)
    assert judged.loc["E3a", ["verdict", "old_verdict"]].tolist() == ["not replicated", "replicated"]
    assert judged.loc["E3", ["verdict", "old_verdict"]].tolist() == ["not replicated", "replicated"]
    expected = stats.ttest_1samp([2.0, 1.9, 2.1], 0).confidence_interval(0.95)
    assert judged.loc["E3a", ["measured", "low", "high"]].tolist() == pytest.approx([2, *expected])
    assert judged.loc["E3a", "old_measured"] == pytest.approx(0.2)
    assert judged.loc["E3a", "reason"] == "of the curves SPARCS and linear differ most; report 04 has every pair"
    table.loc[early, "validation_accuracy_augmented"] = [68.0, 71.0, 70.2]  # on both sides
    assert verdicts("E3", tables).loc["E3a", "verdict"] == "inconclusive"
    without = {**tables, "cifar10/epochs": table[table["head"] == "spectral"]}
    judged = verdicts("E3", without).loc["E3a"]
    assert judged[["verdict", "n", "old_verdict"]].tolist() == ["untested", 0, "replicated"]


def test_e3_says_how_many_networks_lose_ten_points():
    tables = epochs(0.3, 10.05)  # 10.05, 9.95 and 9.85 points
    judged = verdicts("E3", tables).loc["E3b"]
    low, high = stats.beta.ppf([0.025, 0.975], [1, 2], [3, 2])
    assert judged["reason"].startswith(
        f"1 of 3 networks lose 10 points, a share of 0.333 [{low:.3g}, {high:.3g}]; on plain"
    )
    assert judged[["verdict", "old_verdict"]].tolist() == ["inconclusive", "partly"]
    assert f"{INCONCLUSIVE}; the share of the networks" in judged["changed"]
    assert judged["old_measured"] == judged["measured"] == pytest.approx(9.95)


def test_e3_of_a_run_of_fewer_epochs_has_no_tenth():
    tables = trials([0, 0, 0]) | {"cifar10/epochs": epochs(0, 5, 2)["cifar10/epochs"].query("epoch == 2")}
    judged = verdicts("E3", tables)
    assert (judged.loc["E3a", "n"], judged.loc["E3b", "n"]) == (0, 3)
    assert judged.loc["E3a", "verdict"] == "untested" and np.isnan(judged.loc["E3a", "measured"])


def hidden_eigenvalues(recruited, low=1e-3):
    near_zero = low * RANDOM.normal(size=HIDDEN - recruited)
    return np.concatenate([near_zero, -0.5 * 10 ** (0.2 * RANDOM.normal(size=recruited))])


def eigenvalues(hidden, experiment="cifar10", last=1.0):
    """Three networks' eigenvalues at the end, and others at the start that do not count."""
    rows = []
    for trial in range(3):
        for epoch, scale in ((1, 1e-9), (300, 1)):
            for layer, values in ((2, hidden()), (3, np.full(10, last))):
                table = {"head": "spectral", "trial": trial, "epoch": epoch, "layer": layer}
                rows.append(
                    pd.DataFrame(table | {"neuron": np.arange(1, len(values) + 1), "eigenvalue": scale * values})
                )
    return {f"{experiment}/eigenvalues": pd.concat(rows, ignore_index=True)}


def test_e4_two_clusters_of_which_less_than_half_is_recruited():
    judged = verdicts("E4", trials([0, 0, 0]) | eigenvalues(lambda: hidden_eigenvalues(80)))
    assert judged["verdict"].tolist() == ["replicated"] * 3
    assert judged.loc["E4a", "measured"] == pytest.approx(np.log10(0.5 / 1e-3), abs=0.3)
    assert judged.loc["E4b", "measured"] == pytest.approx(80 / HIDDEN) and judged.loc["E4b", "region"] == "< 0.5"
    assert "of (4.3) 3 at 0.1, 0.2, 0.3 and 0.4; of that sign 0 at 0.1" in judged.loc["E4a", "reason"]
    unimodal = trials([0, 0, 0]) | eigenvalues(lambda: RANDOM.normal(size=HIDDEN))
    assert verdicts("E4", unimodal).loc["E4a", ["verdict", "measured"]].tolist() == ["not replicated", 0]
    kinds = iter([80, 80, 0] * 2)  # one network has a single mode, and no distance is below 0
    some = verdicts("E4", trials([0, 0, 0]) | eigenvalues(lambda: hidden_eigenvalues(next(kinds)))).loc["E4a"]
    assert some["low"] == 0 < some["measured"] < some["high"] and some["verdict"] == "inconclusive"
    many = trials([0, 0, 0])
    many["cifar10/trials"]["recruited_neurons"] = 300
    assert verdicts("E4", many | eigenvalues(lambda: hidden_eigenvalues(300)))["verdict"].tolist() == [
        "not replicated", "replicated", "not replicated",
    ]  # fmt: skip


@pytest.mark.parametrize("draw", ["normal", "laplace", "uniform", "lognormal"])
def test_one_cluster_has_one_mode(draw):
    """Numbers spread around 0 have a long tail on a logarithmic axis, which is no second mode."""
    samples = [getattr(np.random.default_rng(seed), draw)(size=HIDDEN) for seed in range(20)]
    assert np.mean([mode_distance(np.abs(sample)) >= 1 for sample in samples]) <= 0.05


@pytest.mark.parametrize(("recruited", "decades"), [(10, 2.5), (100, 2), (400, 1.5)])
def test_two_clusters_are_as_far_apart_as_planted(recruited, decades):
    random = np.random.default_rng(0)
    logs = np.concatenate([random.normal(-3, 0.2, HIDDEN - recruited), random.normal(decades - 3, 0.2, recruited)])
    density = stats.gaussian_kde(logs, bw_method=0.2 / logs.std(ddof=1))  # the same bandwidth, SciPy's density
    grid = np.linspace(-4, 1, 1001)
    below, above = (
        grid[part][density(grid[part]).argmax()] for part in (grid < decades / 2 - 3, grid >= decades / 2 - 3)
    )
    assert mode_distance(10**logs) == pytest.approx(above - below, abs=0.04) == pytest.approx(decades, abs=0.2)


def test_modes_need_numbers():
    assert mode_distance(np.zeros(5)) == mode_distance(np.array([])) == mode_distance(np.ones(1)) == 0


def test_f1_and_f2():
    same = trials([0.1, -0.2, 0.0], "cifar100")
    assert verdicts("F1", same).loc["F1", "verdict"] == "replicated"
    assert verdicts("F1", trials([1.5, 1.6, 1.7], "cifar100")).loc["F1", "verdict"] == "not replicated"
    tables = same | eigenvalues(lambda: np.full(HIDDEN, -0.002), "cifar100", last=2.0)
    judged = verdicts("F2", tables).loc["F2"]
    assert (judged["verdict"], judged["measured"]) == ("replicated", pytest.approx(0.001))
    tables = same | eigenvalues(lambda: hidden_eigenvalues(526), "cifar100", last=2.0)
    assert verdicts("F2", tables).loc["F2", "verdict"] == "not replicated"


def test_stand_in_images_and_substitute_backbones_test_nothing_but_are_measured():
    judged = verdicts("E1", trials([5.4, 5.9, 5.7], stand_in=True)).loc["E1"]
    assert (judged["verdict"], judged["reason"], judged["n"]) == ("untested", "stand-in data", 3)
    assert judged["measured"] == pytest.approx(5.67, abs=0.01)
    substitute = trials([0.1, -0.2, 0.0], "cifar100", substitute_backbone=True, backbone="tf_efficientnet_lite0")
    tables = substitute | eigenvalues(lambda: np.full(HIDDEN, 0.002), "cifar100")
    for claim in ("F1", "F2"):
        judged = verdicts(claim, tables).loc[claim]
        assert (judged["verdict"], judged["n"]) == ("untested", 3) and np.isfinite(judged["measured"])
        assert judged["reason"] == "on the substitute backbone tf_efficientnet_lite0"


def test_the_plain_hidden_layer_changes_no_claim(tables):
    """It stands beside: with its rows all claims on experiment 3 are judged as without."""
    of_three = {name: table for name, table in tables.items() if name.startswith("cifar10/")}
    without = {name: table[table["head"] != "hidden"] for name, table in of_three.items()}
    assert len(without["cifar10/trials"]) < len(of_three["cifar10/trials"])
    for claim in ("E1", "E2", "E3", "E4"):
        pd.testing.assert_frame_equal(verdicts(claim, of_three), verdicts(claim, without))
