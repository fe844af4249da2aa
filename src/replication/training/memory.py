"""The memory that a piece of PyTorch takes: bytes of live tensors, as its allocator counts them.

The resident set of the process does not measure that: it holds libraries, and freed blocks that were not given back.
"""

import gc
from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.profiler import profile  # torch.profiler's loads PyTorch's compiler, seconds of a process


def peak_allocated(run: Callable[[], object], device: str = "cpu") -> int:
    """The most bytes of tensors that ``run()`` held on the device at once, beyond those that were alive before it.

    On a CPU it comes from the running sum of the allocations and releases that the profiler records.
    """
    gc.collect()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return torch.cuda.max_memory_allocated() - before
    with profile(profile_memory=True) as recorded:
        run()
    events = [event for event in recorded.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def held(module: torch.nn.Module, optimizer: torch.optim.Optimizer, *others: Tensor) -> int:
    """Bytes that training holds between two steps: parameters, buffers, gradients, the optimiser's state, others.

    Each storage counts once. CUDA's count of allocated memory adds its rounding up to whole blocks and what its
    libraries take as their own workspaces.
    """
    states = [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    tensors = (*module.parameters(), *module.buffers(), *gradients, *states, *others)
    storages = {storage.data_ptr(): storage.nbytes() for storage in (tensor.untyped_storage() for tensor in tensors)}
    return sum(storages.values())


def parameter_bytes(module: torch.nn.Module) -> int:
    """Bytes of a module's parameters and buffers."""
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))
