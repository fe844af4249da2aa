"""Networks made again from what a job has kept of its trainings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sparcs.compact_network import CompactNetwork
from sparcs.network import SpectralNetwork

State = Mapping[str, np.ndarray]


def of_trial(parameters: State, place: int) -> State:
    """The arrays of one of the trials that lie side by side, (trials, …) -> (…)."""
    return {name: array[place] for name, array in parameters.items()}


def named(parameters: State, start: str) -> State:
    """The arrays whose names begin with ``start``, without it."""
    return {name.removeprefix(start): array for name, array in parameters.items() if name.startswith(start)}


def network_of(state: State, settings: Mapping[str, Any]) -> SpectralNetwork | CompactNetwork:
    """The network with the given φ and λ, or linear layers with ReLU between them as a plain one of the same function.

    settings: ``bias`` and ``training.train_input_eigenvalues`` of a spectral one.
    """
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
    network = _spectral(tensors, settings) if "eigenvalues.0" in tensors else _plain(tensors)
    return network.eval()


def _spectral(tensors: Mapping[str, torch.Tensor], settings: Mapping[str, Any]) -> SpectralNetwork:
    layers = sum(name.startswith("eigenvalues.") for name in tensors)
    inputs, *widths = (len(tensors[f"eigenvalues.{k}"]) for k in range(layers))
    bias, trained = settings["bias"], settings["training"]["train_input_eigenvalues"]
    network = SpectralNetwork((inputs - bias, *widths), bias=bias, train_input_eigenvalues=trained, device="meta")
    network.load_state_dict(tensors, assign=True)
    return network


def _plain(tensors: Mapping[str, torch.Tensor]) -> CompactNetwork:
    starts = sorted(name.removesuffix("weight") for name in tensors if name.endswith("weight"))  # "", or "0." and "2."
    weights = [tensors[f"{start}weight"] for start in starts]
    widths = (weights[0].shape[1], *(len(weight) for weight in weights))
    network = CompactNetwork(widths, [(i,) for i in range(1, len(widths))], bias=f"{starts[0]}bias" in tensors)
    parts = {start: f"layers.{k}." for k, start in enumerate(starts)}
    state = {
        f"{parts[name.removesuffix(end)]}{end}": value
        for name, value in tensors.items()
        for end in ("weight", "bias")
        if name.endswith(end)
    }
    network.load_state_dict(state)
    return network
