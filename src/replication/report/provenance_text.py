"""The origin of an experiment's trials, device by device, and their cost there; what trained and what analysed."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from replication.records import provenance
from replication.records.fingerprints import LEGACY
from replication.records.sources import changes_with, imported_by, templates_of
from replication.report.text import counted, number

ANALYSED_BY = "REPLICATION_ANALYSED_BY"  # the variable that tells a notebook what is executed
MOST_COMMITS = 6  # that a sentence names


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
        f"{core_minutes(of_device)} for {counted(of_device['trials'], 'trial')} on {of_device['device']}"
        for of_device in record["by_device"]
    )


def core_minutes(record: Mapping) -> str:
    """The core-minutes of one device's trials: a GPU's are those of the processor that drives it."""
    return f"{counted(number(record['core_minutes']), 'core-minute')}{' of the host' * (record['device'] == 'cuda')}"


def trained_by(records: Iterable[Mapping]) -> str:
    """The commits and fingerprints of experiments' trials; empty if there is no record.

    Of several fingerprints, one a job, it says how many, and one for all of them; of more commits than a line takes,
    how many: the tables of provenance name them.
    """
    records = list(records)
    if not records:
        return ""
    commits, prints = (_distinct(records, name) for name in ("commit", "fingerprint"))
    named = (
        f"commit{'s' * (len(commits) > 1)} {'; '.join(commits)}"
        if len(commits) <= MOST_COMMITS
        else f"{len(commits)} commits"
    )
    return f"{named}, fingerprint {fingerprints(prints)}"


def fingerprints(names: list[str]) -> str:
    """One fingerprint as it is; for several, which jobs of different settings have, their number and one for all."""
    if names == [LEGACY]:
        return "none (trained before there were fingerprints)"
    if len(names) == 1:
        return names[0]
    return f"of {len(names)} together {hashlib.sha256('; '.join(names).encode()).hexdigest()[:16]}"


def analysed_by(notebook: Path) -> str:
    """The checkout's commit, and the fingerprint of a notebook with the sources and templates that it is made of."""
    imported = imported_by(notebook)
    fingerprint = changes_with(*imported, files=[notebook, *templates_of(*imported)])
    return f"commit {provenance.commit()}, fingerprint {fingerprint}"


def _distinct(records: list[Mapping], name: str) -> list[str]:
    return sorted({part for record in records for part in record[name].split("; ")})
