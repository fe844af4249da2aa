"""PyTorch's use of the processor, set within a block alone."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Operations have one thread within the block, and as many as before after it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def subnormals_flushed() -> Iterator[None]:
    """This thread takes numbers below the normal range for 0 within the block, and as before after it.

    Moments of neurons that died decay to such numbers, and some processors take 150 cycles for each. Autograd runs
    backward in the thread that asks for it, so a training with one thread is covered. Every job of the workflow is:
    Snakemake sets OMP_NUM_THREADS to the rule's ``threads``, 1. Outside the workflow the caller must set it; else
    PyTorch's other threads keep such numbers.
    """
    before = are_subnormals_flushed()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def are_subnormals_flushed() -> bool:
    """Whether this thread takes numbers below the normal range for 0."""
    return sys.float_info.min / 2 == 0
