"""What was found on real tables, as the values that the report's sentences take."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from replication.experiments.tabular.comparison import PENALTIES, REFERENCE, finished, name_of, paired, title_of
from replication.report.intervals import count_range

OWN = "sparcs_rows"  # whose answer is the notebook's: the price on what opens a neuron, from the paper's start


def size(trials: pd.DataFrame, tuning: pd.DataFrame, run: Mapping) -> dict:
    """Data sets, methods, splits, values and steps, and how many trainings diverged."""
    return {
        "data_sets": trials["data_set"].nunique(),
        "methods": trials["method"].nunique(),
        "each": count_range(trials.groupby(["data_set", "method"])["trial"].nunique()),
        "values": len(tuning["place"].unique()),
        "run": run,
        "trainings": len(tuning),
        "diverged": int(tuning["diverged"].astype(bool).sum()),
    }


def answer(trials: pd.DataFrame) -> dict:
    """Whether SPARCS with rows ends with fewer parameters than a pruned MLP, at no higher test error.

    The data sets are named on which an interval over splits says so.
    """
    pairs = paired(trials, flips=True)
    pairs = pairs[(pairs["method"] == OWN) & pairs["low"].notna()]
    where = {
        "smaller": pairs[pairs["high"] < 1],
        "larger": pairs[pairs["low"] > 1],
        "worse": pairs[pairs["worse_low"] > 0],
        "better": pairs[pairs["worse_high"] < 0],
    }
    good = where["smaller"][~where["smaller"]["data_set"].isin(where["worse"]["data_set"])]
    if good.empty:
        verdict = "inconclusive" if where["larger"].empty and where["worse"].empty else "no"
    else:
        verdict = "yes" if len(good) == len(pairs) else "partly"
    return {
        "own": name_of(OWN),
        "other": name_of(REFERENCE),
        "pairs": len(pairs),
        "verdict": verdict,
        "each": count_range(pairs["n"]),
        **{name: [title_of(each) for each in rows["data_set"]] for name, rows in where.items()},
    }


def flips(trials: pd.DataFrame) -> dict:
    """In how many networks of each penalty sign flips leave fewer parameters, and by which factor, a geometric mean."""
    done = finished(trials)
    if done.empty:
        return {"finished": False, "penalties": []}
    by_state = done.pivot(index=["data_set", "method", "trial"], columns="flips", values="parameters")
    both = by_state.dropna().reset_index() if len(by_state.columns) == 2 else pd.DataFrame({"method": []}, dtype=str)
    found = []
    for penalty, name in PENALTIES.items():
        rows = both[both["method"].str.startswith(f"sparcs_{penalty}")]
        if len(rows):
            ratio = float(np.exp(np.log(rows[True] / rows[False]).mean()))
            found.append({"name": name, "n": len(rows), "fewer": int((rows[True] < rows[False]).sum()), "ratio": ratio})
    return {"finished": True, "penalties": found}
