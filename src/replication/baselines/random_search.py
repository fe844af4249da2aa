"""Random search: shapes drawn at random, each trained for an equal share of the steps.

Every hidden layer has a width drawn log-uniformly up to the maximal one, or is left out; every skip is there with
probability ½. The shape with the least validation loss + strength · size is chosen. Half of the steps go to
``candidates`` shapes, the other half to training the chosen one on.
Bergstra, Bengio: Random Search for Hyper-Parameter Optimization (2012); Li, Talwalkar: Random Search and
Reproducibility for Neural Architecture Search (2019).
"""

from collections.abc import Sequence

import numpy as np

from replication.baselines.candidates import Candidate, Shape, size
from replication.baselines.task import SearchResult, Task
from replication.training.seeds import generator

LEFT_OUT = 0.2  # probability


def search(task: Task, strengths: Sequence[float], seeds: Sequence[int], candidates: int = 10) -> list[SearchResult]:
    """Search among random shapes; candidates: shapes drawn; runs of one seed choose among the same ones."""
    share = max(1, task.steps // (2 * candidates))
    tried = {seed: try_out(task, seed, candidates, share) for seed in dict.fromkeys(seeds)}
    left = max(0, task.steps - share * (candidates + 1))
    results = []
    for strength, seed in zip(strengths, seeds, strict=True):
        shapes, losses, sizes = tried[seed]
        chosen = Candidate(task, shapes[int((losses + strength * sizes).argmin())], seed)
        chosen.train(share + left)  # the same start and batches as before, and on from there
        steps = share * (candidates + 1) + left
        numbers = sum(weight.numel() for weight in chosen.trained)
        results.append(SearchResult(chosen.graph, numbers, steps, steps, trainings=candidates))
    return results


def try_out(task: Task, seed: int, candidates: int, steps: int) -> tuple[list[Shape], np.ndarray, np.ndarray]:
    """Random shapes, the validation loss of each after so many steps, and its size."""
    random = generator(seed, "search")
    shapes = [draw(task, random) for _ in range(candidates)]
    losses = np.array([Candidate(task, shape, seed).train(steps) for shape in shapes])
    return shapes, losses, np.array([size(task, shape) for shape in shapes])


def draw(task: Task, random: np.random.Generator) -> Shape:
    """A random shape; bundles between consecutive layers that are there, and the one into the output, always are."""
    hidden = tuple(
        0 if random.random() < LEFT_OUT else round(float(np.exp(random.uniform(0, np.log(most)))))
        for most in task.widths[1:-1]
    )
    skips = {pair: random.random() < 0.5 for pair in task.pairs}
    return Shape(hidden, tuple(pair for pair in task.pairs if skips[pair] or consecutive(hidden, pair)))


def consecutive(hidden: tuple[int, ...], pair: tuple[int, int]) -> bool:
    """Whether layer i follows layer j once layers without neurons are left out."""
    i, j = pair
    return not any(hidden[k - 2] for k in range(j + 1, i))
