"""Sentences and tables of the depth report, computed from its tables."""

from collections.abc import Mapping

import pandas as pd

from replication.experiments.depth.figures import default_start
from replication.report.intervals import count_range
from replication.report.prose import NOTHING
from replication.report.tables import markdown
from replication.report.text import counted, fixed, listing, number

OFTEN = 0.8  # as for the paper's claim D2: the share of networks that makes an answer
WORSE = 2  # times the loss at gain 1, above which an initial scale is said to harm


def size(trials: pd.DataFrame, settings: Mapping) -> str:
    """n, depths, width and epochs, and how many trials diverged."""
    rows, task = default_start(trials), settings["run"]["depth"]["teacher"]
    diverged = int((trials["diverged_epoch"] >= 0).sum())
    return (
        f"{listing([str(depth) for depth in sorted(rows['depth'].unique())])} hidden layers of {task['hidden']} "
        f"neurons, n = {counted(count_range(rows.groupby('depth')['trial'].count()), 'network')} each; "
        f"{task['points']:,} points, {counted(task['training']['epochs'], 'epoch')}, "
        f"batches of {task['training']['batch_size']}; "
        f"{counted(len(trials) - len(rows), 'more trial')}; {diverged or 'no'} trial{'s' * (diverged > 1)} diverged."
    )


def answer(trials: pd.DataFrame, settings: Mapping) -> str:
    """The answer to the notebook's question: how often one hidden layer is in use where more are allowed."""
    missing = _less_than_planned(settings)
    deep = default_start(trials).query("depth > 1 and diverged_epoch < 0")
    if missing or deep.empty:
        reason = missing or "no network with more than one hidden layer finished"
        return (
            "**Answer: not tested at this scale.** The paper makes no claim on it.\n\n"
            f"> **Illustrative only.** Not tested in this run: {reason}."
        )
    single = int((deep["surviving_by_function"] == 1).sum())
    share = single / len(deep)
    verdict = "yes" if share >= OFTEN else "no" if share <= 1 - OFTEN else "in part"
    by_eigenvalue = int((deep["surviving_by_eigenvalue"] == 1).sum())
    n = counted(count_range(deep.groupby("depth")["trial"].count()), "network")
    return (
        f"**Answer: {verdict}** (n = {n} of each depth). Of {counted(len(deep), 'network')} that "
        f"{'was' if len(deep) == 1 else 'were'} allowed more than one hidden layer, {single} use "
        f"exactly one if a layer counts by what its deletion costs, {by_eigenvalue} if it counts by its eigenvalues. "
        "The paper makes no claim on it."
    )


def findings(trials: pd.DataFrame, layers: pd.DataFrame) -> str:
    """Layers in use and fit at the smallest and the largest depth, where the layers in use lie, and what compacts."""
    networks = default_start(trials).query("diverged_epoch < 0")
    if networks.empty:
        return NOTHING
    shallow, deep = (
        networks[networks["depth"] == depth] for depth in (networks["depth"].min(), networks["depth"].max())
    )
    pairs, paired = _pairs(default_start(layers))
    agree = int((networks["compact_hidden_layers"] == networks["surviving_by_function"]).sum())
    return " ".join(
        [
            f"With {_layers(shallow)} allowed {number(shallow['surviving_by_function'].mean())} "
            f"are in use on average and R² is {shallow['test_r2'].mean():.4f}; with {_layers(deep)} allowed "
            f"{number(deep['surviving_by_function'].mean())} are, {number(deep['surviving_by_eigenvalue'].mean())} by "
            f"eigenvalue, and R² is {deep['test_r2'].mean():.4f}.",
            f"{int(networks['stayed_linear'].sum())} of {counted(len(networks), 'network')} stayed linear.",
            f"In {paired} of {counted(pairs, 'network')} with more than one layer allowed every layer in use either "
            "keeps large eigenvalues itself or comes right after one that does.",
            f"Compaction leaves as many hidden layers as are in use in {agree} of {counted(len(networks), 'network')}.",
        ]
    )


def scale_findings(start: pd.DataFrame, trials: pd.DataFrame) -> str:
    """Growth of the start's variance per layer for every gain, and the fit after training against that at gain 1."""
    sentences = []
    deepest = start[start["depth"] == start["depth"].max()]
    for gain, of_gain in deepest.groupby("gain"):
        ratio = of_gain["variance_ratio"].mean()
        sentences.append(
            f"Gain {gain:g}: with {_layers(of_gain)} the output's variance at the start is {number(ratio)} times the "
            f"input's, the first gradient of the eigenvalues {number(of_gain['gradient_eigenvalues'].mean())}"
            f"{_after(trials, gain)}."
        )
    return "\n".join(f"- {sentence}" for sentence in sentences)


def compaction_table(trials: pd.DataFrame) -> str:
    """What is left of the networks of each depth within the loss budget: means over the finished trials."""
    networks = default_start(trials).query("diverged_epoch < 0")
    if networks.empty:
        return NOTHING
    rows = [
        {
            "hidden layers allowed": depth,
            "n": len(rows),
            "left": number(rows["compact_hidden_layers"].mean()),
            "hidden neurons": _shrunk(rows, "neurons"),
            "parameters": _shrunk(rows, "parameters"),
            "multiply-adds": _shrunk(rows, "multiply_adds"),
            "loss": f"{100 * rows['compact_loss_increase'].mean():+.1f} %",
            "ONNX": number(rows["onnx_difference"].max()),
            "torch.export": number(rows["export_difference"].max()),
        }
        for depth, rows in networks.groupby("depth")
    ]
    return markdown(pd.DataFrame(rows))


def without_penalty_table(trials: pd.DataFrame, free: pd.DataFrame) -> str:
    """Layers in use and fit without a penalty, beside those with it: means over the finished trials of each depth."""
    networks = free[free["diverged_epoch"] < 0] if len(free) else free
    if networks.empty:
        return "Without a penalty: it has not been run." if free.empty else NOTHING
    penalised = default_start(trials).query("diverged_epoch < 0")
    rows = []
    for depth, of_depth in networks.groupby("depth"):
        beside = penalised[penalised["depth"] == depth]
        both = {"without": of_depth, "with": beside}
        rows.append(
            {"hidden layers allowed": depth, "n without, with": f"{len(of_depth)}, {len(beside)}"}
            | {f"in use, {name}": number(each["surviving_by_function"].mean()) for name, each in both.items()}
            | {f"by eigenvalue, {name}": number(each["surviving_by_eigenvalue"].mean()) for name, each in both.items()}
            | {f"R², {name}": fixed(each["test_r2"].mean(), 4) for name, each in both.items()}
        )
    return markdown(pd.DataFrame(rows))


def without_penalty_findings(free: pd.DataFrame) -> str:
    """How many networks use fewer layers than they have, without a penalty; empty if none of several finished."""
    deep = free.query("depth > 1 and diverged_epoch < 0") if len(free) else free
    if deep.empty:
        return ""
    fewer = int((deep["surviving_by_function"] < deep["depth"]).sum())
    single = int((deep["surviving_by_function"] <= 1).sum())
    return (
        f"Without a penalty {fewer} of {counted(len(deep), 'network')} with several hidden layers use fewer than they "
        f"have, {single} of them one at most. {_deepest(deep)}"
    )


def priced_table(trials: pd.DataFrame, priced: pd.DataFrame) -> str:
    """What a price on weights leaves of each depth, beside the penalty on eigenvalues: means over finished trials."""
    networks = priced[priced["diverged_epoch"] < 0] if len(priced) else priced
    if networks.empty:
        return "With a price on weights: it has not been run." if priced.empty else NOTHING
    paper = default_start(trials).query("diverged_epoch < 0")
    rows = []
    for depth, of_depth in networks.groupby("depth"):
        beside = paper[paper["depth"] == depth]
        both = {"priced": of_depth, "Table 4's": beside}
        rows.append(
            {"hidden layers allowed": depth, "n": f"{len(of_depth)}, {len(beside)}"}
            | {f"one in use, {name}": _share(each["surviving_by_function"] == 1) for name, each in both.items()}
            | {f"neurons left, {name}": number(each["compact_neurons"].mean()) for name, each in both.items()}
            | {f"R², {name}": fixed(each["test_r2"].mean(), 4) for name, each in both.items()}
        )
    return markdown(pd.DataFrame(rows))


def _share(hits: pd.Series) -> str:
    return f"{int(hits.sum())} of {len(hits)}" if len(hits) else "–"


def _deepest(deep: pd.DataFrame) -> str:
    rows = deep[deep["depth"] == deep["depth"].max()]
    return f"With {_layers(rows)} allowed {number(rows['surviving_by_function'].mean())} are in use on average."


def alpha_beta_table(trials: pd.DataFrame) -> str:
    """Experiment 1's data sets at every depth: means over the finished trials."""
    networks = trials[trials["alpha"].notna() & (trials["diverged_epoch"] < 0)]
    if networks.empty:
        return "No trial on these data finished at this scale."
    rows = [
        {
            "α": f"{alpha:g}",
            "hidden layers allowed": depth,
            "n": len(rows),
            "in use by eigenvalue": number(rows["surviving_by_eigenvalue"].mean()),
            "in use by function": number(rows["surviving_by_function"].mean()),
            "stayed linear": f"{int(rows['stayed_linear'].sum())} of {len(rows)}",
            "R²": f"{rows['test_r2'].mean():.4f}",
            "hidden neurons after compaction": number(rows["compact_neurons"].mean()),
        }
        for (alpha, depth), rows in networks.groupby(["alpha", "depth"])
    ]
    return markdown(pd.DataFrame(rows))


def _less_than_planned(settings: Mapping) -> str:
    """What the teacher's trials have less of than planned at full size, as text; empty if nothing."""
    run, full = (settings[side]["depth"]["teacher"] for side in ("run", "paper"))
    counts = {
        "epochs": (run["training"]["epochs"], full["training"]["epochs"]),
        "points": (run["points"], full["points"]),
    }
    return ", ".join(f"{name} {actual} of {planned}" for name, (actual, planned) in counts.items() if actual < planned)


def _pairs(layers: pd.DataFrame) -> tuple[int, int]:
    """Networks with several hidden layers; those whose layers in use all have, or follow, large eigenvalues."""
    networks = [rows.sort_values("layer") for _, rows in layers[layers["depth"] > 1].groupby(["depth", "trial"])]
    opened = [network["survives_by_eigenvalue"].astype(bool).to_numpy() for network in networks]
    used = [network["survives_by_function"].astype(bool).to_numpy() for network in networks]
    fits = [
        all(large[k] or (k > 0 and large[k - 1]) for k in in_use.nonzero()[0])
        for large, in_use in zip(opened, used, strict=True)
    ]
    return len(networks), sum(fits)


def _after(trials: pd.DataFrame, gain: float) -> str:
    finished = trials[(trials["data_set"] == "teacher") & (trials["diverged_epoch"] < 0)]
    at = finished[finished["gain"] == gain].groupby("depth")["test_r2"].mean()
    counts = finished[finished["gain"] == gain].groupby("depth")["trial"].count()
    default = finished[finished["gain"] == 1].groupby("depth")["test_r2"].mean()
    both = at.index.intersection(default.index)
    if gain == 1 or both.empty:
        return ""
    depth = both.max()
    ratio = (1 - at[depth]) / (1 - default[depth])
    said = "worse than" if ratio > WORSE else "better than" if ratio < 1 / WORSE else "comparable to"
    return (
        f"; after training with {depth} hidden layers R² is {number(at[depth])} (n = {counts[depth]}), {said} gain 1's "
        f"{number(default[depth])}"
    )


def _layers(rows: pd.DataFrame) -> str:
    depth = int(rows["depth"].iloc[0])
    return f"{depth} hidden layer{'s' * (depth > 1)}"


def _shrunk(rows: pd.DataFrame, column: str) -> str:
    return f"{rows[column].mean():,.0f} → {rows[f'compact_{column}'].mean():,.0f}"
