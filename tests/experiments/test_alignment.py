"""The same bits wherever NumPy puts the arrays of a training: it aligns memory to 16 bytes, PyTorch to 64."""

import hashlib

import numpy as np
import pytest
import test_subnormals
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from replication.training import adam


def moved(array, offset):
    """The array in memory that begins so many bytes after a multiple of 64."""
    room = np.empty(array.nbytes + 128, np.uint8)
    start = -room.ctypes.data % 64 + offset
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def gradients(train, offset, monkeypatch):
    """A digest of the gradients of all steps."""
    seen, steps = hashlib.sha256(), []

    def see(tensors):
        steps.append(len(tensors))
        for tensor in tensors:
            seen.update(tensor.contiguous().numpy().tobytes())

    def step(optimizer, tensors, own=adam.Adam.step):
        see(tensors)
        own(optimizer, tensors)

    with monkeypatch.context() as patch:
        patch.setattr(test_subnormals, "RNG", np.random.default_rng(7))
        patch.setattr(adam.Adam, "step", step)
        for name in ("from_numpy", "as_tensor"):
            own = getattr(torch, name)
            patch.setattr(
                torch, name, lambda data, own=own, **named: own(
                    moved(data, offset) if isinstance(data, np.ndarray) else data, **named
                )
            )  # fmt: skip
        hook = register_optimizer_step_pre_hook(
            lambda optimizer, *_: see([each.grad for group in optimizer.param_groups for each in group["params"]])
        )
        train()
        hook.remove()
    assert steps
    return seen.hexdigest()


@pytest.mark.parametrize("train", test_subnormals.TRAININGS, ids=lambda train: train.__name__)
def test_a_training_does_not_depend_on_where_its_arrays_begin(train, monkeypatch):
    assert len({gradients(train, offset, monkeypatch) for offset in (0, 16)}) == 1
