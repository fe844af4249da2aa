"""Sentences and tables of the theory's report, computed from its checks."""

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


def findings(checks: pd.DataFrame, identities: pd.DataFrame, misprints: pd.DataFrame) -> str:
    """What was compared and found, in a paragraph."""
    values = {name: of_check["value"] for name, of_check in checks.groupby("check")}
    none = pd.Series(dtype=float)
    mismatches = number(values.get("gradient_step_mismatch", none).sum(min_count=1))
    error, hidden = (number(values.get(name, none).max()) for name in ("perceptron_error", "direct_hidden_weight"))
    ratio = checks[checks["check"] == "spectral_over_direct"].nlargest(1, "layers")
    against = "".join(
        f"With {row.layers} layers of width 100 the spectral network has {number(row.value)} times the parameters of "
        "direct space. "
        for row in ratio.itertuples()
    )
    wrong, compared = identities["wrong"].sum(), identities["compared"].sum()
    return (
        f"{wrong:,} of {compared:,} entries and sums that the identities state are wrong in exact arithmetic; in "
        f"float64 an entry is off by at most {number(identities['float64_error'].max())} of the largest one. The start "
        f"differs from a linear map by at most {error} (relative). Eigenvalues whose first gradient is not at step "
        f"$B - k + 1$: {mismatches}; largest weight into a hidden layer after training in direct space, from zero: "
        f"{hidden}. {against}{_misprints_sentence(misprints)}"
    )


def size(checks: pd.DataFrame, identities: pd.DataFrame) -> str:
    """How many networks of which depths the checks ran on."""
    counts = checks.groupby("check")["seed"].nunique()
    matrices = identities[identities["widths"] != ""]
    return (
        f"{len(matrices[['bundles', 'widths']].drop_duplicates())} rational networks of 2 to "
        f"{number(matrices['bundles'].max() + 1)} layers for the identities, sums up to B = "
        f"{number(identities['bundles'].max())}; {counts.get('perceptron_error', 0)} random networks for the start and "
        f"the gradients, {counts.get('direct_hidden_weight', 0)} direct-space networks; the same at every scale."
    )


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


def statements_findings(statements: pd.DataFrame) -> str:
    """What training does to equal weights and to the rank of W_21, as a list; a sentence if it has not been run."""
    if statements.empty:
        return "What training does to equal weights and to the rank: it has not been run."
    last = statements[statements["step"] == statements["step"].max()]
    values = {name: rows["value"] for name, rows in last.groupby("statement")}
    numerical, effective = (
        statements[statements["statement"] == name].groupby("step")["value"].mean()
        for name in ("numerical_rank", "effective_rank")
    )
    n = last.groupby("statement").size()
    return (
        "- **Equal weights** (Section 5, a claim of the paper, whose words are “symmetry-breaking issues”). In direct "
        "space the neurons of a layer that start equal differ by at most "
        f"{number(values['direct_spread'].max())} of the largest weight after {number(last['step'].max())} steps "
        f"(n = {n['direct_spread']} networks). In the spectral parametrization all weights into hidden layers are "
        "equal at the start, too, namely 0; after those steps they differ by at least "
        f"{number(values['spectral_spread'].min())} (n = {n['spectral_spread']}).\n"
        "- **Rank from the zero start** (Section 4, a claim of the paper, “a gradual increase in rank”). Singular "
        f"values of $W_{{21}}$ above 1 % of the largest at the end, after so many steps: {_by_step(numerical)} "
        f"(means, n = {n['numerical_rank']}). The effective rank, which counts values against each other and not "
        f"against the end: {_by_step(effective)}. {_grows(effective)}"
    )


def _by_step(means: pd.Series) -> str:
    return ", ".join(f"{number(value)} after {step}" for step, value in means.items())


def _grows(effective: pd.Series) -> str:
    """Whether the effective rank grows once training has begun."""
    begun = effective[effective.index > 0]
    if begun.empty:
        return ""
    if begun.iloc[-1] > begun.iloc[0]:
        return "By both measures the rank grows."
    return (
        "So the rank grows in size alone: Adam's first step moves every eigenvalue alike, and from there on a few "
        "directions outgrow the others."
    )


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


def _misprints_sentence(misprints: pd.DataFrame) -> str:
    checked = misprints[misprints["kind"] == "checked"]
    others = misprints["kind"].value_counts()
    return (
        f"Of {len(misprints)} mistakes and gaps listed below {len(checked)} can be shown by a computation, which "
        f"confirms {int(checked['holds'].sum())}; {others.get('wording', 0)} are shown by the wording, "
        f"{others.get('stated', 0)} are facts about the authors' code that are stated, not checked."
    )
