"""The depth experiment: one to ten hidden layers where the data needs one. Which of them stay in use?"""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace

import numpy as np
import pandas as pd

from replication.experiments.teacher_student.train import Bundles, predict
from replication.training.ensemble.training import Trained, Training, initial_parameters
from replication.training.work import Results, Work
from sparcs import spectral
from sparcs.metrics import blocks_of, bundles_of, r_squared

SHARE = 0.01  # of the largest: below it an eigenvalue, or a neuron's incoming weights, count as zero
MATTERS = 0.05  # relative increase of the held-out loss above which a deleted layer was in use
MEASURES = [
    "test_mse",
    "test_r2",
    "surviving_by_eigenvalue",
    "surviving_by_function",
    "all_deleted_increase",
    "stayed_linear",
]
LAYER_COLUMNS = [
    "layer",
    "largest_eigenvalue",
    "active_eigenvalues",
    "live_neurons",
    "deleted_increase",
    "survives_by_eigenvalue",
    "survives_by_function",
    "trial",
]
START_POINTS = 1024  # training points on which the start is measured

Data = Mapping[str, np.ndarray]
Parameters = Mapping[str, np.ndarray]


def run(data: Data, work: Work) -> Results:
    """Train networks of one depth from one initial scale, and measure which layers they use."""
    settings, used = work.settings, used_points(data, work.settings)
    on_epoch = work.progress(len(work.trials) * settings.training.epochs, "epochs")
    trained = train(used, settings, work.keys["depth"], work.keys["gain"], work.seeds, work.device, on_epoch)
    return measure_trials(trained, used, settings, work.trials, work.seeds), trained.parameters


def starts(data: Data, work: Work) -> Results:
    """Measure networks of several depths and initial scales before they are trained."""
    settings, used = work.settings, used_points(data, work.settings)
    start = measure_start(used, settings, settings.depths, settings.gains, work.trials, work.seeds)
    return {"start": start}, {}


def used_points(data: Data, settings: SimpleNamespace) -> dict[str, np.ndarray]:
    """The first points of experiment 1's or 2's data: x_train, y_train, x_test, y_test, each (points, neurons)."""
    test = "test" if "x_test" in data else "held_out"
    cuts = {"train": ("train", settings.points), "test": (test, settings.test_points)}
    used = {f"{axis}_{name}": data[f"{axis}_{split}"][:n] for name, (split, n) in cuts.items() for axis in "xy"}
    return {name: array.reshape(len(array), -1) for name, array in used.items()}


def start(
    data: Data, settings: SimpleNamespace, depth: int, gain: float, seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    """The perceptron start with every φ_k times ``gain``: 1 is Xavier's, the default everywhere else."""
    inputs, outputs = data["x_train"].shape[1] + int(settings.bias), data["y_train"].shape[1]
    initial = initial_parameters((inputs, *[settings.hidden] * depth, outputs), seeds, np.float32)
    scale = np.float32(gain)
    return {name: array * scale if name.startswith("eigenvectors.") else array for name, array in initial.items()}


def train(
    data: Data,
    settings: SimpleNamespace,
    depth: int,
    gain: float,
    seeds: Sequence[int],
    device: str,
    on_epoch: Callable[[int], None] | None = None,
) -> Trained:
    """Train one trial per seed; data as from ``used_points``."""
    from replication.training.ensemble import batched  # loads torch

    initial, training = start(data, settings, depth, gain, seeds), Training(**vars(settings.training))
    return batched.train(
        initial,
        data["x_train"],
        data["y_train"],
        seeds,
        training,
        bias=settings.bias,
        device=device,
        on_epoch=on_epoch,
    )


def measure_trials(
    trained: Trained, data: Data, settings: SimpleNamespace, trials: Sequence[int], seeds: Sequence[int]
) -> dict[str, pd.DataFrame]:
    """The tables of one job; a trial that diverged has its row alone, with NaN measures.

    One whose loss on the test points is not finite has diverged by its last step, which no training loss tells.
    """
    from replication.experiments.depth import compaction  # loads torch

    rows, layers = [], []
    for index, (trial, seed, diverged) in enumerate(zip(trials, seeds, trained.diverged_epoch, strict=True)):
        row = {"trial": trial, "seed": seed, "diverged_epoch": int(diverged)}
        row |= dict.fromkeys([*MEASURES, *compaction.COLUMNS], np.nan)
        if diverged < 0:
            parameters = {name: array[index] for name, array in trained.parameters.items()}
            scalars, of_layers = measure(parameters, data, settings)
            scalars |= compaction.measure(parameters, data, settings)
            if np.isfinite([scalars["test_mse"], scalars["compact_neurons"]]).all():
                row |= scalars
                layers.append(of_layers.assign(trial=trial))
            else:
                row["diverged_epoch"] = settings.training.epochs - 1
        rows.append(row)
    empty = pd.DataFrame(columns=LAYER_COLUMNS, dtype=float)
    return {"trials": pd.DataFrame(rows), "layers": pd.concat(layers) if layers else empty}


def measure(parameters: Parameters, data: Data, settings: SimpleNamespace) -> tuple[dict[str, float], pd.DataFrame]:
    """What is reported of one trial: a row of scalars, and a row per hidden layer.

    parameters: arrays without a trials axis. A layer survives by eigenvalue if its largest |λ| is at least 1 % of the
    largest of all hidden layers. It survives by function if its deletion in weight space raises the held-out loss by
    more than 5 %. The network stayed linear if the deletion of all hidden layers together raises it by no more.
    """
    phi, lam = blocks_of(parameters)
    bundles = bundles_of(phi, lam)
    x, y = with_bias(data["x_test"], settings), data["y_test"]
    output = predict(bundles, x)
    layers = layer_table(lam, bundles, x, y)
    none_left = loss_increase(bundles, lam, range(2, len(lam)), x, y)
    row = {
        "test_mse": mean_square(y, output),
        "test_r2": r_squared(y, output),
        "surviving_by_eigenvalue": float(layers["survives_by_eigenvalue"].sum()),
        "surviving_by_function": float(layers["survives_by_function"].sum()),
        "all_deleted_increase": none_left,
        "stayed_linear": float(none_left <= MATTERS),
    }
    return row, layers


def layer_table(lam: Sequence[np.ndarray], bundles: Bundles, x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """One row per hidden layer, counted from 2 as in the paper: its eigenvalues, its neurons, what its deletion costs.

    With λ_1 = 0 layer k+1 is live when λ_k ≠ 0, whatever its own eigenvalues are. So a neuron counts as live if its row
    of W_{k+1,k} has more than 1 % of the norm of the largest such row in any hidden layer.
    """
    hidden = range(2, len(lam))
    rows_of_weights = {layer: np.linalg.norm(bundles[layer, layer - 1], axis=-1) for layer in hidden}  # (N_k,)
    strongest = max(float(norms.max()) for norms in rows_of_weights.values())
    sizes = {layer: np.abs(lam[layer - 1]) for layer in hidden}  # (N_k,)
    largest = max(float(size.max()) for size in sizes.values())
    increases = {layer: loss_increase(bundles, lam, [layer], x, y) for layer in hidden}
    return pd.DataFrame(
        {
            "layer": layer,
            "largest_eigenvalue": float(sizes[layer].max()),
            "active_eigenvalues": int((sizes[layer] > SHARE * largest).sum()),
            "live_neurons": int((rows_of_weights[layer] > SHARE * strongest).sum()),
            "deleted_increase": increases[layer],
            "survives_by_eigenvalue": bool(largest > 0 and sizes[layer].max() >= SHARE * largest),
            "survives_by_function": increases[layer] > MATTERS,
        }
        for layer in hidden
    )


def loss_increase(
    bundles: Bundles, lam: Sequence[np.ndarray], layers: Sequence[int], x: np.ndarray, y: np.ndarray
) -> float:
    """Relative increase of the mean squared error when layers are deleted in weight space, their skips left alone."""
    keep = {layer: np.zeros(len(lam[layer - 1]), x.dtype) for layer in layers}
    return mean_square(y, predict(bundles, x, keep)) / mean_square(y, predict(bundles, x)) - 1


def measure_start(
    data: Data,
    settings: SimpleNamespace,
    depths: Sequence[int],
    gains: Sequence[float],
    trials: Sequence[int],
    seeds: Sequence[int],
) -> pd.DataFrame:
    """Networks before training, one row per depth, gain and seed: do the products of φ blow up or vanish?

    At the start the network is the linear map  P = (−1)^B φ_B … φ_1. Columns: ``variance_ratio``, the output's
    variance over the input's, ‖P‖_F² / N_ℓ for independent inputs of equal variance; ``largest_singular_value`` of P;
    ``loss_ratio``, the loss over that of the best constant; norms of the data loss's gradients, for all φ together
    (``gradient_phi``) and for λ_B (``gradient_eigenvalues``): the other hidden eigenvalues have none at step 1.
    """
    rows = []
    for depth in depths:
        for gain in gains:
            for trial, seed in zip(trials, seeds, strict=True):
                initial = start(data, settings, depth, gain, [seed])
                parameters = {name: array[0].astype(np.float64) for name, array in initial.items()}
                rows.append(
                    {"depth": depth, "gain": gain, "trial": trial, "seed": seed} | _start(parameters, data, settings)
                )
    return pd.DataFrame(rows)


def _start(parameters: Parameters, data: Data, settings: SimpleNamespace) -> dict[str, float]:
    import torch  # only here and in training

    x = with_bias(data["x_train"][:START_POINTS], settings).astype(np.float64)  # (points, N_1)
    y = data["y_train"][:START_POINTS].astype(np.float64)  # (points, N_ℓ)
    tensors = {name: torch.tensor(array, requires_grad=True) for name, array in parameters.items()}
    count = sum(name.startswith("eigenvectors.") for name in tensors)
    phi = [tensors[f"eigenvectors.{k}"] for k in range(count)]
    lam = [tensors[f"eigenvalues.{k}"] for k in range(count + 1)]
    output = spectral.forward_bundles(phi, lam, torch.tensor(x), torch.relu)  # (points, N_ℓ)
    loss = (output - torch.tensor(y)).square().mean()
    loss.backward()
    product = np.linalg.multi_dot([block.detach().numpy() for block in reversed(phi)])  # (N_ℓ, N_1)
    return {
        "variance_ratio": float(np.square(product).sum() / len(product)),
        "largest_singular_value": float(np.linalg.norm(product, 2)),
        "loss_ratio": float(loss.detach()) / float(y.var(axis=0).mean()),
        "gradient_phi": float(torch.cat([block.grad.flatten() for block in phi]).norm()),
        "gradient_eigenvalues": float(lam[-2].grad.norm()),
    }


def with_bias(x: np.ndarray, settings: SimpleNamespace) -> np.ndarray:
    """The inputs with the constant 1 of the bias neuron, where there is one; (points, N_1)."""
    return np.concatenate([x, np.ones_like(x[:, :1])], axis=1) if settings.bias else x


def mean_square(target: np.ndarray, prediction: np.ndarray) -> float:
    """Mean squared error over points and outputs, in float64."""
    return float(np.square(target - prediction, dtype=np.float64).mean())
