"""The state of a training run on disk, so that a run that was stopped goes on to the same final bits.

A checkpoint holds every tensor of the modules and the optimiser and the rows measured so far, in one file that is
replaced whole. What is random comes from generators named by (seed, purpose, epoch), so none of their states is kept.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from replication.records.io import ArtifactError, read_arrays, write_arrays


def save(
    path: Path,
    name: str,
    epoch: int,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    rows: Mapping[str, np.ndarray],
) -> None:
    """Write the state after ``epoch`` epochs, and the rows measured so far.

    name: of all that the run depends on. The state of a run with another name is never taken.
    """
    arrays = {f"module.{key}": value.cpu().numpy() for key, value in module.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        arrays |= {f"optimizer.{index}.{key}": value.cpu().numpy() for key, value in state.items()}
    arrays |= {f"rows.{key}": value for key, value in rows.items()}
    arrays |= {"epoch": np.array(epoch), "name": np.frombuffer(name.encode(), np.uint8)}
    write_arrays(path, arrays)


def load(
    path: Path, name: str, module: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[int, dict[str, np.ndarray]]:
    """Set module and optimiser to the state in the file; returns its epoch and rows.

    Returns (0, {}) and sets nothing if there is no file or if it belongs to another run. Raises ArtifactError if the
    file was altered. A crash does not do that, for the file is replaced whole.
    """
    if not path.exists():
        return 0, {}
    try:
        arrays = read_arrays(path)
    except ArtifactError as error:
        raise ArtifactError(f"{error}; delete it to start this trial again") from None
    if bytes(arrays["name"]).decode() != name:
        return 0, {}
    module.load_state_dict(_under("module.", arrays))
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in _under("optimizer.", arrays).items():
        index, _, slot = key.partition(".")
        slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": slots})
    rows = {key.removeprefix("rows."): value for key, value in arrays.items() if key.startswith("rows.")}
    return int(arrays["epoch"]), rows


def _under(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): torch.from_numpy(value) for key, value in arrays.items() if key.startswith(prefix)
    }
