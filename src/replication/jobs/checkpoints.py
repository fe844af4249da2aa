"""The state of a training run on disk, so that a run that was stopped goes on to the same final bits.

A checkpoint holds every tensor of the modules and the optimiser and the rows measured so far, in one file that is
replaced whole. What is random comes from generators named by (seed, purpose, epoch), so none of their states is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from replication.jobs.carry_out import Given
from replication.jobs.core_time import CoreTime
from replication.records.io import ArtifactError, read_arrays, write_arrays

if TYPE_CHECKING:
    import torch
    from torch import nn


HELD = "held"  # the array that names all others
AGAIN = "delete it to start this trial again"


@dataclass
class FileCheckpoint:
    """A checkpoint in a file.

    name: of all that the run depends on; the state of a run with another name is never taken. every: epochs or steps
    between checkpoints; clock: of the job, which is set to the core-seconds that were spent before.
    """

    path: Path
    name: str
    every: int
    clock: CoreTime = field(default_factory=CoreTime)

    def save(self, module: "nn.Module", optimizer: "torch.optim.Optimizer", rows: Mapping[str, np.ndarray]) -> None:
        """Write the state, and the rows measured so far."""
        arrays = {f"module.{key}": value.cpu().numpy() for key, value in module.state_dict().items()}
        for index, state in optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{index}.{key}": value.cpu().numpy() for key, value in state.items()}
        arrays |= {f"rows.{key}": value for key, value in rows.items()}
        arrays |= {"core_seconds": np.array(self.clock.spent()), "name": _bytes(self.name)}
        arrays[HELD] = _bytes("\n".join(sorted(arrays)))
        write_arrays(self.path, arrays)

    def load(self, module: "nn.Module", optimizer: "torch.optim.Optimizer") -> dict[str, np.ndarray]:
        """Set module and optimiser to the state in the file; returns the rows measured so far.

        Returns none and sets nothing if there is no file or if it belongs to another run. Raises ArtifactError if the
        file was altered or lacks a part. A crash does not do that, for the file is replaced whole.
        """
        if not self.path.exists():
            return {}
        try:
            return self._taken(read_arrays(self.path), module, optimizer)
        except ArtifactError as error:
            raise ArtifactError(f"{error}; {AGAIN}") from None
        except Exception as error:  # a file whose seal fits may lack anything
            reason = " ".join(str(error).split())
            raise ArtifactError(f"{self.path} is not a checkpoint of this trial ({reason}); {AGAIN}") from None

    def _taken(
        self, arrays: dict[str, np.ndarray], module: "nn.Module", optimizer: "torch.optim.Optimizer"
    ) -> dict[str, np.ndarray]:
        held = bytes(arrays.pop(HELD)).decode().split("\n")
        if held != sorted(arrays):
            raise ValueError(f"{', '.join({*held} ^ {*arrays})} is missing or too much")
        if bytes(arrays["name"]).decode() != self.name:
            return {}
        module.load_state_dict(_tensors("module.", arrays))
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in _tensors("optimizer.", arrays).items():
            index, _, slot = key.partition(".")
            slots.setdefault(int(index), {})[slot] = value
        _require_shapes(slots, optimizer)
        optimizer.load_state_dict(optimizer.state_dict() | {"state": slots})
        self.clock.before = float(arrays["core_seconds"])
        rows = {key.removeprefix("rows."): value for key, value in arrays.items() if key.startswith("rows.")}
        return Given(f"{self.path}: rows", rows)


def _require_shapes(slots: Mapping[int, Mapping[str, "torch.Tensor"]], optimizer: "torch.optim.Optimizer") -> None:
    """Raise ValueError unless all parameters have the same slots, each of their shape, but for the step, a number.

    PyTorch takes any, and fails in the first step.
    """
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    names = {slot for state in slots.values() for slot in state}
    for index, state in slots.items():
        if missing := names - state.keys():
            raise ValueError(f"optimizer.{index}.{min(missing)} is missing")
        for slot, value in state.items():
            allowed = () if slot == "step" else tuple(parameters[index].shape)
            if tuple(value.shape) != allowed:
                raise ValueError(f"optimizer.{index}.{slot} has the shape {tuple(value.shape)}: allowed is {allowed}")


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


def _tensors(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, "torch.Tensor"]:
    """The arrays whose names have a prefix, without it, as tensors."""
    import torch  # a job that keeps no checkpoint need not load it

    return {
        key.removeprefix(prefix): torch.from_numpy(value) for key, value in arrays.items() if key.startswith(prefix)
    }
