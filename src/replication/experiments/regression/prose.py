"""Sentences on experiment 1 from both starts, computed from their table."""

import pandas as pd

from replication.report.intervals import over_trials
from replication.report.text import counted, fixed, number

NOT_RUN = "Experiment 1 from $\\lambda_3 = -1$ has not been run."


def start_findings(starts: pd.DataFrame) -> str:
    """Mean ‖Γ‖ at every α, and the worst fit, from each start."""
    if starts.empty:
        return NOT_RUN
    sentences = []
    for output, of_start in starts.groupby("output_eigenvalue", sort=True):
        norms = over_trials(of_start, "gamma_norm", ["alpha"])
        if norms.empty:
            sentences.append(f"From $\\lambda_3 = {output:g}$ no trial finished.")
            continue
        said = ", ".join(f"{number(row.mean)} at $\\alpha = {row.alpha:g}$" for row in norms.itertuples())
        sentences.append(
            f"From $\\lambda_3 = {output:g}$ the mean $\\|\\Gamma\\|$ is {said}. The worst held-out R² of "
            f"{counted(int(norms['n'].sum()), 'trial')} is {fixed(of_start['r2'].min(), 4)}."
        )
    return " ".join(sentences)
