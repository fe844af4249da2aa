"""Bayesian search over widths and skips with early stopping (Optuna: tree-structured Parzen estimator, median pruning).

Objective: validation loss + strength · size after an equal share of half of the steps; a candidate that is worse than
the median after a third or two thirds of its share is stopped. The best one is trained anew with the steps left.
Akiba, Sano, Yanase, Ohta, Koyama: Optuna (KDD 2019); Bergstra, Bardenet, Bengio, Kégl: Algorithms for Hyper-Parameter
Optimization (NeurIPS 2011).
"""

from collections.abc import Sequence

import optuna

from replication.baselines.candidates import Candidate, Shape, size
from replication.baselines.random_search import consecutive
from replication.baselines.task import SearchResult, Task
from replication.training.seeds import generator

STAGES = 3


def search(task: Task, strengths: Sequence[float], seeds: Sequence[int], candidates: int = 10) -> list[SearchResult]:
    """Search each run on its own; candidates: shapes tried out in each."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return [_search(task, strength, seed, candidates) for strength, seed in zip(strengths, seeds, strict=True)]


def _search(task: Task, strength: float, seed: int, candidates: int) -> SearchResult:
    stage = max(1, task.steps // (2 * candidates * STAGES))
    spent = 0

    def objective(trial: optuna.Trial) -> float:
        nonlocal spent
        shape = suggest(task, trial)
        candidate = Candidate(task, shape, seed)
        for k in range(STAGES):
            value = candidate.train(stage) + strength * size(task, shape)
            spent += stage
            trial.report(value, k)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    sampler = optuna.samplers.TPESampler(seed=int(generator(seed, "search").integers(2**32)), n_startup_trials=4)
    study = optuna.create_study(sampler=sampler, pruner=optuna.pruners.MedianPruner(n_startup_trials=3))
    study.optimize(objective, n_trials=candidates)
    chosen = Candidate(task, suggest(task, optuna.trial.FixedTrial(study.best_params)), seed)
    chosen.train(max(STAGES * stage, task.steps - spent))
    numbers = sum(weight.numel() for weight in chosen.trained)
    return SearchResult(chosen.graph, numbers, spent + chosen.steps, spent + chosen.steps, trainings=candidates)


def suggest(task: Task, trial: optuna.trial.BaseTrial) -> Shape:
    """A shape by the study's sampler; width 1 stands for a layer left out."""
    drawn = [trial.suggest_int(f"width_{k}", 1, most, log=True) for k, most in enumerate(task.widths[1:-1], start=2)]
    hidden = tuple(0 if width == 1 else width for width in drawn)
    skips = {pair: trial.suggest_categorical(f"bundle_{pair[0]}_{pair[1]}", [False, True]) for pair in task.pairs}
    return Shape(hidden, tuple(pair for pair in task.pairs if skips[pair] or consecutive(hidden, pair)))
