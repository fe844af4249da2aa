"""What a price on weights did, in words: experiments 1 and 3, on tables made by hand."""

import pandas as pd

from replication.experiments.cifar10 import findings as of_images
from replication.experiments.regression import findings as of_regression
from replication.report.template import line, sections


def test_experiment_1_compares_the_strongest_price_with_the_papers_penalty():
    say = sections("replication.experiments.regression").priced
    trials = pd.DataFrame({"alpha": 1, "beta": [5, 5, 1000], "active_neurons": [140, 160, 1], "r2": [0.99, 1, 0]})
    prices = pd.DataFrame(
        {"alpha": 1, "beta": 5, "rho": [0.1, 0.1, 0.1, 0.01], "active_neurons": [4, 8, 99, 99]}
    ).assign(r2=[0.98, 0.96, None, 1])
    assert line(say(**of_regression.priced(trials, prices))) == (
        "At $\\alpha = 1$ the strongest price leaves 6 open neurons on average, and R² 0.97. "
        "The paper's penalty leaves 150 there, and R² 0.995."
    )
    assert line(say(**of_regression.priced(trials, pd.DataFrame()))) == ""


def test_experiment_3_counts_emptied_networks_and_compares_by_seed():
    say = sections("replication.experiments.cifar10").priced
    trials = pd.DataFrame(
        [
            ("spectral", "l1", 0.1, 0, 60.0, 0),
            ("spectral", "rows", 0.1, 0, 61.5, 0),
            ("spectral", "l1", 0.2, 0, 50.0, 3),  # not paired
        ],
        columns=["head", "penalty", "rho", "trial", "test_accuracy", "compact_neurons"],
    )
    assert line(say(**of_images.priced(trials))) == (
        "Compaction removes every hidden neuron in 2 of 3 networks. "
        "At the same start, strength and seed the two penalties are at most 1.5 points of test accuracy apart."
    )
    alone = line(say(**of_images.priced(trials[trials["penalty"] == "l1"])))
    assert alone == "Compaction removes every hidden neuron in 1 of 2 networks."
    assert line(say(**of_images.priced(trials.head(0)))) == ""
