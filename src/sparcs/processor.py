"""How PyTorch uses the processor, within a block alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, operations have one thread; as many as before after it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def subnormals_flushed() -> Iterator[None]:
    """Within it, numbers too small for float32's normal ones are 0, as they slow a processor down; not after it."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
