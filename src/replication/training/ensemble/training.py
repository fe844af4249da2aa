"""What both backends share: the settings of a training, its initial values, its result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from replication.training import seeds
from sparcs import penalties, spectral

Parameters = Mapping[str, np.ndarray]
Progress = Callable[[int], object]


@dataclass(frozen=True)
class Training:
    """How each network is trained: Adam on  MSE + ρ Ω(λ̃)   (4.4).

    penalty: Ω, one of ``spectral.PENALTIES``; it covers the hidden layers' eigenvalues, and the input layer's where
    train_input_eigenvalues lets those leave zero. Or one of ``sparcs.penalties.KINDS``, on the weights that hidden
    eigenvalues open. rho: ρ, or one for each hidden layer: Σ_k ρ_k Ω(λ_k); one for rows and nearest is times
    ``penalties.prices``. rho_skip: strength of ‖W_ℓ1‖. orthonormality: strength of a further penalty,
    ``batched.orthonormality``, on φ. drop_last_batch: leave an epoch's last, smaller batch out. Only PyTorch's backend
    has penalties on weights, on the skip and on φ. Raises ValueError naming the field that is out of range.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    penalty: str
    rho: float | Sequence[float]
    train_input_eigenvalues: bool = False
    rho_skip: float = 0.0
    orthonormality: float = 0.0
    drop_last_batch: bool = False

    def __post_init__(self) -> None:
        for field in ("epochs", "batch_size"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} {getattr(self, field)}: must be at least 1")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate {self.learning_rate}: must be positive")
        for field in ("rho", "rho_skip", "orthonormality"):
            if not np.all(np.asarray(getattr(self, field)) >= 0):
                raise ValueError(f"{field} {getattr(self, field)}: must not be negative")
        if self.train_input_eigenvalues and not np.isscalar(self.rho):
            raise ValueError(f"rho {self.rho}: must be one number where the input eigenvalues are trained")
        if self.penalty not in (*spectral.PENALTIES, *penalties.KINDS):
            allowed = ", ".join((*spectral.PENALTIES, *penalties.KINDS))
            raise ValueError(f"penalty {self.penalty!r}: allowed are {allowed}")


@dataclass(frozen=True)
class Trained:
    """Networks after training.

    parameters: keyed like SpectralNetwork's state_dict, each (trials, …). diverged_epoch: (trials,) int64, the epoch
    (from 0) at whose end a parameter or the loss was not finite, −1 where there was none; that trial stopped there.
    loss: (trials,) float64, mean over the last epoch's points of the squared error, each taken before its batch's
    update and without the penalty; NaN where the trial diverged.
    """

    parameters: dict[str, np.ndarray]
    diverged_epoch: np.ndarray
    loss: np.ndarray


def initial_parameters(
    widths: Sequence[int], trial_seeds: Sequence[int], dtype: type = np.float32, output_eigenvalue: int = 1
) -> dict:
    """The start: φ_k uniform in ±√(6/(N_k + N_{k+1})) (Xavier), λ_1 … λ_{ℓ−1} = 0, λ_ℓ = ±1, so W_ℓ1 alone acts.

    widths: N_1 … N_ℓ, a bias neuron included. trial_seeds: one per trial, the only source of its numbers.
    output_eigenvalue: λ_ℓ, 1 or −1, as of SpectralNetwork.
    Returns ``eigenvectors.k`` (trials, N_{k+2}, N_{k+1}) and ``eigenvalues.k`` (trials, N_{k+1}), k from 0.
    """
    trials, last = len(trial_seeds), len(widths) - 1
    drawn = [_xavier(widths, seeds.generator(seed, "initial")) for seed in trial_seeds]
    parameters = {}
    for k in range(last):
        blocks = [phi[k] for phi in drawn]
        parameters[f"eigenvectors.{k}"] = np.array(blocks, dtype).reshape(trials, widths[k + 1], widths[k])
    for k, width in enumerate(widths):
        parameters[f"eigenvalues.{k}"] = np.full((trials, width), output_eigenvalue if k == last else 0.0, dtype)
    return parameters


def check_parameters(parameters: Parameters, widths: Sequence[int]) -> int:
    """The number of trials. Raises ValueError naming the entry that is missing or has another shape."""
    shapes = {f"eigenvectors.{k}": (after, before) for k, (before, after) in enumerate(pairwise(widths))}
    shapes |= {f"eigenvalues.{k}": (width,) for k, width in enumerate(widths)}
    if set(parameters) != set(shapes):
        raise ValueError(f"initial has entries {sorted(parameters)}: needed are {sorted(shapes)}")
    trials = len(parameters["eigenvalues.0"])
    for key, shape in shapes.items():
        if parameters[key].shape != (trials, *shape):
            raise ValueError(f"initial[{key!r}] of shape {parameters[key].shape}: must be {(trials, *shape)}")
    if trials < 1:
        raise ValueError("initial holds no trials: at least one is needed")
    return trials


def widths_of(parameters: Parameters) -> tuple[int, ...]:
    """N_1 … N_ℓ, read from the eigenvalues."""
    layers = sum(key.startswith("eigenvalues.") for key in parameters)
    return tuple(parameters[f"eigenvalues.{k}"].shape[-1] for k in range(layers))


def _xavier(widths: Sequence[int], generator: np.random.Generator) -> list[np.ndarray]:
    return [
        generator.uniform(-1, 1, (after, before)) * np.sqrt(6 / (before + after)) for before, after in pairwise(widths)
    ]
