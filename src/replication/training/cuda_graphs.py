"""Training steps recorded once as a CUDA graph and replayed.

The launches of its kernels take the time of a small network's step, not the arithmetic.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Step = Callable[..., Tensor]
WRITTEN = 3  # calls before the recording: they create the optimiser's state and cuDNN's and cuBLAS' workspaces


def replayed(step: Step, device: torch.device | str) -> Step:
    """The step itself on a CPU; on a CUDA device, one that does the same and is replayed from its fourth call on."""
    return Replayed(step) if torch.device(device).type == "cuda" else step


class Replayed:
    """A step on CUDA tensors: its first calls run as written, the next one is recorded, and from then on replayed.

    step: reads its tensors, changes parameters in place and returns a tensor. It must not wait for the device, and
    its optimiser must be ``capturable``. Calls with tensors of other shapes than the first one's run as written, such
    as an epoch's last and smaller batch. The kernels replayed are those of the step as written, in the same order.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self.shapes: list[torch.Size] | None = None
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, *tensors: Tensor) -> Tensor:
        """The tensor that the step returns, which the caller may keep."""
        shapes = [tensor.shape for tensor in tensors]
        self.shapes = self.shapes or shapes
        if shapes != self.shapes:
            return self.step(*tensors)
        if self.calls < WRITTEN:
            self.calls += 1
            return self._beside(*tensors)
        if self.graph is None:
            self._record(*tensors)
        for held, tensor in zip(self.tensors, tensors, strict=True):
            held.copy_(tensor)
        self.graph.replay()
        return self.output.clone()

    def _beside(self, *tensors: Tensor) -> Tensor:
        """Run the step as written, on a separate stream, as PyTorch asks for before a recording."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            output = self.step(*tensors)
        torch.cuda.current_stream().wait_stream(stream)
        return output

    def _record(self, *tensors: Tensor) -> None:
        """Record the step on copies of the tensors; nothing is computed yet."""
        self.tensors = [tensor.clone() for tensor in tensors]
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.output = self.step(*self.tensors)
