"""The figure of the sweep over penalties: a panel for what there is, and words for what there is not."""

from itertools import product

import pandas as pd

from replication.experiments.hyperparameters import figures


def swept(active):
    """Trials of experiment 1 at two α, by the number of active neurons at each."""
    combinations = product(active.items(), ("l1", "l2"), (1e-4, 1e-3), range(3))
    rows = [
        {"experiment": "regression", "alpha": alpha, "penalty": penalty, "rho": rho, "trial": trial, "r2": 0.99,
         "active_neurons": neurons, "diverged_epoch": -1}
        for (alpha, neurons), penalty, rho, trial in combinations
    ]  # fmt: skip
    return figures.fig_hyperparameters_table(pd.DataFrame(rows))


def titles(drawn):
    return [axes.get_title(loc="left") or axes.get_title() for axes in figures.fig_hyperparameters(drawn).axes]


def test_where_no_neuron_is_active_there_is_no_panel():
    drawn = swept({0: 0, 1: 7})
    assert titles(drawn) == ["experiment 1, α = 0", "experiment 1, α = 1", "experiment 1, α = 1"]
    assert "No neuron is active in experiment 1, α = 0. Shaded" in figures.fig_hyperparameters_caption(drawn)
    assert "No neuron" not in figures.fig_hyperparameters_caption(swept({0: 3, 1: 7}))


def test_a_sweep_without_any_active_neuron_has_one_row():
    assert titles(swept({0: 0})) == ["experiment 1, α = 0"]
