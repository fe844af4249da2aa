"""What the checks of the theory found, as the values that its report's sentences take."""

import numpy as np
import pandas as pd


def checked(checks: pd.DataFrame, identities: pd.DataFrame, misprints: pd.DataFrame) -> dict:
    """How many entries are wrong, how far floating point and training are off, and how many misprints are confirmed."""
    values = {name: of_check["value"] for name, of_check in checks.groupby("check")}
    none = pd.Series(dtype=float)
    ratios = checks[checks["check"] == "spectral_over_direct"].nlargest(1, "layers")
    kinds = misprints["kind"].value_counts()
    return {
        "wrong": int(identities["wrong"].sum()),
        "compared": int(identities["compared"].sum()),
        "float64": identities["float64_error"].max(),
        "start": values.get("perceptron_error", none).max(),
        "mismatches": values.get("gradient_step_mismatch", none).sum(min_count=1),
        "neurons": len(values.get("gradient_step_mismatch", none)),
        "direct": values.get("direct_hidden_weight", none).max(),
        "against_direct": [{"layers": int(row.layers), "ratio": row.value} for row in ratios.itertuples()],
        "misprints": {
            "all": len(misprints),
            "confirmed": int(misprints.loc[misprints["kind"] == "checked", "holds"].sum()),
            **{kind: int(kinds.get(kind, 0)) for kind in ("checked", "wording", "stated")},
        },
    }


def size(checks: pd.DataFrame, identities: pd.DataFrame) -> dict:
    """How many networks of which depths the checks ran on."""
    counts = checks.groupby("check")["seed"].nunique()
    matrices = identities[identities["widths"] != ""]
    return {
        "rational": len(matrices[["bundles", "widths"]].drop_duplicates()),
        "layers": matrices["bundles"].max() + 1,
        "bundles": identities["bundles"].max(),
        "random": int(counts.get("perceptron_error", 0)),
        "direct": int(counts.get("direct_hidden_weight", 0)),
    }


def statements(table: pd.DataFrame) -> dict:
    """What training does to equal weights and to the rank of W_21; no step if it has not been run."""
    if table.empty:
        return {"steps": []}
    last = table[table["step"] == table["step"].max()]
    spread = {name: rows["value"] for name, rows in last.groupby("statement") if name.endswith("_spread")}
    ranks = {name: rows for name, rows in table.groupby("statement") if name.endswith("_rank")}
    means = pd.DataFrame({name: rows.groupby("step")["value"].mean() for name, rows in ranks.items()})
    means = means.reindex(columns=["numerical_rank", "effective_rank"])
    begun = means.loc[means.index > 0, "effective_rank"].dropna()
    return {
        "steps": [{"step": int(step), **row} for step, row in means.to_dict("index").items()],
        "last": int(last["step"].max()),
        "direct": {
            "n": len(spread.get("direct_spread", ())),
            "most": max(spread.get("direct_spread", ()), default=np.nan),
        },
        "spectral": {
            "n": len(spread.get("spectral_spread", ())),
            "least": min(spread.get("spectral_spread", ()), default=np.nan),
        },
        "networks": int(last.groupby("statement").size().get("numerical_rank", 0)),
        "grows": None if begun.empty else bool(begun.iloc[-1] > begun.iloc[0]),
    }
