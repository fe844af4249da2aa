"""How small the searches' networks are beside each other: ratios, flips, the margin of a match."""

import numpy as np
import pandas as pd
import pytest

from replication.experiments.baselines import comparison, tables
from replication.experiments.baselines import figures as sizes


def table(parameters, flipped=None, task="teacher"):
    """Trials of methods, each with one network within the loss budget that fits."""
    rows = []
    for method, values in parameters.items():
        for trial, value in enumerate(values):
            row = {"task": task, "method": method, "trial": trial, "strength": 0.01, "maximal_parameters": 18400.0}
            row |= {"test_r2": 0.99, "test_mse": 0.01, "validation_mse": 0.01, "recovered": 1.0}
            for target in comparison.TARGETS:
                for state in ("", "retrained_", "flipped_"):
                    row |= {f"{target}_{state}{name}": 0.01 for name in comparison.FIT}
                    row |= {f"{target}_{state}{name}": 21.0 for name in comparison.NETWORK}
                    row[f"{target}_{state}test_r2"] = 0.99 if target == "loss_budget" else 0.5
                row[f"{target}_parameters"] = value
                row[f"{target}_flipped_parameters"] = (flipped or parameters)[method][trial]
            rows.append(row)
    return pd.DataFrame(rows)


def without_flips(trials):
    return trials[[name for name in trials if "flipped" not in name]]


def test_sizes_are_ratios_to_the_papers_sparcs_as_it_is():
    trials = table({"sparcs_l2": [1600.0] * 3, "gaea": [800.0] * 3}, {"sparcs_l2": [1200.0] * 3, "gaea": [400.0] * 3})
    drawn = sizes.fig_sizes_table(trials).set_index(["method", "flipped"])
    assert drawn["ratio"].to_dict() == pytest.approx(
        {("sparcs_l2", False): 1.0, ("gaea", False): 0.5, ("sparcs_l2", True): 0.75, ("gaea", True): 0.25}
    )
    assert drawn["parameters"]["gaea", True] == pytest.approx(400)


def test_a_table_from_before_the_flips_has_none():
    trials = without_flips(table({"sparcs_l2": [1600.0] * 3, "gaea": [800.0] * 3}))
    assert comparison.with_flips(trials).empty
    assert not sizes.fig_sizes_table(trials)["flipped"].any()
    assert sizes.confirmed(trials) == "The priced search has not been run with flips."
    assert tables.scalars_table(trials, "teacher").count("–") >= 2


def test_only_methods_with_flips_have_them():
    """New methods stand beside published ones that were measured before."""
    both = {"sparcs_l2": [1600.0] * 3, "sparcs_rows_skip": [1200.0] * 3}
    trials = table(both, {"sparcs_l2": [1600.0] * 3, "sparcs_rows_skip": [800.0] * 3})
    old = trials["method"] == "sparcs_l2"
    trials.loc[old, [name for name in trials if "flipped" in name]] = np.nan
    drawn = sizes.fig_sizes_table(trials)
    assert drawn.loc[drawn["flipped"], "method"].tolist() == ["sparcs_rows_skip"]
    assert drawn.loc[drawn["flipped"], "ratio"].item() == pytest.approx(0.5)


@pytest.mark.parametrize(("factor", "matches"), [(1.05, True), (1.2, False), (0.9, False)])
def test_sizes_match_within_a_tenth(factor, matches):
    ours = np.geomspace(700, 900, 10)
    noise = np.exp(0.01 * np.random.default_rng(0).normal(size=10))
    trials = table({"sparcs_l2": list(ours), "gaea": list(ours * factor * noise)})
    compared = comparison.compare(trials).set_index("scalar").loc["parameters"]
    assert bool(compared["matches"]) == matches


def test_the_caption_names_the_smallest_on_what_nothing_was_chosen_on():
    chosen = table({"sparcs_l2": [1600.0] * 3, "gaea": [800.0] * 3})
    new = table({"sparcs_l2": [1500.0] * 3, "sparcs_rows": [750.0] * 3, "gaea": [900.0] * 3}, task="new_teachers")
    drawn = sizes.fig_sizes_table(pd.concat([chosen, new], ignore_index=True))
    caption = sizes.fig_sizes_caption(drawn)
    assert caption.startswith(
        "**Figure R2.** Single-level GAEA ends with 900 parameters on other teachers and seeds, fewer"
    )
    assert " paper's penalty. SPARCS with rows ends smallest of ours, as found: 750 parameters" in caption
    assert len(sizes.fig_sizes(drawn).axes) == 2
