"""Settings, starts and shuffles that both backends share; the benchmark's rows."""

import numpy as np
import pytest

from replication.experiments.cost import step_time as benchmark
from replication.training import seeds
from replication.training.ensemble.batches import epoch_orders
from replication.training.ensemble.training import Training, initial_parameters


def orders(seed, points, epochs):
    return epoch_orders(seeds.generator(seed, "batches"), points, epochs)


@pytest.mark.parametrize("points", [1, 2, 101, 10_000])
def test_each_epoch_is_a_shuffle_of_its_own(points):
    shuffles = np.concatenate([orders(1, points, 3), orders(2, points, 3)])
    assert (np.sort(shuffles, axis=1) == np.arange(points)).all()
    if points > 100:
        assert len(np.unique(shuffles, axis=0)) == 6
        agreements = [(a == b).sum() for k, a in enumerate(shuffles) for b in shuffles[:k]]
        assert max(agreements) < 10  # one on average


@pytest.mark.parametrize("points", [10, 11])
def test_shuffles_do_not_depend_on_how_many_are_drawn_at_once(points):
    generator = seeds.generator(4, "batches")
    drawn = np.concatenate([epoch_orders(generator, points, epochs) for epochs in (3, 1, 2)])
    assert np.array_equal(drawn, orders(4, points, 6))


def test_shuffles_are_uniform():
    points, epochs = 8, 40_000
    shuffles = orders(5, points, epochs)
    counts = np.array([np.bincount(shuffles[:, place], minlength=points) for place in range(points)])
    expected = epochs / points
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert chi_squared < 100  # 49 degrees of freedom: exceeded once in 30,000 seeds
    pairs = np.bincount(shuffles[:, 0] * points + shuffles[:, 1], minlength=points * points).reshape(points, points)
    assert not pairs.diagonal().any()
    expected = epochs / (points * (points - 1))
    off = pairs[~np.eye(points, dtype=bool)]
    assert ((off - expected) ** 2 / expected).sum() < 110  # 55 degrees of freedom


def test_initial_parameters_are_a_perceptron_of_the_trials_own_seed():
    widths = (4, 6, 5, 2)
    start = initial_parameters(widths, [8, 9], np.float32)
    for k in range(3):
        block = start[f"eigenvectors.{k}"]
        assert block.shape == (2, widths[k + 1], widths[k])
        assert block.dtype == np.float32
        bound = np.sqrt(6 / (widths[k] + widths[k + 1]))
        assert 0.7 * bound < np.abs(block).max() <= bound
        assert not start[f"eigenvalues.{k}"].any()
    assert (start["eigenvalues.3"] == 1).all()
    alone = initial_parameters(widths, [9], np.float32)
    assert all(np.array_equal(value[0], start[key][1]) for key, value in alone.items())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_other_start_differs_in_the_last_eigenvalues_alone(dtype):
    """To the bit: all others are +0, too."""
    start, other = (initial_parameters((4, 6, 5, 2), [8, 9], dtype, sign) for sign in (1, -1))
    assert (other["eigenvalues.3"] == -1).all() and other["eigenvalues.3"].dtype == dtype
    for key in start.keys() - {"eigenvalues.3"}:
        assert other[key].tobytes() == start[key].tobytes()


def test_no_trials_are_still_shaped():
    assert initial_parameters((3, 5, 1), [])["eigenvectors.0"].shape == (0, 5, 3)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("penalty", "l3"),
        ("rho", -1.0),
        ("rho", np.nan),
        ("rho", (0.1, -1.0)),
        ("orthonormality", -1.0),
    ],
)
def test_settings_out_of_range_are_named(field, value):
    good = {"epochs": 1, "batch_size": 1, "learning_rate": 1e-3, "penalty": "l2", "rho": 0.0}
    with pytest.raises(ValueError, match=field):
        Training(**(good | {field: value}))


def test_strengths_of_layers_leave_no_one_for_the_input():
    with pytest.raises(ValueError, match=r"rho .*: must be one number where the input eigenvalues are trained"):
        Training(1, 1, 1e-3, "l2", (0.1, 0.1), train_input_eigenvalues=True)


def test_benchmark_rows():
    assert benchmark.flop_per_step(300, 100) == 480_000
    rows = benchmark.microseconds_per_step(points=200, repeats=1)
    assert [row["way"] for row in rows] == [
        "kernel",
        "kernel, early: epochs 10 to 60",
        "kernel, late: epochs 200 to 250",
        "batched, one trial",
        "batched, 16 trials at once",
        "eager",
    ]
    assert all(0 < row["best"] <= row["median"] for row in rows)
