"""The value that was chosen for a method's tuned option, and the table of those that were tried."""

import json
from collections.abc import Iterable, Mapping
from types import SimpleNamespace

import pandas as pd

from replication.training.work import WorkError

COLUMNS = {  # of what is tried, with their dtypes
    "task": "str",
    "method": "str",
    "value": "str",
    "tuning_trial": "int64",
    "option": "str",
    "seed": "int64",
    "parameters": "float64",
    "validation_mse": "float64",
    "chosen": "bool",
}


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
    fits = set(COLUMNS) <= set(tuning) and all(set(tuning[name]) == {value} for name, value in of.items())
    chosen = tuning.loc[tuning["chosen"], ["option", "value"]].drop_duplicates() if fits else tuning.head(0)
    options = vars(method.tuned)
    if len(chosen) != 1 or chosen["option"].item() not in options or chosen["value"].item() not in tried:
        raise WorkError(
            f"what was tuned of {of['method']} does not say which value was chosen for {', '.join(options)} on "
            f"{of['task']}"
        )
    return with_option(method, chosen["option"].item(), json.loads(chosen["value"].item()))


def finish(tables: Mapping[str, pd.DataFrame], done: Iterable[object], settings: Mapping) -> dict[str, pd.DataFrame]:
    """The gathered tables; that of what was tried has no rows where nothing is tuned."""
    nothing = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
    return {"tuning": nothing, **tables}
