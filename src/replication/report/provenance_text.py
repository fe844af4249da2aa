"""The origin of an experiment's trials, device by device, and their cost there."""

from collections.abc import Iterable, Mapping

import pandas as pd

from replication.records import provenance

TIMED = ("trials", "probes", "tuning")  # tables of an experiment whose published rows say where and what they took


def by_device(record: Mapping, tables: Iterable[pd.DataFrame]) -> list[Mapping]:
    """An experiment's record split by device: scale, commit, machine, device, date, core-minutes and trials of each.

    record: of all of it; tables: of its trials. Only published rows name device and minutes; a run has one device.
    """
    published = [table for table in tables if "minutes" in table]
    if not published:
        return [record]
    rows = pd.concat(published).dropna(subset=["minutes"]).assign(trials=1)
    return [provenance.summary(of_device) for _, of_device in rows.groupby("device")]


def duration(record: Mapping) -> str:
    """The time that the trials of each device took."""
    return "; ".join(
        f"{core_minutes(of_device)} for {of_device['trials']:,} trials on {of_device['device']}"
        for of_device in record["by_device"]
    )


def core_minutes(record: Mapping) -> str:
    """The core-minutes of one device's trials: a GPU's are those of the processor that drives it."""
    return f"{record['core_minutes']:,.1f} core-minutes{' of the host' * (record['device'] == 'cuda')}"
