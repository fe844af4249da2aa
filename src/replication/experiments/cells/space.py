"""Cells: four nodes, one operation on each of the six edges between them (Dong and Yang: NAS-Bench-201, ICLR 2020)."""

import re
from collections.abc import Sequence

import numpy as np

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NODES = 4
EDGES = tuple((after, before) for after in range(1, NODES) for before in range(after))  # (1, 0), (2, 0), (2, 1), …


def name_of(operations: Sequence[str]) -> str:
    """The benchmark's name of a cell, "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|".

    operations: one for each of EDGES. Raises ValueError if there are not six known ones.
    """
    if len(operations) != len(EDGES) or not set(operations) <= set(OPERATIONS):
        raise ValueError(f"operations {list(operations)}: allowed are {len(EDGES)} of {', '.join(OPERATIONS)}")
    chosen = dict(zip(EDGES, operations, strict=True))
    nodes = [[f"{chosen[after, before]}~{before}" for before in range(after)] for after in range(1, NODES)]
    return "+".join(f"|{'|'.join(node)}|" for node in nodes)


def operations_of(name: str) -> tuple[str, ...]:
    """The operations of a cell from its name. Raises ValueError for a text that names none."""
    operations = tuple(part.partition("~")[0] for part in re.findall(r"[^|+]+", name))
    if len(operations) != len(EDGES) or not set(operations) <= set(OPERATIONS) or name_of(operations) != name:
        raise ValueError(f"{name!r} is no cell: allowed are names such as {name_of(['skip_connect'] * len(EDGES))!r}")
    return operations


def connected(operations: Sequence[str]) -> bool:
    """Whether the last node hears the first: else a network of such cells gives one answer to every input."""
    heard = {0}
    for (after, before), name in zip(EDGES, operations, strict=True):
        if name != "none" and before in heard:
            heard.add(after)
    return NODES - 1 in heard


def random_cells(operations: Sequence[str], count: int, source: np.random.Generator) -> list[tuple[str, ...]]:
    """Cells with an operation drawn uniformly for each edge."""
    drawn = source.integers(0, len(operations), (count, len(EDGES)))
    return [tuple(operations[k] for k in row) for row in drawn]
