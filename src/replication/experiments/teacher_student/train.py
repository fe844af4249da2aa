"""Experiment 2: a student with two hidden layers, or any number, learns from a teacher with one (Table 4)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace

import numpy as np
import pandas as pd

from replication.data import teacher
from replication.experiments.teacher_student.survival import SURVIVES
from replication.training.ensemble.training import Trained, Training, initial_parameters
from replication.training.work import Results, Work, WorkError
from sparcs.metrics import blocks_of, bundles_of, forward, live, r_squared

OF_A_LAYER = ["largest_eigenvalue_{}", "layer_{}_deleted_increase"]
MEASURES = [  # besides those of every hidden layer
    "test_mse",
    "test_r2",
    "eigenvalue_ratio",
    "surviving_layer",
    "other_layer_loss_increase",
    "kept_eigenvalues",
    "live_neurons",
    "trimmed_r2",
    "kept_neurons_weight_space",
    "trimmed_r2_weight_space",
]
EIGENVALUE_COLUMNS = ["layer", "neuron", "eigenvalue", "trial"]
PRUNING_COLUMNS = ["kept", "live", "r2", "relative_increase", "removal", "trial"]
EVERY = 400  # hidden neurons up to which a pruning curve has every count
BLOCK = 1000  # rows evaluated at a time, so that activities stay in the cache

Bundles = Mapping[tuple[int, int], np.ndarray]


def run(data: Mapping[str, np.ndarray], work: Work) -> Results:
    """Train students of one teacher, measure and prune them. Raises WorkError if no point is left."""
    points = len(data["x_test"])
    if work.settings.selection_points >= points:
        chosen_on = f"selection_points = {work.settings.selection_points}"
        raise WorkError(f"{chosen_on}: allowed are fewer than the {points} test points of the data")
    training, points = work.settings.training, len(data["x_train"])
    if training.drop_last_batch and training.batch_size > points:
        raise WorkError(f"batch_size = {training.batch_size}: allowed are at most the {points} points of the data")
    on_epoch = work.progress(len(work.trials) * work.settings.training.epochs, "epochs")
    trained = train(data, work.seeds, work.settings, work.device, on_epoch)
    return measure_trials(trained, data, work.settings, work.trials, work.seeds), trained.parameters


def survival_map(data: Mapping[str, np.ndarray], work: Work) -> Results:
    """Students with a strength for each hidden layer, on a teacher's first points; their measures alone are kept."""
    counts = {"train": work.settings.points, "test": work.settings.test_points}
    first = {f"{name}_{split}": data[f"{name}_{split}"][:count] for split, count in counts.items() for name in "xy"}
    tables, _ = run(first, work)
    return {"map": tables["trials"]}, {}


def linear(data: None, work: Work) -> Results:
    """Linear regression on several teachers, with and without intercept, one and two rotations (claim D1)."""
    settings = work.settings
    seeds = range(settings.first_seed, settings.first_seed + settings.teachers)
    return {"linear": linear_baseline(settings.size, settings.points, settings.test_points, seeds)}, {}


def train(
    data: Mapping[str, np.ndarray],
    seeds: Sequence[int],
    settings: SimpleNamespace,
    device: str,
    on_epoch: Callable[[int], None] | None = None,
) -> Trained:
    """Train one trial per seed on x_train, y_train (points, n)."""
    from replication.training.ensemble import batched  # loads torch

    initial = initial_parameters(settings.widths, seeds, np.float32, settings.output_eigenvalue)
    training = Training(**vars(settings.training))
    return batched.train(initial, data["x_train"], data["y_train"], seeds, training, device=device, on_epoch=on_epoch)


def measure_trials(
    trained: Trained,
    data: Mapping[str, np.ndarray],
    settings: SimpleNamespace,
    trials: Sequence[int],
    seeds: Sequence[int],
) -> dict[str, pd.DataFrame]:
    """The tables of one job; a trial that diverged has its row alone, with NaN measures.

    One whose output on the test points is not finite has diverged by its last step, which no training loss tells.
    """
    rows, others = [], {"eigenvalues": [], "pruning": []}
    layers = range(2, len(settings.widths))
    unmeasured = dict.fromkeys([measure.format(layer) for measure in OF_A_LAYER for layer in layers] + MEASURES, np.nan)
    for index, (trial, seed, diverged) in enumerate(zip(trials, seeds, trained.diverged_epoch, strict=True)):
        row = {"trial": trial, "seed": seed, "diverged_epoch": int(diverged)}
        row |= unmeasured
        if diverged < 0:
            parameters = {name: array[index] for name, array in trained.parameters.items()}
            scalars, eigenvalues, pruning = measure(parameters, data, settings)
            if np.isfinite(scalars["test_mse"]):
                row |= scalars
                others["eigenvalues"].append(eigenvalues.assign(trial=trial))
                others["pruning"].append(pruning.assign(trial=trial))
            else:
                row["diverged_epoch"] = settings.training.epochs - 1
        rows.append(row)
    empty = {"eigenvalues": EIGENVALUE_COLUMNS, "pruning": PRUNING_COLUMNS}
    return {"trials": pd.DataFrame(rows)} | {
        name: pd.concat(parts) if parts else pd.DataFrame(columns=empty[name], dtype=float)
        for name, parts in others.items()
    }


def measure(
    parameters: Mapping[str, np.ndarray], data: Mapping[str, np.ndarray], settings: SimpleNamespace
) -> tuple[dict[str, float], pd.DataFrame, pd.DataFrame]:
    """What is reported of one trial: a row of scalars, its hidden eigenvalues, and its pruning curves.

    parameters: arrays without a trials axis. Pruning is chosen on the first ``selection_points`` test points and
    reported on the rest.
    """
    phi, lam = blocks_of(parameters)
    bundles = bundles_of(phi, lam)
    x, y = data["x_test"], data["y_test"]
    choose, report = slice(None, settings.selection_points), slice(settings.selection_points, None)
    output = predict(bundles, x)
    row = {"test_mse": _mse(y, output), "test_r2": r_squared(y, output)}
    row |= layer_survival(lam, bundles, x[report], y[report])
    curves = pd.concat(
        [
            by_eigenvalue(phi, lam, x[choose], y[choose]).assign(removal="eigenvalue"),
            by_weight_space(phi, lam, x[choose], y[choose]).assign(removal="weight_space"),
        ],
        ignore_index=True,
    )
    kept = {name: fewest_within(curve, settings.loss_budget) for name, curve in curves.groupby("removal")}
    off = pruning_order(lam)
    trimmed = bundles_of(phi, without_eigenvalues(lam, off[: len(off) - kept["eigenvalue"]["kept"]]))
    row |= {
        "kept_eigenvalues": kept["eigenvalue"]["kept"],
        "live_neurons": kept["eigenvalue"]["live"],
        "trimmed_r2": r_squared(y[report], predict(trimmed, x[report])),
    }
    keep = keep_masks(lam, off[: len(off) - kept["weight_space"]["kept"]])
    row |= {
        "kept_neurons_weight_space": kept["weight_space"]["kept"],
        "trimmed_r2_weight_space": r_squared(y[report], predict(bundles, x[report], keep)),
    }
    return row, eigenvalue_table(lam), curves


def layer_survival(lam: Sequence[np.ndarray], bundles: Bundles, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Claim D2: which hidden layer's eigenvalues survive, and what the other layers still do.

    The ratio is that of the two largest of the layers' largest |λ|. A layer is deleted in weight space, removal (ii):
    its neurons go, every skip stays as trained; the loss on (x, y) rises by the reported relative amount.
    """
    largest = {layer: float(np.abs(block).max()) for layer, block in enumerate(lam[1:-1], start=2)}
    survivor, *others = sorted(largest, key=largest.get, reverse=True)
    next_largest = max((largest[layer] for layer in others), default=0.0)
    ratio = largest[survivor] / next_largest if next_largest > 0 else np.inf
    full = _mse(y, predict(bundles, x))

    def increase(*deleted: int) -> float:
        keep = {layer: np.zeros(len(lam[layer - 1]), x.dtype) for layer in deleted}
        return _mse(y, predict(bundles, x, keep)) / full - 1

    return {
        **{f"largest_eigenvalue_{layer}": value for layer, value in largest.items()},
        **{f"layer_{layer}_deleted_increase": increase(layer) for layer in largest},
        "eigenvalue_ratio": ratio,
        "surviving_layer": survivor if ratio >= SURVIVES else 0,
        "other_layer_loss_increase": increase(*others),
    }


def pruning_order(lam: Sequence[np.ndarray]) -> list[tuple[int, int]]:
    """Hidden neurons (layer, index) in order of |λ| over all hidden layers, the smallest first."""
    neurons = [(layer, h) for layer, block in enumerate(lam[1:-1], start=2) for h in range(len(block))]
    return sorted(neurons, key=lambda neuron: abs(lam[neuron[0] - 1][neuron[1]]))


def counts_kept(neurons: int) -> list[int]:
    """The numbers of neurons kept of which a pruning curve consists, from all to none.

    Every one up to 400 neurons; of more, every one up to 100 and a hundred above, for each costs an evaluation.
    """
    several = range(neurons + 1) if neurons <= EVERY else {*range(101), *np.linspace(100, neurons, 101).astype(int)}
    return sorted(map(int, several), reverse=True)


def without_eigenvalues(lam: Sequence[np.ndarray], off: Iterable[tuple[int, int]]) -> list[np.ndarray]:
    """λ with the eigenvalues of the given neurons set to 0: removal (i), the paper's. It changes skips too."""
    lam = [block.copy() for block in lam]
    for layer, h in off:
        lam[layer - 1][h] = 0
    return lam


def keep_masks(lam: Sequence[np.ndarray], off: Iterable[tuple[int, int]]) -> dict[int, np.ndarray]:
    """Masks of the hidden layers: 1 for neurons that stay, 0 for those deleted in weight space, removal (ii)."""
    masks = {layer: np.ones(len(block), np.float32) for layer, block in enumerate(lam[1:-1], start=2)}
    for layer, h in off:
        masks[layer][h] = 0
    return masks


def by_eigenvalue(phi: Sequence[np.ndarray], lam: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """Figure 10's curve by removal (i): loss against eigenvalues kept, more and more of them set to 0.

    Columns kept, live (neurons of all hidden layers that can still act), relative_increase, r2, on (x, y).
    """
    off, rows = pruning_order(lam), []
    for kept in counts_kept(len(off)):
        trimmed = without_eigenvalues(lam, off[: len(off) - kept])
        alive = sum(int(mask.sum()) for mask in live(phi, trimmed))
        rows.append((kept, alive, *_loss(y, predict(bundles_of(phi, trimmed), x))))
    return _curve(rows)


def by_weight_space(phi: Sequence[np.ndarray], lam: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """The same curve by removal (ii): neurons deleted in weight space, in the same order, skips as trained."""
    off, rows, bundles = pruning_order(lam), [], bundles_of(phi, lam)
    alive = {(layer, h): mask[h] for layer, mask in enumerate(live(phi, lam), start=2) for h in range(len(mask))}
    for kept in counts_kept(len(off)):
        removed = len(off) - kept
        left = sum(bool(alive[neuron]) for neuron in off[removed:])
        rows.append((kept, left, *_loss(y, predict(bundles, x, keep_masks(lam, off[:removed])))))
    return _curve(rows)


def fewest_within(curve: pd.DataFrame, budget: float) -> dict[str, int]:
    """The point of a pruning curve with the fewest neurons kept whose loss is within the budget; all, if none is."""
    within = curve[curve["relative_increase"] <= budget].nsmallest(1, "kept")
    best = (curve.nlargest(1, "kept") if within.empty else within).iloc[0]
    return {"kept": int(best["kept"]), "live": int(best["live"])}


def eigenvalue_table(lam: Sequence[np.ndarray]) -> pd.DataFrame:
    """Hidden eigenvalues, one row per neuron (Figure 9)."""
    return pd.concat(
        [
            pd.DataFrame({"layer": layer, "neuron": np.arange(len(block)) + 1, "eigenvalue": block})
            for layer, block in enumerate(lam[1:-1], start=2)
        ],
        ignore_index=True,
    )


def predict(bundles: Bundles, x: np.ndarray, keep: Mapping[int, np.ndarray] | None = None) -> np.ndarray:
    """The network's output on x (points, n), in the dtype of x; (points, n)."""
    bundles = {key: weight.astype(x.dtype) for key, weight in bundles.items()}
    return np.concatenate([forward(bundles, x[k : k + BLOCK], keep) for k in range(0, len(x), BLOCK)])


def linear_baseline(n: int, points: int, test_points: int, seeds: Sequence[int]) -> pd.DataFrame:
    """R² of linear regression on several teachers, with and without intercept, one and two rotations (claim D1)."""
    rows = []
    for seed in seeds:
        for rotations in (1, 2):
            data = teacher.draw(n, points, test_points, seed, rotations)
            for intercept in (False, True):
                rows.append((seed, rotations, intercept, teacher.linear_r2(data, intercept)))
    return pd.DataFrame(rows, columns=["teacher", "rotations", "intercept", "r2"])


def _mse(target: np.ndarray, prediction: np.ndarray) -> float:
    return float(np.square(target - prediction, dtype=np.float64).mean())


def _loss(target: np.ndarray, prediction: np.ndarray) -> tuple[float, float]:
    return _mse(target, prediction), r_squared(target, prediction)


def _curve(rows: list[tuple]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["kept", "live", "mse", "r2"])
    return table.assign(relative_increase=table["mse"] / table["mse"].iloc[0] - 1).drop(columns="mse")
