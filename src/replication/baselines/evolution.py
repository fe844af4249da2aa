"""NEAT, neuroevolution of augmenting topologies (``neat-python``): mutation adds neurons and single connections.

Fitness: −(loss + strength · connections / P), on the first ``points`` training points. No gradient is taken: the budget
is ``population`` × ``generations`` networks. Hidden neurons are ReLU, the output is linear. The network found is the
one with the best value on the validation points, of the best networks of all generations.
Stanley, Miikkulainen: Evolving Neural Networks through Augmenting Topologies (2002).
"""

import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import neat
import numpy as np
import torch
from neat.graphs import required_for_output

from replication.baselines.network import graphs_of
from replication.baselines.task import SearchResult, Task
from replication.training.seeds import generator
from sparcs.pruning import Graph

WORST = 1e6  # the loss of a network whose outputs are not finite

CONFIG = """
[NEAT]
fitness_criterion = max
fitness_threshold = 0
no_fitness_termination = True
pop_size = {population}
reset_on_extinction = True

[DefaultGenome]
num_inputs = {inputs}
num_outputs = {outputs}
num_hidden = 0
feed_forward = True
initial_connection = full_direct
compatibility_disjoint_coefficient = 1.0
compatibility_weight_coefficient = 0.5
conn_add_prob = 0.3
conn_delete_prob = 0.2
node_add_prob = 0.2
node_delete_prob = 0.1
enabled_default = True
enabled_mutate_rate = 0.01
enabled_rate_to_true_add = 0.0
enabled_rate_to_false_add = 0.0
activation_default = relu
activation_mutate_rate = 0.0
activation_options = relu
aggregation_default = sum
aggregation_mutate_rate = 0.0
aggregation_options = sum
bias_init_mean = 0.0
bias_init_stdev = 0.5
bias_init_type = gaussian
bias_max_value = 10.0
bias_min_value = -10.0
bias_mutate_power = 0.1
bias_mutate_rate = 0.5
bias_replace_rate = 0.05
response_init_mean = 1.0
response_init_stdev = 0.0
response_init_type = gaussian
response_max_value = 1.0
response_min_value = 1.0
response_mutate_power = 0.0
response_mutate_rate = 0.0
response_replace_rate = 0.0
time_constant_init_mean = 1.0
time_constant_init_stdev = 0.0
time_constant_init_type = gaussian
time_constant_max_value = 1.0
time_constant_min_value = 1.0
time_constant_mutate_power = 0.0
time_constant_mutate_rate = 0.0
time_constant_replace_rate = 0.0
weight_init_mean = 0.0
weight_init_stdev = 0.5
weight_init_type = gaussian
weight_max_value = 10.0
weight_min_value = -10.0
weight_mutate_power = 0.1
weight_mutate_rate = 0.8
weight_replace_rate = 0.05

[DefaultSpeciesSet]
compatibility_threshold = 2.0

[DefaultStagnation]
species_fitness_func = max
max_stagnation = 20
species_elitism = 2

[DefaultReproduction]
elitism = 2
survival_threshold = 0.3
min_species_size = 2
"""


def search(
    task: Task,
    strengths: Sequence[float],
    seeds: Sequence[int],
    population: int = 100,
    generations: int = 60,
    points: int = 500,
) -> list[SearchResult]:
    """Search with NEAT on a task with one output.

    population, generations: the budget; points: on which a network is judged. There are no more generations than steps.

    Raises ValueError for several outputs: a mutation may then put an output before a hidden neuron.
    """
    if task.widths[-1] != 1:
        raise ValueError(f"{task.widths[-1]} outputs: allowed is one")
    generations = min(generations, task.steps)
    return [
        _search(task, strength, seed, population, generations, points)
        for strength, seed in zip(strengths, seeds, strict=True)
    ]


def _search(task: Task, strength: float, seed: int, population: int, generations: int, points: int) -> SearchResult:
    config = configuration(task, population)
    x, y = task.x[:points].double().numpy(), task.y[:points].double().numpy()
    best: list[neat.DefaultGenome] = []

    def judge(genomes: list[tuple[int, neat.DefaultGenome]], config: neat.Config) -> None:
        for _, genome in genomes:
            genome.fitness = -loss_of(genome, config, x, y) - strength * connections_of(genome) / task.parameters
        best.append(max((genome for _, genome in genomes), key=lambda genome: genome.fitness))

    before = random.getstate()  # the library draws from Python's global generator
    try:
        neat.Population(config, seed=int(generator(seed, "search").integers(2**32))).run(judge, generations)
    finally:
        random.setstate(before)
    choose = task.x_choose.double().numpy(), task.y_choose.double().numpy()
    chosen = min(
        best,
        key=lambda genome: loss_of(genome, config, *choose) + strength * connections_of(genome) / task.parameters,
    )
    numbers = connections_of(chosen) + len(chosen.nodes)
    return SearchResult(graph_of(chosen, config, task.bias), numbers, 0, 0, trainings=population * generations)


def configuration(task: Task, population: int) -> neat.Config:
    """The library's configuration, which it reads from a file."""
    text = CONFIG.format(population=population, inputs=task.widths[0], outputs=task.widths[-1])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "neat.ini"
        path.write_text(text, encoding="utf-8")
        return neat.Config(
            neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, str(path)
        )


def connections_of(genome: neat.DefaultGenome) -> int:
    """The connections that are not disabled."""
    return sum(gene.enabled for gene in genome.connections.values())


def layers_of(genome: neat.DefaultGenome, config: neat.Config) -> tuple[dict[int, int], dict[tuple[int, int], float]]:
    """The layer of every node that the outputs need, by its longest path from the inputs, and the weights between them.

    Layers count from 1, the inputs'; all outputs are on the last one.
    """
    inputs, outputs = config.genome_config.input_keys, config.genome_config.output_keys
    weights = {key: gene.weight for key, gene in genome.connections.items() if gene.enabled}
    needed = required_for_output(inputs, outputs, list(weights)) | set(outputs)
    weights = {(a, b): w for (a, b), w in weights.items() if b in needed and (a in needed or a in inputs)}
    layer = dict.fromkeys(inputs, 1)
    waiting = set(needed)
    while waiting:
        ready = {node for node in waiting if all(a in layer for a, b in weights if b == node)}
        for node in ready:
            layer[node] = 1 + max((layer[a] for a, b in weights if b == node), default=1)
        waiting -= ready
    last = max([1 + max((level for node, level in layer.items() if node not in outputs), default=1), 2])
    return layer | dict.fromkeys(outputs, last), weights


def loss_of(genome: neat.DefaultGenome, config: neat.Config, x: np.ndarray, y: np.ndarray) -> float:
    """Mean squared error of a genome's network on x (points, N_1), y (points, N_ℓ)."""
    layer, weights = layers_of(genome, config)
    outputs = config.genome_config.output_keys
    values: Mapping[int, np.ndarray] = dict(zip(config.genome_config.input_keys, x.T, strict=True))
    for node in sorted((node for node in layer if node not in values), key=layer.get):
        z = genome.nodes[node].bias + sum(w * values[a] for (a, b), w in weights.items() if b == node)
        values[node] = np.broadcast_to(z if node in outputs else np.maximum(z, 0), len(x))
    loss = np.square(np.column_stack([values[node] for node in outputs]) - y).mean()
    return float(loss) if np.isfinite(loss) else WORST


def graph_of(genome: neat.DefaultGenome, config: neat.Config, bias: bool) -> Graph:
    """A genome's network as bundles, most of whose entries are 0."""
    layer, weights = layers_of(genome, config)
    last = max(layer.values())
    members = {i: sorted((node for node, level in layer.items() if level == i), key=abs) for i in range(1, last + 1)}
    place = {node: members[i].index(node) for node, i in layer.items()}
    bundles = {(i, j): torch.zeros(1, len(members[i]), len(members[j])) for i in members for j in range(1, i)}
    for (a, b), weight in weights.items():
        bundles[layer[b], layer[a]][0, place[b], place[a]] = weight
    graph = graphs_of(bundles, bias)[0]
    biases = {i: np.array([genome.nodes[node].bias for node in members[i]]) for i in range(2, last + 1)}
    return Graph(graph.weights, {i: graph.biases[i] + biases[i] for i in biases})
