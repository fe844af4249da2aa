"""Sentences and tables of the comparison with baselines (Table R1), computed from its tables."""

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd

from replication.experiments.baselines.comparison import (
    FEW,
    FEWEST_SEEDS,
    GOOD_R2,
    OWN,
    REFERENCE,
    SCALARS,
    TEACHER,
    compare,
    most_exact,
    name_of,
    networks,
    scalars,
    smallest,
    with_flips,
)
from replication.experiments.baselines.figures import methods_of, searches, title_of
from replication.judging.divergence import divergence
from replication.judging.statistics import lowest
from replication.report.intervals import count_range
from replication.report.prose import NOTHING
from replication.report.tables import markdown
from replication.report.text import counted, fixed, interval, listing, number

RESULTS = {
    "SPARCS better": "SPARCS is significantly better than",
    "baseline better": "worse than",
    "no difference": "no difference is significant to",
    "not tested": f"fewer than {FEWEST_SEEDS} seeds, no test:",
}


def size(trials: pd.DataFrame, settings: Mapping) -> str:
    """Methods, tasks, seeds, strengths and steps."""
    run = settings["run"]["baselines"]
    counts = trials.groupby(["task", "method"])["trial"].nunique()
    strengths = listing([f"{value:g}" for value in sorted(trials["strength"].unique())])
    by_name = trials.assign(method=trials["method"].map(name_of))
    diverged = divergence(by_name, "test_r2", ["method"]).text or "no searches diverged"
    steps = sorted({run[kind]["steps"] for kind in ("teacher", "alpha_beta") if run[kind]["trials"]})
    return (
        f"{counted(trials['method'].nunique(), 'method')} on "
        f"{listing([title_of(task) for task in trials['task'].unique()])}, "
        f"n = {counted(count_range(counts), 'seed')}, size penalty of strength {strengths}, "
        f"{counted(searches(trials), 'search', 'searches')}; "
        f"{listing([f'{count:,}' for count in steps])} optimiser steps; {diverged}."
    )


def findings(trials: pd.DataFrame) -> str:
    """Where SPARCS wins and where it loses on each scalar of the teacher task, and what the networks are like.

    Without the teacher task: who finds the smallest network.
    """
    comparisons = compare(trials).dropna(subset=["ratio"])
    if comparisons.empty:
        return _without_teacher(trials)
    sentences = []
    for scalar, text in SCALARS.items():
        of_scalar = comparisons[comparisons["scalar"] == scalar].sort_values("ratio")
        named = {
            result: [f"{name_of(row.method)} ({number(row.ratio)}×)" for row in rows.itertuples()]
            for result, rows in of_scalar.groupby("result")
        }
        parts = [f"{RESULTS[name]} {listing(named[name])}" for name in RESULTS if name in named]
        said = "; ".join(parts) or "nothing to compare"
        sentences.append(f"**{text[0].upper()}{text[1:]}**, baseline over SPARCS with L2: {said}.")
    on_teacher = trials[trials["task"] == TEACHER]
    sentences += [
        _how_built(on_teacher),
        _why_larger(on_teacher, comparisons),
        _how_exact(on_teacher),
        _after_retraining(on_teacher),
        _all_linear(on_teacher),
    ]
    return "\n".join(f"- {sentence}" for sentence in filter(None, sentences))


def _how_built(trials: pd.DataFrame) -> str:
    """Neurons and bundles of the smallest networks that fit, and their parameters within their own loss."""
    points = networks(trials)
    fits, within = smallest(points), smallest(points[points["target"] == "loss_budget"])
    built = []
    for method, of_method in sorted(fits.groupby("method"), key=lambda pair: pair[1]["parameters"].mean()):
        neurons, bundles = (number(of_method[name].mean()) for name in ("neurons", "bundles"))
        alone = within.loc[within["method"] == method, "parameters"]
        said = f" ({_geometric(alone)})" if len(alone) else ""
        built.append(f"{name_of(method)} {neurons} in {bundles}{said}")
    return (
        f"**What the smallest networks with test R² ≥ {GOOD_R2} are**: neurons in bundles on average, in brackets the "
        "parameters of the smallest that also keep to the budget on their search's own validation loss (geometric "
        f"mean): {'; '.join(built)}."
        if built
        else ""
    )


def _why_larger(trials: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """What is left of SPARCS's own networks, and why its penalty leaves it, if baselines find smaller ones."""
    better = (comparisons["scalar"] == "parameters") & (comparisons["result"] == "baseline better")
    sparcs_trials = trials[(trials["method"] == REFERENCE) & (trials["loss_budget_neurons"] > 0)]
    if not better.any() or sparcs_trials.empty:
        return ""
    neurons, layers = (number(sparcs_trials[f"loss_budget_{name}"].mean()) for name in ("neurons", "hidden_layers"))
    return (
        f"**Why SPARCS's are larger**: where its networks are not linear they keep {neurons} neurons on {layers} "
        "hidden layers within their own loss (means). The penalty closes eigenvalues, and by (4.3) the weight between "
        "two neurons of consecutive layers is φ times the difference of theirs: a neuron of the second hidden layer at "
        "λ = 0 still hears the first one where that is open. And λ can shrink while φ, which bears no penalty, grows."
    )


def _how_exact(trials: pd.DataFrame) -> str:
    """What the best networks with few neurons leave unexplained: ratios of errors say nothing of their size."""
    left = 1 - most_exact(networks(trials)).groupby("method")["test_r2"].median()
    parts = [f"{name_of(method)} {number(value)}" for method, value in left.sort_values().items()]
    said = ", ".join(parts) or "none"
    return f"**1 − R² of the best networks with at most {FEW} neurons**, median over seeds: {said}."


def _after_retraining(trials: pd.DataFrame) -> str:
    """How many searches have FEW neurons that fit once they are retrained: the retraining does that, not the search."""
    counts = (
        trials.assign(fits=trials["max_30_neurons_retrained_test_r2"] >= GOOD_R2)
        .groupby("method")["fits"]
        .agg(["sum", "count"])
    )
    parts = [
        f"{name_of(method)} {row['sum']} of {row['count']}"
        for method, row in counts.sort_values("sum", ascending=False, kind="stable").iterrows()
    ]
    return (
        f"**Searches whose {FEW} most important neurons reach R² ≥ {GOOD_R2} once retrained**: {', '.join(parts)}. "
        "What so short a training adds is not the search's, so the first scalar counts networks as they are."
    )


def _all_linear(trials: pd.DataFrame) -> str:
    """The methods that kept no hidden neuron in any search."""
    most = trials.groupby("method")["loss_budget_neurons"].max()
    names = [name_of(method) for method in methods_of(trials) if most[method] == 0]
    return f"**Linear in every search**, and counted as the maximal network: {listing(names)}." if names else ""


def results_table(trials: pd.DataFrame, task: str) -> str:
    """Table R1, what was found on one task: means over seeds, geometric for the two scalars."""
    of_task = trials[trials["task"] == task]
    if of_task["test_r2"].notna().sum() == 0:
        return NOTHING
    both, tests, rows = scalars(of_task), compare(trials, task), []
    turned = with_flips(of_task)
    flipped = scalars(turned) if len(turned) else both.iloc[:0]
    for method in methods_of(of_task):
        each, searched = both[both["method"] == method], of_task[of_task["method"] == method]
        row = {"method": name_of(method), "n": searched["trial"].nunique()}
        for scalar, text in SCALARS.items():
            row[text] = _geometric(each[scalar])
            row[f"over SPARCS, {scalar}"] = _ratio(tests, scalar, method)
        row["with flips"] = _geometric(flipped.loc[flipped["method"] == method, "parameters"])
        best = lowest(searched, "validation_mse", "trial")
        row |= {
            "best strength": _strengths(smallest(networks(searched))),
            "best R²": fixed(best["test_r2"].mean(), 4),
            "within the budget": fixed(best["loss_budget_test_r2"].mean(), 4),
            "retrained": fixed(best["loss_budget_retrained_test_r2"].mean(), 4),
            "its layers": number(best["loss_budget_hidden_layers"].mean()),
            "neurons": number(best["loss_budget_neurons"].mean()),
            "bundles": number(best["loss_budget_bundles"].mean()),
            "parameters": number(best["loss_budget_parameters"].mean()),
            "multiply-adds": number(best["loss_budget_multiply_adds"].mean()),
            "‖in‖ / ‖out‖": _drift(searched),
            "recovered": _recovered(searched),
            "norm of skip": number(searched.loc[_made_the_data(searched), "loss_budget_skip_norm"].mean()),
        }
        rows.append(row)
    return markdown(pd.DataFrame(rows))


def misses(trials: pd.DataFrame, task: str) -> str:
    """The methods of which some seed has no compacted network that fits without retraining, at any strength."""
    of_task = trials[trials["task"] == task]
    points = networks(of_task)
    best = points[~points["retrained"]].groupby(["method", "trial"])["test_r2"].max()
    seeds = of_task[["method", "trial"]].drop_duplicates().groupby("method").size()
    fit = (best >= GOOD_R2).groupby("method").sum().reindex(seeds.index, fill_value=0)
    named = [
        f"{name_of(method)} ({seeds[method] - fit[method]} of {seeds[method]})"
        for method in methods_of(of_task)
        if fit[method] < seeds[method]
    ]
    said = listing(named) if named else "none"
    return f"Seeds without a network of test R² ≥ {GOOD_R2} before retraining, at any strength: {said}."


def costs_table(trials: pd.DataFrame, costs: pd.DataFrame, task: str) -> str:
    """Table R1, what a search took on one task: means over seeds and strengths; alone and memory are of one search."""
    of_task, spent = trials[trials["task"] == task], costs[costs["task"] == task]
    rows = []
    for method in methods_of(of_task):
        searched, cost = of_task[of_task["method"] == method], spent[spent["method"] == method]
        rows.append(
            {
                "method": name_of(method),
                "trained at a time": number(searched["trained_parameters"].mean()),
                "optimiser steps": number(searched["steps"].mean()),
                "gradient evaluations": number(searched["gradient_evaluations"].mean()),
                "trainings": number(searched["trainings"].mean()),
                "core-seconds alone": number(cost["alone_seconds"].mean()),
                "among others": number(cost["core_seconds"].mean()),
                "peak memory, MiB": number(cost["peak_mib"].mean()),
            }
        )
    return markdown(pd.DataFrame(rows))


def tuning_table(tuning: pd.DataFrame) -> str:
    """Every value that was tried of a tuned option on each task, the chosen one bold, and with how many seeds.

    A sentence if none was.
    """
    if tuning.empty:
        return "Nothing was tuned in this run: every option is the one in `params.yaml`."
    rows, tasks = [], tasks_of(tuning)
    seeds = tuning.groupby("task")["tuning_trial"].nunique()
    counts = listing([f"{seeds[task]} ({title_of(task)})" for task in tasks])
    for method in methods_of(tuning):
        of_method = tuning[tuning["method"] == method]
        row = {"method": name_of(method), "option": of_method["option"].iloc[0]}
        for task in tasks:
            tried = of_method.loc[of_method["task"] == task, ["value", "chosen"]].drop_duplicates()
            values = sorted(tried.itertuples(index=False, name=None), key=_size)
            row[title_of(task)] = ", ".join(f"**{value}**" if chosen else value for value, chosen in values)
        rows.append(row)
    table = markdown(pd.DataFrame(rows).fillna(""))
    return f"Seeds that each value was tried on, at every strength: {counts}.\n\n{table}"


def _size(tried: tuple[str, bool]) -> float:
    """A number's value; words are left in their order."""
    value = json.loads(tried[0])
    return 0.0 if isinstance(value, str) else value


def _drift(searched: pd.DataFrame) -> str:
    """Geometric mean over the searches whose network has hidden neurons; – where it was not measured."""
    return _geometric(searched["in_over_out"].dropna()) if "in_over_out" in searched else "–"


def _geometric(values: pd.Series) -> str:
    return number(float(np.exp(np.log(values).mean())))


def _ratio(tests: pd.DataFrame, scalar: str, method: str) -> str:
    of_method = tests[(tests["scalar"] == scalar) & (tests["method"] == method)]
    if of_method.empty or method in OWN:
        return "1" if method == REFERENCE else ""
    row = of_method.iloc[0]
    if np.isnan(row["effect"]):  # of one pair, or none
        return "–"
    effect = f"r = {row['effect']:.2f}".replace("-", "−")
    return f"{interval(row['ratio'], row['low'], row['high'])}, {effect}, p = {number(row['p_holm'])}"


def _strengths(fits: pd.DataFrame) -> str:
    """The strengths that the smallest networks come from, with the number of seeds."""
    counts = fits["strength"].value_counts().sort_index()
    return ", ".join(f"{strength:g} ({count})" for strength, count in counts.items())


def _recovered(searched: pd.DataFrame) -> str:
    """How many searches recovered the network that made the data, in all and at each strength in rising order."""
    known = searched[searched["recovered"].notna()]
    if known.empty:
        return ""
    matches = _made_the_data(known)
    each = matches.groupby(known["strength"]).sum()
    return f"{matches.sum()} of {len(known)}" + (f" ({', '.join(map(str, each))})" if len(each) > 1 else "")


def _made_the_data(searched: pd.DataFrame) -> pd.Series:
    """Where the network within the budget is built as the one that made the data, and fits: an empty one does not."""
    return (searched["recovered"] == 1) & (searched["loss_budget_test_r2"] >= GOOD_R2)


def _without_teacher(trials: pd.DataFrame) -> str:
    sentences = []
    for task, of_task in trials.groupby("task", sort=False):
        both = scalars(of_task).groupby("method")[list(SCALARS)].median()
        if both["error"].isna().all():
            sentences.append(f"On {title_of(task)} no search finished.")
            continue
        smallest, best = both["parameters"].idxmin(), both["error"].idxmin()
        sentences.append(
            f"On {title_of(task)} the fewest parameters at test R² ≥ {GOOD_R2}: {name_of(smallest)} "
            f"({number(both.loc[smallest, 'parameters'])}; SPARCS with L2 "
            f"{number(both['parameters'].get(REFERENCE, np.nan))}); the smallest error at ≤ {FEW} neurons: "
            f"{name_of(best)} ({number(both.loc[best, 'error'])}; SPARCS with L2 "
            f"{number(both['error'].get(REFERENCE, np.nan))}) (medians over seeds)."
        )
    return "\n".join(f"- {sentence}" for sentence in sentences)


def tasks_of(trials: pd.DataFrame) -> list[str]:
    """The tasks that were run, the teacher first."""
    return sorted(trials["task"].unique(), key=lambda task: (task != TEACHER, task))
