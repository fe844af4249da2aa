"""Tables of the theory's report: the identities, and the mistakes of the text."""

import pandas as pd

from replication.report.tables import markdown
from replication.report.text import number

STATES = {
    "4.1": "Φ⁻¹ as a series in Φ",
    "4.2": "blocks of Φ⁻¹",
    "4.3": "weights W_ij",
    "B.2": "blocks of Φⁿ, n = 1 … B+1",
    "B.13": "Σ (−1)ᵏ C(B+1, k+1) = 1",
    "B.16": "Σ (−1)ᵏ C(k, ρ) C(B+1, k+1) = (−1)^ρ",
    "B.23": "Σ (−1)ᵏ C(k, ρ) C(n, k) = 0, at n = ρ (−1)^ρ",
}


def identities_table(identities: pd.DataFrame) -> str:
    """One row per identity: what it states, where it was evaluated, how many entries were compared and are wrong."""
    rows = []
    for name, states in STATES.items():
        cases = identities[identities["identity"] == name]
        if cases.empty:
            continue
        widths = cases.loc[cases["widths"] != "", "widths"].nunique()
        rows.append(
            {
                "identity": f"({name})",
                "states": states,
                "B (n in B.23)": f"{cases['bundles'].min()} to {cases['bundles'].max()}",
                "choices of widths": widths or "",
                "compared, exact": f"{cases['compared'].sum():,}",
                "wrong": f"{cases['wrong'].sum():,}",
                "largest relative error in float64": number(cases["float64_error"].max()),
            }
        )
    return markdown(pd.DataFrame(rows))


def misprints_table(misprints: pd.DataFrame) -> str:
    """Every mistake of the text with what is correct and what shows it."""
    confirmed = misprints["holds"].map({True: "confirmed", False: "**not confirmed**"}, na_action="ignore").fillna("")
    rows = pd.DataFrame(
        {
            "": misprints["id"],
            "where": misprints["place"],
            "printed": misprints["printed"],
            "correct": misprints["correct"],
            "kind": misprints["kind"],
            "what shows it": misprints["found"],
            "check": confirmed,
        }
    )
    return markdown(rows)
