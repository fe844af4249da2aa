"""Sentences and tables of the report on the teacher and its student, computed from its tables."""

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
    survives = [f"in {int((rows['surviving_layer'] == layer).sum())} the {name(layer)}'s" for layer in hidden(rows)]
    with_intercept = linear.loc[linear["intercept"].astype(bool) & (linear["rotations"] == 2), "r2"]
    return (
        f"Linear regression with intercept reaches R² {number(with_intercept.mean())} on average over "
        f"{counted(len(with_intercept), 'teacher')}, SPARCS {rows['test_r2'].mean():.4f} over "
        f"{counted(n, 'trained network')}. One layer alone keeps large eigenvalues, {listing(survives)}; "
        "deleting the other layer raises the held-out loss by "
        f"{100 * rows['other_layer_loss_increase'].median():,.0f} % (median). Within a loss increase of "
        f"{100 * budget:g} %, removal (i) keeps {rows['kept_eigenvalues'].mean():.1f} eigenvalues on average, which "
        f"leaves {rows['live_neurons'].mean():.1f} live neurons and R² {rows['trimmed_r2'].mean():.4f}; removal (ii) "
        f"keeps {rows['kept_neurons_weight_space'].mean():.1f} neurons."
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
        "eigenvalues kept (i)": f"{networks['kept_eigenvalues'].mean():.1f}",
        "live neurons (i)": f"{networks['live_neurons'].mean():.1f}",
        "trimmed R² (i)": f"{networks['trimmed_r2'].mean():.4f}",
        "neurons kept (ii)": f"{networks['kept_neurons_weight_space'].mean():.1f}",
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
