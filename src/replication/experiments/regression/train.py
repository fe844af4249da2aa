"""Experiment 1: an α/β regression by a perceptron that may recruit one hidden layer (Table 3)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace

import numpy as np
import pandas as pd

from replication.data.regression import target
from replication.training.ensemble.training import Trained, Training, initial_parameters
from replication.training.work import Results, Work, WorkError
from sparcs.metrics import blocks_of, bundles_of, forward, path_norms, r_squared

GRID = 33  # points per axis of the fitted surface that figures show

Parameters = Mapping[str, np.ndarray]


def run(data: Mapping[str, np.ndarray], work: Work) -> Results:
    """Train and measure the trials of one data set, and show trial 0 where it is among them."""
    settings = work.settings
    on_epoch = work.progress(len(work.trials) * settings.training.epochs, "epochs")
    trained = train(data, work.seeds, settings, work.device, on_epoch)
    trials = measure(trained, data, settings.active_threshold).assign(trial=work.trials, seed=work.seeds)
    shown = model_tables(trained.parameters, **work.keys) if 0 in work.trials else {}
    return {"trials": trials} | {name: table.assign(trial=0) for name, table in shown.items()}, trained.parameters


def train(
    data: Mapping[str, np.ndarray],
    seeds: Sequence[int],
    settings: SimpleNamespace,
    device: str,
    on_epoch: Callable[[int], None] | None = None,
    output_eigenvalue: int = 1,
) -> Trained:
    """Train one trial per seed on x_train (points, 2), y_train (points,), with the backend that fits the device.

    output_eigenvalue: λ_3 at the start. Raises WorkError if the settings name a backend that does not fit.
    """
    backend = {"auto": "kernel" if device == "cpu" else "torch"}.get(settings.backend, settings.backend)
    widths = (settings.widths[0] + 1, *settings.widths[1:])
    initial = initial_parameters(widths, seeds, np.float32, output_eigenvalue)
    training = Training(**vars(settings.training))
    if backend == "kernel" and device != "cpu":
        raise WorkError(f"regression.backend = 'kernel' with device = {device!r}: allowed is device = 'cpu'")
    if backend == "kernel":
        from replication.training.ensemble import kernel  # compiles: imported only where it trains

        return kernel.train(initial, data["x_train"], data["y_train"], seeds, training, on_epoch)
    from replication.training.ensemble import batched  # loads torch

    targets = data["y_train"][:, None]  # (points, 1)
    return batched.train(
        initial, data["x_train"], targets, seeds, training, bias=True, device=device, on_epoch=on_epoch
    )


def measure(trained: Trained, data: Mapping[str, np.ndarray], active_threshold: float) -> pd.DataFrame:
    """One row per trial: fit on the held-out points, norms of paths and eigenvalues, active hidden neurons.

    ‖Γ‖² = Σ_j (Σ_i W_32,ij²)(Σ_k W_21,jk²), the bias column included; |λ| over λ_1 and λ_2 together.
    train_mse is the mean over the last epoch's batches, each before its update. A trial that diverged has NaN measures.
    """
    phi, lam = blocks_of(trained.parameters)
    bundles = bundles_of(phi, lam)
    norms = path_norms(bundles[2, 1], bundles[3, 2])  # (trials, hidden)
    eigenvalues = np.abs(np.concatenate(lam[:2], axis=-1))  # (trials, N_1 + N_2)
    table = pd.DataFrame(
        {
            "gamma_norm": np.sqrt(np.square(norms).sum(axis=-1)),
            "mean_abs_eigenvalue": eigenvalues.mean(axis=-1),
            "eigenvalue_norm": np.sqrt(np.square(eigenvalues).sum(axis=-1)),
            "skip_norm": np.sqrt(np.square(bundles[3, 1]).sum(axis=(-2, -1))),
            "train_mse": trained.loss,
            "active_neurons": (norms > active_threshold).sum(axis=-1).astype(float),
        }
    )
    for trial in range(len(table)):
        network = {key: weight[trial].astype(np.float32) for key, weight in bundles.items()}
        prediction = predict(network, data["x_held_out"])
        table.loc[trial, "mse"] = np.square(data["y_held_out"] - prediction, dtype=np.float64).mean()
        table.loc[trial, "r2"] = r_squared(data["y_held_out"], prediction)
    table[trained.diverged_epoch >= 0] = np.nan
    return table.assign(diverged_epoch=trained.diverged_epoch)


def predict(bundles: Mapping[tuple[int, int], np.ndarray], x: np.ndarray, rows: int = 200) -> np.ndarray:
    """The network's output on x (points, 2), without the bias column; (points,).

    It is computed in blocks that stay in the cache.
    """
    x = np.concatenate([x, np.ones_like(x[:, :1])], axis=1)  # (points, 3)
    return np.concatenate([forward(bundles, x[k : k + rows])[:, 0] for k in range(0, len(x), rows)])


def finish(
    tables: Mapping[str, pd.DataFrame], done: Iterable[tuple[Mapping, Callable[[], Parameters]]], settings: Mapping
) -> dict[str, pd.DataFrame]:
    """Besides the gathered tables, ``data_sets``: of each data set the number of trials and the norm of their mean Γ.

    done: the columns that a job's rows have in common, and what reads its parameters.
    """
    chunks: dict[tuple, list[Parameters]] = {}
    for keys, parameters in done:
        chunks.setdefault((keys["beta"], keys["alpha"]), []).append(parameters())
    rows = [
        {"beta": beta, "alpha": alpha, "trials": trials_of(parts), "norm_of_mean_gamma": norm_of_mean_gamma(parts)}
        for (beta, alpha), parts in sorted(chunks.items())
    ]
    return {**tables, "data_sets": pd.DataFrame(rows)}


def trials_of(chunks: Sequence[Parameters]) -> int:
    """The number of trials whose parameters these are."""
    return sum(len(parameters["eigenvalues.0"]) for parameters in chunks)


def model_tables(parameters: Parameters, alpha: float, beta: float) -> dict[str, pd.DataFrame]:
    """The first trial on one data set, as tidy tables."""
    fitted = surface(parameters, 0, lambda x: target(x, alpha, beta))
    return {**architecture(parameters, 0), "surface": fitted}


def norm_of_mean_gamma(chunks: Sequence[Parameters]) -> float:
    """‖Γ̄‖, Γ̄ the mean over trials of Γ_ijk = [W_32]_ij [W_21]_jk: one reading of Figure 14.

    It has no meaning, since hidden neurons are exchangeable between trials; it is reported beside mean ‖Γ‖.
    """
    every = [bundles_of(*blocks_of(parameters)) for parameters in chunks]
    gamma = np.concatenate([bundles[3, 2][:, 0, :, None] * bundles[2, 1] for bundles in every])  # (trials, hidden, N_1)
    gamma = gamma[np.isfinite(gamma).all(axis=(1, 2))]
    return float(np.sqrt(np.square(gamma.mean(axis=0)).sum())) if len(gamma) else float("nan")


def architecture(parameters: Parameters, trial: int) -> dict[str, pd.DataFrame]:
    """Paths, skips and eigenvalues of one trained network, as tidy tables (Figure 15)."""
    phi, lam = blocks_of({name: array[trial] for name, array in parameters.items()})
    bundles = bundles_of(phi, lam)
    hidden, inputs = (index.ravel() for index in np.indices(bundles[2, 1].shape))
    w21, w32 = bundles[2, 1][hidden, inputs], bundles[3, 2][0, hidden]
    paths = pd.DataFrame({"hidden": hidden + 1, "input": inputs + 1, "w21": w21, "w32": w32, "gamma": w32 * w21})
    skips = pd.DataFrame({"input": np.arange(len(lam[0])) + 1, "w31": bundles[3, 1][0]})
    eigenvalues = pd.concat(
        pd.DataFrame({"layer": layer, "neuron": np.arange(len(block)) + 1, "eigenvalue": block})
        for layer, block in enumerate(lam, start=1)
    )
    return {"paths": paths, "skips": skips, "eigenvalues": eigenvalues}


def surface(parameters: Parameters, trial: int, target: Callable[[np.ndarray], np.ndarray]) -> pd.DataFrame:
    """The target and one trained network's output on a grid over [−1, 1]² (Figures 7, 11, 12)."""
    axis = np.linspace(-1, 1, GRID)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)  # (GRID², 2)
    phi, lam = blocks_of({name: array[trial] for name, array in parameters.items()})
    fitted = predict(bundles_of(phi, lam), x)
    return pd.DataFrame({"x1": x[:, 0], "x2": x[:, 1], "target": target(x), "fitted": fitted})
