"""An ensemble of students in words: its penalty and strengths, by the columns of its trials."""

import pandas as pd

from replication.experiments.teacher_student.layers import SUBSCRIPTS
from replication.report.text import penalty_name

NAMES = {
    "l2": "L2 as in Table 4",
    "l1": "L1",
    "l2_squared": "squared L2",
    "none": "no penalty",
    "one_rotation": "one rotation",
    "graded": "a dearer first layer",
    "l1_weak": "weaker L1",
    "authors_notebook": "the authors' notebook",
    "authors_last": "the authors' last notebook",
    "orthonormal": "L1 with orthonormal φ",
    "minus_one": "the start at −1",
    "rows": "a price on weights",
}


def called(ensemble: str) -> str:
    """An ensemble's name for the reader; one without is called as in the settings."""
    return NAMES.get(ensemble, ensemble)


def strengths(trial: pd.Series) -> dict[str, float]:
    """ρ by its symbol: one for all hidden layers, or one for each; none without a penalty."""
    if pd.notna(trial["rho"]):
        return {"ρ": trial["rho"]} if trial["rho"] > 0 else {}
    of_layers = trial.filter(regex=r"^rho_\d+$").dropna()
    return {f"ρ{name.removeprefix('rho_').translate(SUBSCRIPTS)}": rho for name, rho in of_layers.items()}


def penalty(trial: pd.Series) -> str:
    """Kind and strengths of a trial's penalty: "L2, ρ = 0.003"."""
    kind = penalty_name(trial["penalty"])
    each = [f"{symbol} = {rho:g}" for symbol, rho in strengths(trial).items()]
    return ", ".join([kind, *each]) if each else "no penalty"
