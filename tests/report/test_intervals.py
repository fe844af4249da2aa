"""Summaries of trials: intervals, spreads, and what captions say of them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replication.report.intervals import (
    MANY,
    beside_note,
    over_logarithms,
    over_trials,
    spread,
    spread_note,
    with_trials,
)


def test_intervals_contain_the_mean_and_need_three_trials():
    trials = pd.DataFrame({"group": [0, 0, 0, 1, 1], "value": [1.0, 2.0, 3.0, 1.0, 2.0]})
    summary = over_trials(trials, "value", ["group"])
    assert summary.loc[0, ["low", "high"]].tolist() == pytest.approx([2 - 2.484138, 2 + 2.484138])
    assert summary.loc[1, ["low", "high"]].isna().all()


def test_a_logarithm_s_interval_stays_above_zero():
    """SciPy's geometric mean is the reference; the values spread so widely that a plain t interval reaches below 0."""
    values = np.array([1e-6, 1e-5, 1e-4, 1e-2])
    trials = pd.DataFrame({"group": "a", "value": values})
    geometric, plain = (make(trials, "value", ["group"]).iloc[0] for make in (over_logarithms, over_trials))
    assert (
        geometric["mean"] == pytest.approx(stats.gmean(values))
        and plain["low"] < 0 < geometric["low"] < geometric["mean"]
    )
    interval = stats.ttest_1samp(np.log(values), 0).confidence_interval(0.95)
    assert [geometric["low"], geometric["high"]] == pytest.approx([np.exp(interval.low), np.exp(interval.high)])
    assert (geometric["trials_low"], geometric["n"]) == (pytest.approx(values.min()), 4)


def test_the_spread_of_few_trials_is_their_range_and_of_many_their_central_part():
    values = np.arange(MANY, dtype=float)
    assert spread(values[:-1]).tolist() == [0, MANY - 2]
    assert spread(values).tolist() == pytest.approx(list(np.quantile(values, [0.025, 0.975])))
    few, many = pd.Series([3, 9]), pd.Series([MANY])
    assert spread_note(few) == "from the lowest to the highest of the trials"
    assert spread_note(many) == "central 95 % of the trials"
    assert spread_note(pd.concat([few, many])).startswith(
        "central 95 % of the trials, of fewer than 10 from the lowest"
    )


def test_few_trials_stand_in_the_table_and_many_do_not():
    few, many = ({"group": name, "trial": range(n), "value": 1.0} for name, n in (("few", 2), ("many", MANY)))
    trials = pd.concat([pd.DataFrame(few), pd.DataFrame(many)], ignore_index=True)
    trials.loc[1, "value"] = 3.0
    summary = with_trials(over_trials(trials, "value", ["group"]), trials, "value", ["group"]).set_index("group")
    assert summary.filter(like="trial_").loc["few"].tolist() == [1, 3]
    assert summary.filter(like="trial_").loc["many"].isna().all()
    note = beside_note(summary["n"])
    assert f"n = {MANY} trials. Bars" in note and "Fewer trials (n = 2) are dots" in note
    only = with_trials(over_trials(trials[2:], "value", ["group"]), trials[2:], "value", ["group"])
    assert only.filter(like="trial_").empty and "dots" not in beside_note(only["n"])
