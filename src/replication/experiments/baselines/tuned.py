"""The value that was chosen for a method's tuned option."""

import json
from collections.abc import Mapping
from types import SimpleNamespace

import pandas as pd

from replication.training.work import WorkError

TRIED = {
    "task",
    "method",
    "value",
    "tuning_trial",
    "option",
    "seed",
    "parameters",
    "validation_mse",
    "chosen",
}  # columns


def with_option(method: SimpleNamespace, option: str, value: int | float | str) -> SimpleNamespace:
    """The method with another value of one of its options."""
    options = SimpleNamespace(**vars(method.options) | {option: value})
    return SimpleNamespace(**vars(method) | {"options": options})


def with_tuned(method: SimpleNamespace, tuning: pd.DataFrame, keys: Mapping[str, str]) -> SimpleNamespace:
    """The method with the value that was chosen for its tuned option.

    tuning: what was tried; keys: the task and the method that it must be of. Raises WorkError if it says no value.
    """
    tried = [json.dumps(value) for values in vars(method.tuned).values() for value in values]
    of = {name: keys[name] for name in ("task", "method")}
    fits = set(tuning) >= TRIED and all(set(tuning[name]) == {value} for name, value in of.items())
    chosen = tuning.loc[tuning["chosen"], ["option", "value"]].drop_duplicates() if fits else tuning.head(0)
    options = vars(method.tuned)
    if len(chosen) != 1 or chosen["option"].item() not in options or chosen["value"].item() not in tried:
        raise WorkError(
            f"what was tuned of {of['method']} does not say which value was chosen for {', '.join(options)} on "
            f"{of['task']}"
        )
    return with_option(method, chosen["option"].item(), json.loads(chosen["value"].item()))
