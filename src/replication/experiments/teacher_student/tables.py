"""Tables of the report on the teacher and its student, and counts that fall into groups, as text."""

import pandas as pd

from replication.experiments.teacher_student.ensembles import called, strengths
from replication.experiments.teacher_student.layers import eigenvalues, hidden, name
from replication.report.intervals import finished
from replication.report.tables import markdown
from replication.report.text import counted, fixed, listing, number, penalty_name


def apart(values: pd.Series) -> list[tuple[pd.Series, str]]:
    """Counts as one group, or as two if a wide gap parts them: wider than half of their mean. Each with its range."""
    ordered = values.dropna().sort_values(ignore_index=True)
    gaps = ordered.diff()
    cut = gaps.idxmax() if gaps.max() > ordered.mean() / 2 else 0
    groups = [group for group in (ordered[:cut], ordered[cut:]) if len(group)]
    return [(group, " to ".join(f"{value:.0f}" for value in sorted({group.min(), group.max()}))) for group in groups]


def mean_or_groups(values: pd.Series) -> str:
    """The mean of counts; where they fall into two groups, of which it describes neither, the range of each."""
    groups = apart(values)
    if len(groups) < 2:
        return number(values.mean())
    return listing([f"{span} in {counted(len(group), 'network')}" for group, span in groups])


def ensembles_table(trials: pd.DataFrame) -> str:
    """Two tables, as trained and what is left, of means over finished trials: a row per ensemble of experiment 2."""
    rows = finished(trials)
    if rows.empty:
        return "No trial finished."
    ensembles = list(rows.groupby("ensemble", sort=False))
    trained = [{"ensemble": called(ensemble)} | _trained(networks, hidden(rows)) for ensemble, networks in ensembles]
    left = [{"ensemble": called(ensemble)} | _left(networks) for ensemble, networks in ensembles]
    return f"{markdown(pd.DataFrame(trained))}\n\n{markdown(pd.DataFrame(left))}"


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


def kept_table(trials: pd.DataFrame) -> str:
    """What pruning within the loss budget keeps, over the finished networks of an ensemble."""
    counts = {"kept_eigenvalues": "eigenvalues (i)", "live_neurons": "live neurons (i)",
              "kept_neurons_weight_space": "neurons (ii)"}  # fmt: skip
    rows = finished(trials)
    return markdown(pd.DataFrame([
        {"kept": name, "mean": number(rows[column].mean()), "least": number(rows[column].min()),
         "most": number(rows[column].max())}
        for column, name in counts.items() if len(rows)
    ]))  # fmt: skip


def sizes_table(eigenvalues_of: pd.DataFrame) -> str:
    """The mean and the largest size of hidden eigenvalues, of which each is a row, by layer."""
    return markdown(pd.DataFrame([
        {"layer": name(int(layer)), "mean abs λ": number(sizes.mean()), "largest": number(sizes.max())}
        for layer, sizes in eigenvalues_of["eigenvalue"].abs().groupby(eigenvalues_of["layer"])
    ]))  # fmt: skip


def surgery_table(losses: dict[str, float]) -> str:
    """The loss of a network as trained, and after each of several changes of it."""
    trained = next(iter(losses.values()))
    rows = [
        {"network": what, "loss": number(loss), "increase": f"{number(100 * (loss / trained - 1))} %"}
        for what, loss in losses.items()
    ]
    return markdown(pd.DataFrame(rows))


def _trained(networks: pd.DataFrame, layers: list[int]) -> dict[str, str]:
    first = networks.iloc[0]
    return {
        "penalty, ρ": _penalty(first),
        "rotations": first["rotations"],
        "n": len(networks),
        "test R²": fixed(networks["test_r2"].mean(), 3),
        **{f"max abs {eigenvalues(layer)}": number(networks[f"largest_eigenvalue_{layer}"].mean()) for layer in layers},
    }


def _left(networks: pd.DataFrame) -> dict[str, str]:
    none = "neither" if len(hidden(networks)) == 2 else "none"
    survivors = networks["surviving_layer"].map(lambda layer: name(int(layer)) if layer else none).value_counts()
    return {
        "surviving": ", ".join(f"{layer} in {count}" for layer, count in survivors.items()),
        "loss without the other": _loss_without(networks),
        "eigenvalues kept (i)": mean_or_groups(networks["kept_eigenvalues"]),
        "live neurons (i)": mean_or_groups(networks["live_neurons"]),
        "trimmed R² (i)": fixed(networks["trimmed_r2"].mean(), 3),
        "neurons kept (ii)": mean_or_groups(networks["kept_neurons_weight_space"]),
    }


def _penalty(trial: pd.Series) -> str:
    each = [f"{rho:g}" for rho in strengths(trial).values()]
    return f"{penalty_name(trial['penalty'])}, {listing(each)}" if each else "none"


def _loss_without(networks: pd.DataFrame) -> str:
    increases = networks.loc[
        networks["surviving_layer"] != 0, "other_layer_loss_increase"
    ]  # where none survives, none is other
    if increases.empty or len(hidden(networks)) < 2:
        return "–"
    median = increases.median()
    return f"{'+' if median >= 0 else ''}{number(100 * median)} %{' (median)' if len(increases) > 1 else ''}"
