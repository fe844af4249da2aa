"""What the sign of λ_3 at the start means: the formula of a neuron's shape, experiment 1 from both, their figures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from replication import params
from replication.data.regression import target
from replication.experiments import EXPERIMENTS
from replication.experiments.cifar10 import figures as cifar10
from replication.experiments.cifar10.figures import closed as closed_figure
from replication.experiments.cifar10.figures.spectra import by_equation
from replication.experiments.regression import figures, findings, priced, starts, tables
from replication.experiments.regression import train as regression
from replication.experiments.regression.figures.starts import contribution
from replication.experiments.settings import resolve_settings
from replication.training.work import Work, plain
from sparcs import SpectralNetwork

BASE = params.read_yaml(Path(__file__).parents[2] / "params.yaml")
SMALL = {"scale": "smoke", "regression": {"widths": [2, 20, 1], "training": {"epochs": 3}}}
EIGENVALUE = st.floats(-3, 3)


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 3), st.integers(0, 2**31))
def test_a_network_of_three_layers_is_the_sum_of_its_neurons_shapes(inputs, hidden, outputs, seed):
    source = torch.Generator().manual_seed(seed)
    network = SpectralNetwork((inputs, hidden, outputs), generator=source, dtype=torch.float64)
    with torch.no_grad():
        for block in [*network.eigenvectors, *list(network.eigenvalues)[1:]]:
            block.normal_(generator=source)
    x = torch.randn(7, inputs, generator=source, dtype=torch.float64)
    (phi_1, phi_2), (_, lam_2, lam_3) = (
        [block.detach().numpy() for block in blocks] for blocks in (network.eigenvectors, network.eigenvalues)
    )
    v = x.numpy() @ phi_1.T  # (batch, hidden)
    expected = sum(
        phi_2[i, h] * contribution(v[:, h], lam_2[h], lam_3[i]) * np.eye(outputs)[i][:, None]
        for i in range(outputs)
        for h in range(hidden)
    ).T
    np.testing.assert_allclose(network(x).detach().numpy(), expected, atol=1e-12)


@given(EIGENVALUE, EIGENVALUE)
def test_slopes_and_kink_are_those_that_the_report_names(hidden, output):
    below, at, above = contribution(np.array([-1.0, 0.0, 1.0]), hidden, output)
    assert at == 0
    assert above == pytest.approx((output - hidden) * (1 + min(hidden, 0)), abs=1e-12)
    assert -below == pytest.approx((output - hidden) * (1 + max(hidden, 0)), abs=1e-12)
    assert abs(above + below) == pytest.approx(abs(hidden * (output - hidden)), abs=1e-12)


def work_from(output, **changes):
    run = resolve_settings(BASE, params.merge(SMALL, {"regression": {"starts": {"trials": 2}}}))
    stage = EXPERIMENTS["regression"].stage("starts")
    [job] = [job for job in stage.jobs(run) if job.keys["output_eigenvalue"] == output and job.keys["alpha"] == 1]
    x = np.random.default_rng(3).uniform(-1, 1, (300, 2))
    y = target(x, 1.0, 5.0)
    data = {"x_train": x[:200], "y_train": y[:200], "x_held_out": x[200:], "y_held_out": y[200:]}
    return data, Work(settings=plain(job.settings | changes), keys=job.keys, trials=job.trials, seeds=[11, 12])


def test_the_papers_start_is_experiment_1_to_the_bit_and_the_other_is_not():
    data, work = work_from(1)
    tables, _ = starts.run(data, work)
    expected, _ = regression.run(data, replace(work, keys={"alpha": 1.0, "beta": 5.0}))
    pd.testing.assert_frame_equal(tables["starts"][expected["trials"].columns], expected["trials"])
    other, _ = starts.run(*work_from(-1))
    assert (tables["starts"]["trained_output_eigenvalue"] > 0).all()
    assert (other["starts"]["trained_output_eigenvalue"] < 0).all()


def test_a_price_on_weights_is_trained_at_the_seeds_of_experiment_1_and_closes_paths():
    changes = {
        "training": {"epochs": 20, "batch_size": 20},
        "priced": {"trials": 2, "rhos": [1e-6, 1.0], "alphas": [1]},
    }
    run = resolve_settings(BASE, params.merge(SMALL, {"regression": changes}))
    weak, strong = EXPERIMENTS["regression"].stage("priced").jobs(run)
    paper = next(job for job in EXPERIMENTS["regression"].stage("trials").jobs(run) if job.data == weak.data)
    assert weak.seeds == paper.seeds and weak.settings["training"]["penalty"] == "rows"
    data, _ = work_from(1)
    norms = []
    for job in (weak, strong):
        work = Work(settings=plain(job.settings), keys=job.keys, trials=job.trials, seeds=[11, 12])
        norms.append(priced.run(data, work)[0]["priced"]["gamma_norm"])
    assert (norms[0] > 100 * norms[1]).all()


def test_the_kernel_trains_from_minus_one_as_pytorch_does():
    """A whole small training in float32, whose rounding it amplifies a little."""
    tables = [starts.run(*work_from(-1, backend=backend))[0]["starts"] for backend in ("kernel", "torch")]
    pd.testing.assert_frame_equal(*tables, atol=1e-5, rtol=1e-4)


def test_a_start_that_diverges_has_no_eigenvalues():
    data, work = work_from(-1)
    work.settings.training.learning_rate = 1e38
    table = starts.run(data, work)[0]["starts"]
    assert (table["diverged_epoch"] >= 0).all() and table.filter(like="eigenvalue").isna().all(axis=None)


def test_eigenvalues_in_the_authors_writing_change_their_sign():
    rows = [(head, epoch, layer, value) for head, first in (("spectral", 1.0), ("spectral_authors_sign", 1.0))
            for epoch, layer, value in ((1, 2, 0.1), (1, 3, first), (9, 2, 0.4), (9, 3, -first))]  # fmt: skip
    table = pd.DataFrame(rows, columns=["head", "epoch", "layer", "eigenvalue"]).assign(trial=0, neuron=1)
    turned = by_equation(table)
    assert turned["eigenvalue"].tolist() == [0.1, 1.0, 0.4, -1.0, -0.1, -1.0, -0.4, 1.0]
    pd.testing.assert_frame_equal(by_equation(turned), turned)


def test_recruited_neurons_are_counted_by_the_sign_of_their_eigenvalue():
    values = [0.5, -1.0, -0.02, 0.009, 0.0]  # above 1 % of the largest: one positive, two negative
    eigenvalues = pd.DataFrame({"head": "spectral", "trial": 0, "epoch": 1, "layer": 2, "eigenvalue": values})
    eigenvalues = pd.concat([eigenvalues, eigenvalues.head(1).assign(layer=3, eigenvalue=1.0)])
    trials = pd.DataFrame({"head": ["spectral"], "trial": 0, "test_accuracy": 69.0, "stand_in": False})
    epochs = trials[["head", "trial"]].assign(
        epoch=1, validation_accuracy_augmented=60.0, validation_accuracy_augmented_pruned=np.nan
    )
    drawn = cifar10.fig_cifar10_starts_table(trials, epochs, eigenvalues)
    assert drawn.set_index("measure")["value"].to_dict() == {
        "test_accuracy": 69.0, "validation_accuracy_augmented": 60.0, "positive": 1, "negative": 2,
    }  # fmt: skip
    assert "A plain hidden layer as wide has not been run." in cifar10.fig_cifar10_starts_caption(drawn)


def closed(losses):
    """A table of SPARCS networks with these losses, each with its own number as λ_3."""
    return pd.DataFrame({"head": "spectral", "trial": range(len(losses)), "lost": losses}).assign(
        last_eigenvalue=lambda rows: rows["trial"].astype(float), stand_in=False
    )


def test_losses_fall_into_two_regimes_where_one_gap_exceeds_both_sides():
    assert closed_figure.two_regimes(pd.Series([6.0, 29.0, 7.0, 30.0, 6.5])).tolist() == [29.0, 30.0]
    for losses in ([], [6.0], [6.0, 6.5, 30.0], [6.0, 6.5, 7.0, 30.0], [6.0, 8.0, 10.0, 12.0, 15.0]):
        assert closed_figure.two_regimes(pd.Series(losses, dtype=float)).empty


def test_the_cost_of_closing_is_told_with_the_last_eigenvalue_that_goes_with_it():
    said = cifar10.fig_cifar10_closed_caption(closed([6.0, 6.5, 29.6]))
    assert "λ₃ ends at 2 where most is lost, and at 0 to 1 elsewhere" in said
    said = cifar10.fig_cifar10_closed_caption(closed([6.0, 29.0, 7.0, 30.0, 6.5]))
    assert "λ₃ ends at 1 to 3 in the 2 networks of the regime that loses more, and at 0 to 4 elsewhere" in said
    few = cifar10.fig_cifar10_closed_caption(closed([6.0, 29.0]))
    assert "costs 6 to 29 points" in few and "elsewhere" not in few


def test_the_cost_of_closing_is_of_the_last_epoch_on_augmented_images():
    trials = pd.DataFrame({"head": ["spectral", "linear"], "trial": 0, "test_accuracy": 69.0, "stand_in": True})
    epochs = pd.concat([trials[["head", "trial"]].assign(epoch=epoch, validation_accuracy_augmented=60.0 + epoch)
                        for epoch in (1, 2)])  # fmt: skip
    epochs["validation_accuracy_augmented_pruned"] = [55.0, np.nan, 50.0, np.nan]
    rows = [("spectral", epoch, 3, value) for epoch, value in ((1, 1.0), (2, 0.25), (2, 0.5), (2, 0.75))]
    eigenvalues = pd.DataFrame(rows, columns=["head", "epoch", "layer", "eigenvalue"]).assign(trial=0)
    (row,) = cifar10.fig_cifar10_closed_table(trials, epochs, eigenvalues).itertuples()
    assert (row.head, row.lost, row.last_eigenvalue, row.stand_in) == ("spectral", 12.0, 0.5, True)


def test_without_the_table_of_starts_shapes_are_drawn_and_the_rest_is_said_not_to_have_run():
    drawn = figures.fig_starts_table(pd.DataFrame())
    assert len(figures.fig_starts(drawn).axes) == 2
    assert "has not been run" in figures.fig_starts_caption(drawn)
    assert findings.starts(pd.DataFrame()) == {"starts": []}


def test_the_price_on_weights_stands_below_table_3s_penalty():
    rows = {"alpha": 1.0, "beta": 5.0, "gamma_norm": 1.0, "active_neurons": 8.0, "skip_norm": 0.5, "r2": 0.99}
    paper = pd.DataFrame([rows | {"trial": k, "active_neurons": 40.0} for k in range(3)])
    bought = pd.DataFrame([rows | {"rho": 1e-4, "trial": k} for k in range(3)] + [rows | {"rho": 1e-3, "r2": np.nan}])
    lines = tables.priced_table(paper, bought).splitlines()[2:]
    assert [line.split(" | ")[1:5:3] for line in lines] == [["Table 3's", "40"], ["rows, ρ = 10⁻⁴", "8"]]
    assert tables.priced_table(paper, pd.DataFrame()) == "A price on weights has not been run here."
