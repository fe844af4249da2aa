"""The heads that are compared on images: linear, SPARCS, and a plain hidden layer as a control."""

from collections.abc import Callable, Sequence
from time import perf_counter, process_time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replication.training.seeds import generator
from sparcs.heads import spectral_head
from sparcs.network import SpectralNetwork

MEASURES = (
    "test_accuracy",
    "validation_accuracy",
    "parameters",
    "recruited_neurons",
    "compact_neurons",
    "compact_parameters",
    "compact_test_accuracy",
)


def new_head(kind: str, widths: Sequence[int], bias: bool, seed: int) -> nn.Module:
    """A head at its start, (batch, N_1) -> (batch, N_3).

    kind: "linear" or "mlp", of linear layers with PyTorch's initial values, or "spectral". The draws depend on
    ``seed`` alone and leave PyTorch's global generator as it was.
    """
    inputs, hidden, classes = widths
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "linear":
            return nn.Linear(inputs, classes, bias=bias)
        if kind == "mlp":
            layers = nn.Linear(inputs, hidden, bias=bias), nn.Linear(hidden, classes, bias=bias)
            return nn.Sequential(layers[0], nn.ReLU(), layers[1])
        return spectral_head(inputs, hidden, classes, bias=bias)


def split_rows(available: int, used: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that validate and rows that train, of at most ``used`` points in a seeded order."""
    order = generator(seed, "split").permutation(available)[:used]
    held = round(share * len(order))
    return order[:held], order[held:]


def clock(device: str) -> Callable[[], float]:
    """Seconds by the core on a CPU, where a trial has one thread and may share the core; else by the clock."""
    return process_time if device == "cpu" else perf_counter


def losses(head: nn.Module, output: Tensor, y: Tensor, training: SimpleNamespace) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the outputs (batch, classes), and the same plus ρ Ω(λ̃) of (4.4) for a SPARCS head."""
    data_loss = F.cross_entropy(output, y)
    if not isinstance(head, SpectralNetwork):
        return data_loss, data_loss
    return data_loss, data_loss + training.rho * head.penalty(training.penalty)


@torch.no_grad()
def accuracy(head: nn.Module, x: Tensor, y: Tensor) -> float:
    """Per cent of the rows of x, (n, N_1), for which the largest output is the class."""
    return 100 * float((head(x).argmax(dim=1) == y).double().mean())


@torch.no_grad()
def diverged(network: nn.Module, head: nn.Module, x: Tensor, y: Tensor) -> bool:
    """Whether a parameter of the network, or its head's cross-entropy on features (n, N_1), is not finite."""
    loss = F.cross_entropy(head(x), y)
    return not all(bool(value.isfinite().all()) for value in (loss, *network.parameters()))


def measure(head: nn.Module, validation: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Accuracies on features (n, N_1) with classes (n,), and the neurons that a SPARCS head recruited."""
    measures = {"test_accuracy": accuracy(head, *test), "validation_accuracy": accuracy(head, *validation)}
    if isinstance(head, SpectralNetwork):
        measures["recruited_neurons"] = float(sum(head.active_neurons(floor=0.0)))
    return not_measured(head) | measures


def compacted(
    head: nn.Module, validation: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], budget: float
) -> dict[str, float]:
    """Measures of a SPARCS head that keeps the fewest neurons within a loss budget; none for other heads.

    Neurons are removed in weight space, the least important first, as long as the validation cross-entropy rises by no
    more than ``budget``, relatively. ``compact_neurons`` is the number of hidden neurons that stay.
    """
    if not isinstance(head, SpectralNetwork):
        return {}
    x, y = validation
    with torch.no_grad():
        small = head.compact(loss=lambda module: F.cross_entropy(module(x), y), budget=budget, max_calls=None)
    return {
        "compact_neurons": float(sum(small.after.neurons[1:-1])),
        "compact_parameters": float(small.after.parameters),
        "compact_test_accuracy": accuracy(small, *test),
    }


def not_measured(head: nn.Module) -> dict[str, float]:
    """All measures of a head that diverged or does not have them: NaN, except its number of parameters."""
    return dict.fromkeys(MEASURES, np.nan) | {"parameters": sum(value.numel() for value in head.parameters())}


def eigenvalue_table(head: nn.Module) -> pd.DataFrame:
    """One row per neuron of the hidden layer (2) and of the last one (3) of a SPARCS head; none for other heads."""
    blocks = list(head.eigenvalues)[1:] if isinstance(head, SpectralNetwork) else []
    frames = [
        pd.DataFrame(
            {"layer": layer, "neuron": np.arange(1, len(block) + 1), "eigenvalue": block.detach().cpu().numpy()}
        )
        for layer, block in enumerate(blocks, start=2)
    ]
    columns = ["layer", "neuron", "eigenvalue"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns, dtype=float)
