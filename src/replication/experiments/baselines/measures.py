"""What a search has found: the fit of its network, and how small networks made of it are, by one compaction for all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from replication.baselines.network import Weights, graphs_of, mean_square, side_by_side, squared_error
from replication.baselines.task import SearchResult, Task, train
from replication.data.names import NEW_TEACHERS, TEACHER
from sparcs import pruning
from sparcs.compact import CompactNetwork, module_of
from sparcs.metrics import r_squared
from sparcs.pruning import Graph

TARGETS = (
    "loss_budget",
    "min_r2",
    "max_30_neurons",
)  # fewest neurons within the loss budget; for a good fit; no more than so many
WITHIN = ("loss_budget", "min_r2")  # those with a limit on the loss, within which signs may be flipped
STATES = ("", "retrained_")
SLOPE = 1.0  # relu(z) − relu(−z) = z
OF_NETWORK = ["hidden_layers", "neurons", "bundles", "parameters", "multiply_adds", "skip_norm"]
OF_FIT = ["validation_mse", "test_mse", "test_r2"]
MEASURES = [
    *OF_FIT,
    *(f"{target}_{name}" for target in TARGETS for name in OF_NETWORK),
    *(f"{target}_{state}{name}" for target in TARGETS for state in STATES for name in OF_FIT),
    *(f"{target}_flipped_{name}" for target in WITHIN for name in (*OF_NETWORK, *OF_FIT)),
    "recovered",
    "in_over_out",
]


def measure(
    result: SearchResult,
    task: Task,
    x_test: Tensor,
    y_test: Tensor,
    settings: SimpleNamespace,
    seed: int,
    data_set: str,
) -> dict[str, float]:
    """One row: what the search took, the fit of its network, and that of three small ones made of it.

    ``loss_budget``: the fewest neurons, then bundles, that keep the validation loss within the budget. ``min_r2``: the
    fewest that keep R² on the validation points at ``min_r2``, all of them if the network does not reach it.
    ``max_30_neurons``: the most important neurons, as many as ``max_neurons``, which the paper's run sets to 30. Each
    is measured as it is and, columns ``retrained``, after a short training of what is left. ``flipped``: the first two
    again, with the signs of their neurons turned round where that leaves fewer weights
    (``sparcs.pruning.fewest_weights``). ``in_over_out``: of the second. NaN if the network's weights are not finite.
    """
    row = {
        "maximal_parameters": task.parameters,
        "trained_parameters": result.trained,
        "steps": result.steps,
        "gradient_evaluations": result.gradient_evaluations,
        "trainings": result.trainings,
    }
    row |= dict.fromkeys(MEASURES, np.nan)
    if not all(np.isfinite(weight).all() for weight in result.graph.weights.values()):
        return row
    points = (without_constant(task.x_choose, task), task.y_choose), (without_constant(x_test, task), y_test)
    graph = pruning.reduced(result.graph, relu)
    row |= fit(module(graph), points)
    limits = {
        "loss_budget": (1 + settings.loss_budget) * row["validation_mse"],
        "min_r2": loss_at(settings.min_r2, task.y_choose),
    }
    small = {}
    for target, limit in limits.items():
        good = within(points[0], limit)
        few = fewest_neurons(graph, good)
        small[target], flipped = pruning.fewest_weights(few, relu, good, SLOPE)
        row |= {f"{target}_flipped_{name}": value for name, value in as_it_is(flipped, points).items()}
    small["max_30_neurons"] = strongest(graph, settings.max_neurons)
    again = retrained(list(small.values()), task, settings.retraining_steps, seed)
    for (target, small_graph), trained in zip(small.items(), again, strict=True):
        row |= {f"{target}_{name}": value for name, value in as_it_is(small_graph, points).items()}
        row |= {f"{target}_retrained_{name}": value for name, value in fit(module(trained), points).items()}
    row["recovered"] = recovered(data_set, task.widths[0], row)
    row["in_over_out"] = in_over_out(small["min_r2"])
    return row


def in_over_out(graph: Graph) -> float:
    """Geometric mean of ‖in_h‖ / ‖out_h‖ over the hidden neurons; NaN without any.

    relu(z/c) c = relu(z), so a penalty on incoming weights alone lets it drift down, without changing the function.
    """
    ratios = [
        np.linalg.norm(graph.incoming(i), axis=1) / np.linalg.norm(graph.outgoing(i), axis=0) for i in graph.hidden
    ]
    ratios = np.concatenate([[], *ratios])
    return float(np.exp(np.log(ratios).mean())) if len(ratios) else np.nan


def loss_at(r2: float, y: Tensor) -> float:
    """The mean squared error at which R² on targets y, (points, N_ℓ), has the given value."""
    return (1 - r2) * float(mean_square(y.double(), y.double().mean(dim=0)))


def within(points: tuple[Tensor, Tensor], limit: float) -> Callable[[Graph], bool]:
    """Whether a graph has a loss of at most ``limit`` on the points."""
    return lambda graph: loss_of(graph, points) <= limit


def fewest_neurons(graph: Graph, good: Callable[[Graph], bool]) -> Graph:
    """The graph cut to the fewest of its most important neurons with which it is good, else the whole.

    Neurons are added one at a time in order of their path norm, as in ``sparcs.compact`` without a limit of calls.
    """
    for candidate in growing(graph):
        if good(candidate):
            break
    return candidate


def as_it_is(graph: Graph, points: Sequence[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Size and fit of a network."""
    return size_of(graph) | fit(module(graph), points)


def strongest(graph: Graph, neurons: int) -> Graph:
    """The graph cut to the given number of its most important hidden neurons."""
    total = sum(len(graph.biases[i]) for i in graph.hidden)
    return next(growing(graph, first=min(neurons, total)))


def growing(graph: Graph, first: int = 0) -> Iterator[Graph]:
    """The graph with its ``first`` most important neurons, then with one more each time, to the whole."""
    ranks = pruning.ranks(pruning.importance(graph))
    total = sum(len(block) for block in ranks.values())
    for kept in range(first, total + 1):
        yield pruning.reduced(pruning.cut(graph, {i: block < total - kept for i, block in ranks.items()}), relu)


def size_of(graph: Graph) -> dict[str, float]:
    """Layers and neurons left, bundles that are not zero, weights and biases that are not zero, the norm of W_ℓ1.

    Layers: the hidden neurons on the longest path. Two layers of the maximal network side by side are one.
    """
    weights = [weight for weight in graph.weights.values() if weight.any()]
    entries = sum(int(np.count_nonzero(weight)) for weight in weights)
    return {
        "hidden_layers": float(pruning.longest_path(graph)),
        "neurons": float(sum(len(graph.biases[i]) for i in graph.hidden)),
        "bundles": float(len(weights)),
        "parameters": float(entries + sum(int(np.count_nonzero(bias)) for bias in graph.biases.values())),
        "multiply_adds": float(entries),
        "skip_norm": float(np.linalg.norm(graph.weights[graph.layers, 1])),
    }


def retrained(graphs: Sequence[Graph], task: Task, steps: int, seed: int) -> list[Graph]:
    """The graphs after training on the task's first batches, side by side; weights that are 0 stay 0."""
    weights = side_by_side(graphs, task.bias)
    there = {pair: (weight != 0).to(weight) for pair, weight in weights.items()}
    trained = [weight.requires_grad_() for weight in weights.values()]

    def left() -> Weights:
        return {pair: weight * there[pair] for pair, weight in weights.items()}

    train(task, [seed] * len(graphs), trained, lambda x, y: squared_error(left(), x, y), steps)
    return [pruning.reduced(graph, relu) for graph in graphs_of(left(), task.bias)]


def fit(network: nn.Module, points: Sequence[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Mean squared error on the validation points; the same and R² on the test points."""
    (x, y), (x_test, y_test) = points
    with torch.no_grad():
        output = network(x_test)
        return {
            "validation_mse": float(mean_square(network(x).double(), y)),
            "test_mse": float(mean_square(output.double(), y_test)),
            "test_r2": r_squared(y_test.numpy(), output.numpy()),
        }


def recovered(data_set: str, inputs: int, row: Mapping[str, float]) -> float:
    """Whether the network within the budget is the one that made the data; NaN where none did.

    A teacher has one hidden layer with as many neurons as inputs; α = 0 needs no hidden neuron. Skips do not count:
    relu(z) = z + relu(−z) trades a neuron's sign for one.
    """
    layers, neurons = row["loss_budget_hidden_layers"], row["loss_budget_neurons"]
    if data_set in (TEACHER, NEW_TEACHERS):
        return float(layers == 1 and neurons == inputs)
    return float(neurons == 0) if data_set.endswith("alpha0") else np.nan


def loss_of(graph: Graph, points: tuple[Tensor, Tensor]) -> float:
    """Mean squared error of the graph on some points."""
    with torch.no_grad():
        return float(mean_square(module(graph)(points[0]).double(), points[1]))


def module(graph: Graph) -> CompactNetwork:
    """The graph as a network in float32."""
    return module_of(graph, "relu", torch.zeros(()))


def without_constant(x: Tensor, task: Task) -> Tensor:
    """The inputs without the constant 1 of the bias neuron."""
    return x[..., :-1] if task.bias else x


def relu(z: np.ndarray) -> np.ndarray:
    """max(z, 0)."""
    return np.maximum(z, 0)
