"""How long the paper's trained networks take for an answer, as trained and compacted, in PyTorch and ONNX Runtime.

Each network stands in three forms: as trained, through eigenvectors and eigenvalues; plain, the same function with one
product a layer (``compact`` without arguments); and compacted, the fewest neurons and skips with outputs that deviate
by at most a share of the largest.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime
import pandas as pd
import torch
from torch import Tensor, nn

from replication.training.torch_threads import one_thread
from sparcs import SpectralNetwork

TOLERANCE = 0.05  # of the largest output
EXPERIMENTS = ("regression", "teacher_student")  # whose networks are timed
POINTS = 4096  # inputs on which compacted networks are chosen
BATCHES = (1, 64, 1024)
CALLS = 0.01  # seconds that the calls of a repeat take together, about
RUNTIMES = ("PyTorch", "ONNX Runtime")

Call = Callable[[], object]


def timed(
    networks: Mapping[str, SpectralNetwork],
    samples: Mapping[str, Tensor],
    repeats: int,
    batches: Sequence[int] = BATCHES,
    on_network: Callable[[int], None] = lambda _: None,
) -> pd.DataFrame:
    """Microseconds of a call of each form of each network, a row for every runtime and batch.

    samples: inputs that each network is made for, (points, N_1), whose ranges new inputs are drawn from. Columns:
    network, form, runtime, batch, microseconds (median over the repeats), low and high (quartiles), neurons,
    parameters, bytes. One thread; all forms and runtimes of a batch in turns.
    """
    rows = []
    with one_thread(), torch.no_grad():
        for name, network in networks.items():
            inputs = drawn(samples[name], POINTS)
            forms = forms_of(network.eval(), inputs)
            for batch in batches:
                calls = dict(_calls(forms, inputs[:batch]))
                for (form, runtime), times in in_turns(calls, repeats).items():
                    low, median, high = np.quantile(times, [0.25, 0.5, 0.75]) * 1e6
                    name_of = {"network": name, "form": form, "runtime": runtime, "batch": batch}
                    rows.append(name_of | {"microseconds": median, "low": low, "high": high} | size_of(forms[form]))
            on_network(1)
    return pd.DataFrame(rows)


def drawn(sample: Tensor, points: int) -> Tensor:
    """Uniform inputs between the least and the largest of each input of a sample, (points, N_1)."""
    generator = torch.Generator().manual_seed(0)
    low, high = sample.amin(dim=0), sample.amax(dim=0)
    return low + (high - low) * torch.rand(points, sample.shape[1], generator=generator)


def forms_of(network: SpectralNetwork, inputs: Tensor) -> dict[str, nn.Module]:
    """A network as trained, plain and compacted."""
    compacted = network.compact(inputs=inputs, tolerance=TOLERANCE, flips=True, max_calls=None)
    return {"as trained": network, "plain": network.compact(), "compacted": compacted}


def size_of(module: nn.Module) -> dict[str, int]:
    """Hidden neurons, numbers, and the bytes that they take."""
    values = [*module.parameters(), *module.buffers()]
    return {
        "neurons": sum(module.widths[1:-1]),
        "parameters": sum(value.numel() for value in module.parameters()),
        "bytes": sum(value.numel() * value.element_size() for value in values),
    }


def in_turns(calls: Mapping[tuple[str, str], Call], repeats: int) -> dict[tuple[str, str], list[float]]:
    """Seconds of one call of each, repeat by repeat: a machine gets slower or faster meanwhile."""
    counts, times = {}, {key: [] for key in calls}
    for key, call in calls.items():
        call()
        counts[key] = max(1, round(CALLS / _seconds(call, 3)))
    for repeat in range(repeats):
        for key in list(calls)[:: 1 if repeat % 2 else -1]:
            times[key].append(_seconds(calls[key], counts[key]))
    return times


def _seconds(call: Call, count: int) -> float:
    begin = perf_counter()
    for _ in range(count):
        call()
    return (perf_counter() - begin) / count


def _calls(forms: Mapping[str, nn.Module], x: Tensor) -> Iterator[tuple[tuple[str, str], Call]]:
    for form, module in forms.items():
        yield (form, RUNTIMES[0]), lambda module=module: module(x)
        session = as_onnx(module, x)
        feed = {session.get_inputs()[0].name: x.numpy()}
        yield (form, RUNTIMES[1]), lambda session=session, feed=feed: session.run(None, feed)


def as_onnx(module: nn.Module, x: Tensor) -> onnxruntime.InferenceSession:
    """A network in ONNX Runtime, for batches of this size, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(module, (x,), path, dynamo=True, verbose=False)
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
