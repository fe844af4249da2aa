"""How much memory a piece of PyTorch takes: bytes of live tensors, as its allocator counts them.

The resident set of the process is no measure of that: it holds libraries, and freed blocks that were not given back.
"""

import gc
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile


def peak_allocated(run: Callable[[], object]) -> int:
    """Most bytes of CPU tensors that ``run()`` held at once, beyond those that were alive before it.

    The running sum of the allocations and releases that the profiler records; what ``run`` releases must have been
    allocated in it.
    """
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        run()
    events = [event for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def parameter_bytes(module: torch.nn.Module) -> int:
    """Bytes of a module's parameters and buffers."""
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))
