"""A trained network in deployment: its size after compaction, and whether exported models agree with it."""

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from sparcs.compact import CompactNetwork
from sparcs.network import SpectralNetwork

COLUMNS = [
    "compact_hidden_layers",
    "compact_neurons",
    "compact_parameters",
    "compact_multiply_adds",
    "neurons",
    "parameters",
    "multiply_adds",
    "compact_loss_increase",
    "onnx_difference",
    "export_difference",
]


def measure(
    parameters: Mapping[str, np.ndarray], data: Mapping[str, np.ndarray], settings: SimpleNamespace
) -> dict[str, float]:
    """Compact one trained network within the loss budget and export it; NaN if its loss is not finite.

    parameters: arrays without a trials axis. The fewest neurons are chosen on the first ``selection_points`` held-out
    points by deletion in weight space; the loss increase is that on the others. ``neurons`` are the hidden ones;
    ``parameters`` without the input eigenvalues where those are fixed.
    """
    x, y = (torch.from_numpy(np.ascontiguousarray(data[name])) for name in ("x_test", "y_test"))
    choose, report = slice(None, settings.selection_points), slice(settings.selection_points, None)
    network = network_of(parameters, settings)
    if not np.isfinite(_loss(network, x[choose], y[choose])):
        return dict.fromkeys(COLUMNS, np.nan)
    small = network.compact(
        "weights", loss=lambda module: _loss(module, x[choose], y[choose]), budget=settings.loss_budget, max_calls=None
    )
    before, after = small.before, small.after
    return {
        "compact_hidden_layers": float(after.hidden_layers),
        "compact_neurons": float(sum(after.neurons[1:-1])),
        "compact_parameters": float(after.parameters),
        "compact_multiply_adds": float(after.multiply_adds),
        "neurons": float(sum(before.neurons[1:-1])),
        "parameters": float(before.parameters),
        "multiply_adds": float(before.multiply_adds),
        "compact_loss_increase": _loss(small, x[report], y[report]) / _loss(network, x[report], y[report]) - 1,
        **export_differences(small, x[report]),
    }


def network_of(parameters: Mapping[str, np.ndarray], settings: SimpleNamespace) -> SpectralNetwork:
    """The trained network as a module."""
    count = sum(name.startswith("eigenvalues.") for name in parameters)
    widths = [len(parameters[f"eigenvalues.{k}"]) for k in range(count)]
    widths[0] -= int(settings.bias)
    network = SpectralNetwork(
        widths, bias=settings.bias, train_input_eigenvalues=settings.training.train_input_eigenvalues
    )
    network.load_state_dict({name: torch.from_numpy(array) for name, array in parameters.items()})
    return network


def export_differences(network: CompactNetwork, x: Tensor) -> dict[str, float]:
    """max |ŷ − y| / max |y| of an ONNX model, run by onnxruntime, and of torch.export's, against the network itself.

    x: (points, N_1). Both are exported in evaluation mode, with a free batch size, from the first two points.
    """
    import onnxruntime  # here and not above: it is loaded by no other job

    network, few = network.eval(), x[:2]
    shapes = ({0: torch.export.Dim("batch")},)
    exported = torch.export.export(network, (few,), dynamic_shapes=shapes)
    onnx = torch.onnx.export(network, (few,), dynamo=True, dynamic_shapes=shapes, verbose=False)
    session = onnxruntime.InferenceSession(onnx.model_proto.SerializeToString())
    by_onnx = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    with torch.no_grad():
        expected, by_export = network(x), exported.module()(x)
    largest = float(expected.abs().max())
    return {
        "onnx_difference": float((torch.from_numpy(by_onnx) - expected).abs().max()) / largest,
        "export_difference": float((by_export - expected).abs().max()) / largest,
    }


def _loss(module: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((module(x) - y).double().square().mean())
