"""Sentences and tables of the report on the teacher and its student, computed from its tables."""

from collections.abc import Mapping

import pandas as pd

from replication.experiments.teacher_student.layers import eigenvalues, hidden, name
from replication.report.intervals import finished
from replication.report.tables import markdown
from replication.report.text import counted, listing, number


def findings(trials: pd.DataFrame, linear: pd.DataFrame, budget: float) -> str:
    """Linear and trained fits, the surviving layer, and what pruning leaves, for the default ensemble."""
    rows = finished(trials)
    n = len(rows)
    if n == 0:
        return "No trial with the default penalty, unsquared L2, finished."
    with_intercept = linear.loc[linear["intercept"].astype(bool) & (linear["rotations"] == 2), "r2"]
    return (
        f"Linear regression with intercept reaches R² {number(with_intercept.mean())} on average over "
        f"{counted(len(with_intercept), 'teacher')}, SPARCS {rows['test_r2'].mean():.4f} over "
        f"{counted(n, 'trained network')}. By eigenvalues {listing(_survivors(rows))}. Deleting the other layer raises "
        f"the held-out loss by {100 * rows['other_layer_loss_increase'].median():,.0f} % (median). Within a loss "
        f"increase of {100 * budget:g} %, removal (i) keeps {rows['kept_eigenvalues'].mean():.1f} eigenvalues on "
        f"average. That leaves {rows['live_neurons'].mean():.1f} live neurons and R² {rows['trimmed_r2'].mean():.4f}. "
        f"Removal (ii) keeps {rows['kept_neurons_weight_space'].mean():.1f} neurons."
    )


def _survivors(rows: pd.DataFrame) -> list[str]:
    """Each hidden layer's name, and in how many of these networks its eigenvalues alone stay large."""
    counts = [(layer, int((rows["surviving_layer"] == layer).sum())) for layer in hidden(rows)]
    survives = {0: "in none", len(rows): f"in all {len(rows)} networks"}
    return [f"the {name(layer)} ({eigenvalues(layer)}) survives {survives.get(count, f'in {count} of {len(rows)}')}"
            for layer, count in counts]  # fmt: skip


def apart(values: pd.Series) -> list[tuple[pd.Series, str]]:
    """Counts as one group, or as two if a wide gap parts them: wider than half of their mean. Each with its range."""
    ordered = values.dropna().sort_values(ignore_index=True)
    gaps = ordered.diff()
    cut = gaps.idxmax() if gaps.max() > ordered.mean() / 2 else 0
    groups = [group for group in (ordered[:cut], ordered[cut:]) if len(group)]
    return [(group, " to ".join(f"{value:.0f}" for value in sorted({group.min(), group.max()}))) for group in groups]


def mean_or_groups(values: pd.Series, places: int = 1) -> str:
    """The mean of counts; where they fall into two groups, of which it describes neither, the range of each."""
    groups = apart(values)
    if len(groups) < 2:
        return f"{values.mean():.{places}f}"
    return listing([f"{span} in {counted(len(group), 'network')}" for group, span in groups])


def own_teachers(trials: pd.DataFrame) -> str:
    """Which ensembles have another teacher for each of several networks; empty if none has."""
    of_each = trials.groupby("ensemble", sort=False)["teacher"].agg(["size", "nunique"])
    own = of_each[(of_each["size"] > 1) & (of_each["size"] == of_each["nunique"])].index
    return f"Every network of {listing([f'`{each}`' for each in own])} has another teacher." if len(own) else ""


def map_size(run: Mapping, trials: pd.DataFrame) -> str:
    """How much smaller the networks of the map are, and whether those of equal strengths are trained at full size, too.

    run: the settings of experiment 2; trials: of the map.
    """
    of_map = run.get("map")
    if not of_map:
        return ""
    share = f"{100 * of_map['points'] / run['points']:.3g} % of the points"
    full = " Pairs of equal strengths are trained at full size, too."
    return (
        f"The networks are smaller: {of_map['hidden']} neurons a layer, {share}, "
        f"{counted(of_map['epochs'], 'epoch')}, batches of {of_map['batch_size']:,}."
        f"{full * bool(len(trials) and (trials['size'] == 'full').any())}"
    )


def ensembles_table(trials: pd.DataFrame) -> str:
    """One row per ensemble of experiment 2: means over its finished trials."""
    rows = finished(trials)
    if rows.empty:
        return "No trial finished."
    networks = [_ensemble(ensemble, of_one, hidden(rows)) for ensemble, of_one in rows.groupby("ensemble", sort=False)]
    return markdown(pd.DataFrame(networks))


def not_run(trials: pd.DataFrame, ensembles: list[str]) -> str:
    """A sentence that names those ensembles that have no trial; empty if all have."""
    missing = [f"`{each}`" for each in ensembles if each not in set(trials["ensemble"])]
    return f"Not run at this scale: {listing(missing)}." if missing else ""


def linear_table(linear: pd.DataFrame) -> str:
    """R² of linear regression with and without intercept: mean and range over the teachers."""
    rows = [
        {
            "rotations": rotations,
            "intercept": "yes" if intercept else "no",
            "teachers": len(teachers),
            "mean R²": f"{teachers['r2'].mean():.3f}",
            "range": f"{teachers['r2'].min():.3f} to {teachers['r2'].max():.3f}",
        }
        for (rotations, intercept), teachers in linear.dropna(subset=["r2"]).groupby(["rotations", "intercept"])
    ]
    return markdown(pd.DataFrame(rows))


def surgery_table(losses: dict[str, float]) -> str:
    """The loss of a network as trained, and after each of several changes of it."""
    trained = next(iter(losses.values()))
    rows = [
        {"network": what, "loss": number(loss), "increase": f"{number(100 * (loss / trained - 1))} %"}
        for what, loss in losses.items()
    ]
    return markdown(pd.DataFrame(rows))


def _ensemble(ensemble: str, networks: pd.DataFrame, layers: list[int]) -> dict[str, str]:
    first = networks.iloc[0]
    survivors = networks["surviving_layer"].map(lambda layer: name(int(layer)) if layer else "neither").value_counts()
    return {
        "ensemble": ensemble,
        "penalty, ρ": _penalty(first),
        "rotations": first["rotations"],
        "n": len(networks),
        "test R²": f"{networks['test_r2'].mean():.4f}",
        **{f"max abs {eigenvalues(layer)}": number(networks[f"largest_eigenvalue_{layer}"].mean()) for layer in layers},
        "surviving": ", ".join(f"{layer} {count}×" for layer, count in survivors.items()),
        "loss without the other": _loss_without(networks),
        "eigenvalues kept (i)": mean_or_groups(networks["kept_eigenvalues"]),
        "live neurons (i)": mean_or_groups(networks["live_neurons"]),
        "trimmed R² (i)": f"{networks['trimmed_r2'].mean():.4f}",
        "neurons kept (ii)": mean_or_groups(networks["kept_neurons_weight_space"]),
    }


def _penalty(trial: pd.Series) -> str:
    if trial["rho"] == 0:
        return "none"
    of_layers = trial.filter(regex=r"^rho_\d+$").dropna()
    strengths = of_layers if pd.isna(trial["rho"]) else [trial["rho"]]
    return f"{trial['penalty']}, {listing([f'{rho:g}' for rho in strengths])}"


def _loss_without(networks: pd.DataFrame) -> str:
    increases = networks.loc[
        networks["surviving_layer"] != 0, "other_layer_loss_increase"
    ]  # where neither survives, none is other
    if increases.empty:
        return "–"
    median = increases.median()
    return f"{'+' if median >= 0 else ''}{number(100 * median)} %{' (median)' if len(increases) > 1 else ''}"
