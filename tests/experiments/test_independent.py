"""Experiment 1's second trainer: its steps against SpectralNetwork and PyTorch's Adam, and what it imports."""

import ast
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from replication.experiments.regression import agreement, independent
from replication.experiments.regression import train as first
from replication.training.work import Work
from sparcs.network import SpectralNetwork

TRAINING = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01, "penalty": "l2", "rho": 0.05}
RNG = np.random.default_rng(0)
X, Y = RNG.uniform(-1, 1, (30, 2)).astype(np.float32), RNG.normal(size=30).astype(np.float32)
NAMES = ["eigenvectors.0", "eigenvectors.1", "eigenvalues.0", "eigenvalues.1", "eigenvalues.2"]


def settings(**changes):
    training = SimpleNamespace(**TRAINING | {"train_input_eigenvalues": True} | changes)
    return SimpleNamespace(widths=[2, 6, 1], training=training)


def network_of(parameters, trial, train_input_eigenvalues=True):
    """The trial's network as the library's, in float64."""
    network = SpectralNetwork((2, 6, 1), bias=True, train_input_eigenvalues=train_input_eigenvalues).double()
    state = {name: each[trial].detach().double() for name, each in zip(NAMES, parameters, strict=True)}
    assert set(state) == set(network.state_dict())
    network.load_state_dict(state)
    return network


@pytest.mark.parametrize("penalty", ["l1", "l2", "l2_squared"])
def test_its_steps_are_those_of_the_library_s_network(penalty):
    """From the perceptron start, where λ = 0 and relu'(0) = 0, step after step with the same batches."""
    chosen = settings(penalty=penalty)
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    parameters = [each.detach().double().requires_grad_() for each in independent.start(chosen.widths, generators)]
    networks = [network_of(parameters, trial) for trial in range(2)]
    optimisers = [torch.optim.Adam(network.parameters(), lr=0.01) for network in networks]
    moments = [(torch.zeros_like(each), torch.zeros_like(each)) for each in parameters]
    x, y = torch.from_numpy(X).double(), torch.from_numpy(Y).double()
    for step in range(1, 6):
        batch = torch.from_numpy(RNG.permutation(30)[:8])
        inputs = independent.with_bias(X).double()[batch].expand(2, -1, -1)
        totals = independent.loss(parameters, inputs, y[batch].expand(2, -1), penalty, 0.05)
        gradients = torch.autograd.grad(totals.sum(), parameters)
        independent.adam(parameters, gradients, moments, step, 0.01)
        for trial, (network, optimiser) in enumerate(zip(networks, optimisers, strict=True)):
            optimiser.zero_grad()
            data = (network(x[batch])[:, 0] - y[batch]).square().mean()
            total = data + 0.05 * network.penalty(penalty)
            assert float(totals[trial].detach()) == pytest.approx(float(total.detach()), rel=1e-12)
            total.backward()
            optimiser.step()
            for name, each in zip(NAMES, parameters, strict=True):
                expected = network.state_dict()[name]
                torch.testing.assert_close(each[trial].detach(), expected, rtol=1e-9, atol=1e-12, msg=f"{name} {step}")


def test_its_bundles_and_measures_are_those_of_the_library():
    parameters = [torch.randn(2, *shape[1:]) for shape in ((2, 6, 3), (2, 1, 6), (2, 3), (2, 6), (2, 1))]
    network = network_of(parameters, 1)
    for weights, (i, j) in zip(independent.bundles(parameters), ((2, 1), (3, 2), (3, 1)), strict=True):
        torch.testing.assert_close(weights[1].double(), network.bundle(i, j).detach(), rtol=1e-5, atol=1e-6)
    measured = independent.measure(parameters, X, Y)
    trained = SimpleNamespace(parameters={name: each.numpy() for name, each in zip(NAMES, parameters, strict=True)},
                              loss=np.zeros(2), diverged_epoch=np.full(2, -1))  # fmt: skip
    expected = first.measure(trained, {"x_held_out": X, "y_held_out": Y}, 0.01)
    for name in ("gamma_norm", "mse", "r2"):
        np.testing.assert_allclose(measured[name], expected[name], rtol=1e-4)


def test_a_job_has_a_row_per_trial_and_repeats_itself():
    data = {"x_train": X, "y_train": Y, "x_held_out": X, "y_held_out": Y}
    work = Work(settings=settings(), keys={"alpha": 1, "beta": 5}, trials=(0, 1, 2), seeds=(7, 8, 9))
    (one, none), (two, _) = independent.run(data, work), independent.run(data, work)
    pd.testing.assert_frame_equal(one["independent"], two["independent"])
    table = one["independent"]
    assert none == {} and table["trial"].tolist() == [0, 1, 2] and table["seed"].tolist() == [7, 8, 9]
    assert table["gamma_norm"].nunique() == 3 and table.notna().all(axis=None)
    alone = independent.run(data, Work(settings=settings(), trials=(1,), seeds=(8,)))[0]["independent"]
    np.testing.assert_allclose(alone["gamma_norm"], table.loc[1, "gamma_norm"], rtol=1e-4)
    fixed = independent.train(X, Y, [7], settings(train_input_eigenvalues=False))
    assert not fixed[2].any() and fixed[3].any()
    lost = independent.run(data, Work(settings=settings(learning_rate=1e30), trials=(0,), seeds=(7,)))[0]
    assert lost["independent"][["gamma_norm", "mse", "r2"]].isna().all(axis=None)


def test_it_imports_nothing_of_this_project():
    tree = ast.parse(Path(independent.__file__).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names == {"typing", "numpy", "pandas", "torch"}


def norms(values, alpha=0.5, beta=5.0, **more):
    return pd.DataFrame(
        {"alpha": alpha, "beta": beta, "trial": range(len(values)), "gamma_norm": values, "r2": 0.99, **more}
    )


def test_agreement_is_the_difference_of_the_means_with_its_interval():
    from scipy import stats

    one, other = RNG.normal(0.3, 0.01, 100), RNG.normal(0.3, 0.02, 16)
    said = agreement.agreement_table(pd.concat([norms(one), norms(one, 0.7)]), norms(other))
    expected = stats.ttest_ind(other, one, equal_var=False).confidence_interval(0.95)
    assert len(said.splitlines()) == 3 and f"[{expected.low:.3g}, {expected.high:.3g}]".replace("-", "−") in said
    assert "| 100 |" in said and "| 16 |" in said
    assert agreement.agreement_table(norms(one), pd.DataFrame()) == "The second trainer has not been run."
    few = agreement.agreement_table(norms(one[:1]), norms(other[:1]))
    assert "[" not in few.splitlines()[-1]
    assert agreement.findings(norms(one), pd.DataFrame())["n"] == 0
    alike, apart = (agreement.findings(norms(one), norms(other + shift)) for shift in (one.mean() - other.mean(), 0.5))
    assert (alike["n"], alike["apart"], apart["apart"]) == (16, [], ["0.5"])
    assert alike["widest"] == pytest.approx((expected.high - expected.low) / 2)
    lost = norms(np.full(3, np.nan))
    assert agreement.findings(norms(one), lost)["n"] == 0 and "–" in agreement.agreement_table(norms(one), lost)
