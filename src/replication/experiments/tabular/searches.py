"""Ways to train on a table: linear, a plain network that may be pruned, SPARCS; each value that is tried at once.

A search is a function ``search(task, loss, values, seed, method)`` that returns the graph of each value, f = relu.
loss: of outputs and targets, (runs, batch, N_ℓ) each, one of ``LOSSES``; it gives (runs,). All values of a search have
the same seed, hence the same start and batches. Tensors of all values stand side by side in their leading dimension.
Every training is stopped early: of several moments, that with the least objective, its penalty included, on the
validation points is kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from replication.baselines import magnitude_pruning
from replication.baselines.network import Weights, forward, graphs_of, mean_square
from replication.baselines.task import Adam, Task
from replication.data.tabular import CLASSIFICATION, REGRESSION
from replication.training.ensemble.training import initial_parameters
from replication.training.seeds import generator
from sparcs import penalties, spectral
from sparcs.pruning import Graph

Loss = Callable[[Tensor, Tensor], Tensor]
Value = Mapping[str, Any]
MOMENTS = 50  # of a training
BEGIN, END, TIMES = 0.2, 0.7, 10  # when neurons are pruned: there is time to recover before the step size is small
SHAPE = ("rate", "hidden")  # options in which values that are trained side by side must agree


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Mean over the batch of −Σ_k y_k log softmax(output)_k, (…, batch, N_ℓ) -> (…); target: one-hot."""
    return -(target * output.log_softmax(dim=-1)).sum(dim=-1).mean(dim=-1)


LOSSES: dict[str, Loss] = {REGRESSION: mean_square, CLASSIFICATION: cross_entropy}


def search(method: SimpleNamespace, task: Task, loss: Loss, values: Sequence[Value], seed: int) -> list[Graph]:
    """What the method finds with each of the values, those of one shape and rate side by side."""
    found: dict[int, Graph] = {}
    shapes = [tuple(str(value.get(name)) for name in SHAPE) for value in values]
    for shape in dict.fromkeys(shapes):
        places = [place for place, other in enumerate(shapes) if other == shape]
        together = [values[place] for place in places]
        graphs = SEARCHES[method.search](_with_shape(task, together[0]), loss, together, seed, method)
        found |= dict(zip(places, graphs, strict=True))
    return [found[place] for place in range(len(values))]


def train(
    task: Task,
    seeds: Sequence[int],
    trained: Sequence[Tensor],
    objective: Loss,
    before: Callable[[int], None] = lambda step: None,
    first: int = 0,
) -> None:
    """Adam on ``objective(x, y)``, (runs,), its step size falling to 0 on a line; then the weights of the best moment.

    ``MOMENTS`` are looked at, at equal distances, those before step ``first`` left out. before: called before each step
    with its number. What is not finite is never the best; a run without any keeps its last weights.
    """
    optimizer, moments = Adam(trained, task.learning_rate), _moments(task.steps, first)
    least, kept = torch.full((len(seeds),), torch.inf), [tensor.detach().clone() for tensor in trained]
    for step, batch in enumerate(task.batches(seeds)):
        before(step)
        optimizer.optimizer.rate = task.learning_rate * (1 - step / task.steps)
        optimizer.step(torch.autograd.grad(objective(task.x[batch], task.y[batch]).sum(), trained))
        if step + 1 in moments:
            with torch.no_grad():
                value = objective(task.x_choose.expand(len(seeds), -1, -1), task.y_choose)  # (runs,)
            better = (value < least) | ~least.isfinite()
            least = torch.where(value < least, value, least)
            for copy, tensor in zip(kept, trained, strict=True):
                copy[better] = tensor.detach()[better]
    for copy, tensor in zip(kept, trained, strict=True):
        tensor.data = copy


def _moments(steps: int, first: int) -> set[int]:
    """Numbers of steps after which weights may be kept, the last among them."""
    return {step for k in range(1, MOMENTS + 1) if (step := round(k * steps / MOMENTS)) > first} | {steps}


def linear(task: Task, loss: Loss, values: Sequence[Value], seed: int, method: SimpleNamespace) -> list[Graph]:
    """y = W x + b with strength · ‖W‖²: ridge regression in closed form, logistic regression by Adam."""
    strengths = [value["strength"] for value in values]
    if loss is mean_square:
        return graphs_of({(2, 1): torch.stack([ridge(task.x, task.y, strength) for strength in strengths])}, task.bias)
    weight = torch.zeros(len(values), task.y.shape[1], task.x.shape[1]).requires_grad_()  # (runs, N_ℓ, N_1)
    strength = torch.tensor(strengths)
    train(
        task,
        [seed] * len(values),
        [weight],
        lambda x, y: loss(x @ weight.mT, y) + strength * weight[..., :-1].square().sum(dim=(-2, -1)),
    )
    return graphs_of({(2, 1): weight}, task.bias)


def ridge(x: Tensor, y: Tensor, strength: float) -> Tensor:
    """The W of least mean ‖W x − y‖² / N_ℓ + strength · ‖W‖², (N_ℓ, N_1); x's last column, the constant, is free.

    As least squares with a row for each number of W: of equally good ones, as of one-hot columns, it is the smallest.
    """
    x, y = x.double(), y.double()
    price = (len(x) * y.shape[1] * strength) ** 0.5 * torch.eye(x.shape[1], dtype=x.dtype)[:-1]
    rows, targets = torch.cat([x, price]), torch.cat([y, y.new_zeros(len(price), y.shape[1])])
    return torch.linalg.lstsq(rows, targets, driver="gelsd").solution.T


def mlp(task: Task, loss: Loss, values: Sequence[Value], seed: int, method: SimpleNamespace) -> list[Graph]:
    """A plain multilayer perceptron with biases, pruned by magnitude as in ``replication.baselines.magnitude_pruning``.

    Neurons go earlier than there. Without ``pruned`` among its values none do.
    """
    seeds, layers = [seed] * len(values), len(task.widths)
    share = torch.tensor([value.get("pruned", 0.0) for value in values])  # (runs,)
    whole = magnitude_pruning.initial(task, seeds)
    biases = {i: torch.zeros(len(values), task.widths[i - 1], 1).requires_grad_() for i in range(3, layers + 1)}
    masks = {i: torch.ones(len(values), task.widths[i - 1], 1) for i in range(2, layers)}
    trained = [*whole.values(), *biases.values()]
    schedule = pruning_steps(task.steps) if share.any() else {}

    def weights() -> Weights:
        skips = {(i, 1): torch.nn.functional.pad(bias, (task.widths[0] - 1, 0)) for i, bias in biases.items()}
        return {(i, j): weight * masks[i] if i in masks else weight for (i, j), weight in (whole | skips).items()}

    def prune(step: int) -> None:
        for i, mask in masks.items() if step in schedule else ():
            take_out(whole[i, i - 1], mask, (schedule[step] * share * task.widths[i - 1]).round().long())

    train(task, seeds, trained, lambda x, y: loss(forward(weights(), x), y), prune, max(schedule, default=0))
    return graphs_of(weights(), task.bias)


def pruning_steps(steps: int) -> dict[int, float]:
    """Steps before which neurons go, at equal distances, with the part of the final share that is gone afterwards."""
    return {round((BEGIN + k * (END - BEGIN) / (TIMES - 1)) * steps): (k + 1) / TIMES for k in range(TIMES)}


def take_out(weight: Tensor, mask: Tensor, counts: Tensor) -> None:
    """Mask so many neurons of each run, (runs,): those masked before, then those with the smallest incoming norms."""
    norms = (weight.detach() * mask).norm(dim=-1)  # (runs, N_i)
    places = norms.argsort(dim=-1, stable=True).argsort(dim=-1)
    mask.mul_((places >= counts[:, None])[..., None])


def spectral_search(task: Task, loss: Loss, values: Sequence[Value], seed: int, method: SimpleNamespace) -> list[Graph]:
    """SPARCS: loss + strength · Ω, (4.3) to (4.5); Ω: of λ̃, or ``sparcs.penalties.rows`` at its default prices.

    λ_1 is 0. Hidden eigenvalues start from N(0, initial_scale²): at 0 as a perceptron.
    """
    runs, layers, strength = len(values), len(task.widths), torch.tensor([value["strength"] for value in values])
    start = initial_parameters(task.widths, [seed] * runs, output_eigenvalue=method.output_eigenvalue)
    tensors = {name: torch.from_numpy(array) for name, array in start.items()}
    phi = [tensors[f"eigenvectors.{k}"].requires_grad_() for k in range(layers - 1)]  # (runs, N_{k+1}, N_k)
    lam = [tensors[f"eigenvalues.{k}"] for k in range(layers)]  # (runs, N_k)
    random = generator(seed, "initial", 1)
    for block in lam[1:-1]:
        block += method.initial_scale * torch.from_numpy(random.standard_normal(block.shape[1])).float()
    trained = [*phi, *(block.requires_grad_() for block in lam[1:])]
    prices = penalties.prices(task.widths)

    def penalised(x: Tensor, y: Tensor) -> Tensor:
        weights = _bundles(phi, lam)
        rows = method.penalty == "rows"
        size = penalties.rows(weights, prices) if rows else spectral.penalty(lam[1:-1], method.penalty)
        return loss(forward(weights, x), y) + strength * size

    train(task, [seed] * runs, trained, penalised)
    with torch.no_grad():
        return graphs_of(_bundles(phi, lam), task.bias)


SEARCHES: dict[str, Callable[..., list[Graph]]] = {"linear": linear, "mlp": mlp, "spectral": spectral_search}


def _bundles(phi: Sequence[Tensor], lam: Sequence[Tensor]) -> Weights:
    layers = range(2, len(lam) + 1)
    return {(i, j): weight for i in layers for j, weight in spectral.incoming_weights(phi, lam, i).items()}


def _with_shape(task: Task, value: Value) -> Task:
    """The task with a value's widths and rate, where it has them."""
    hidden, rate = value.get("hidden", task.widths[1:-1]), value.get("rate", task.learning_rate)
    return replace(task, widths=(task.widths[0], *hidden, task.widths[-1]), learning_rate=rate)
