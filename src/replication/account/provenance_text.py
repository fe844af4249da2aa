"""Where the evidence of a claim comes from: scale, data, device and commit of the tables that it was judged on."""

import re
from collections.abc import Mapping

import pandas as pd

from replication.data.description import data_of
from replication.experiments import EXPERIMENTS
from replication.judging.statistics import judged
from replication.judging.verdicts import Claim, Tables
from replication.report.provenance_text import trained_by

COLUMNS = ["scale", "data", "device", "trained_by"]


def with_origins(
    verdicts: pd.DataFrame, claims: list[Claim], tables: Tables, run: Mapping, records: Mapping[str, Mapping]
) -> pd.DataFrame:
    """The table of verdicts with the columns scale, data, device and trained_by.

    run: the settings as nested mappings; records: of this run's trials, by experiment. Rows that name their scale,
    device, commit and fingerprint, as published ones do, are believed; others are this run's.
    """
    needs = {claim.id: [name for name in (*claim.needs, *claim.also) if name in tables] for claim in claims}
    origins = [_origin(needs[claim_of(row)], tables, run, records) for row in verdicts["id"]]
    return verdicts.assign(**pd.DataFrame(origins, index=verdicts.index, columns=COLUMNS))


def claim_of(row: str) -> str:
    """The claim that a row's id belongs to: B1 for B1 and for B1a."""
    return re.match(r"[A-Z]\d+", row)[0]


def _origin(names: list[str], tables: Tables, run: Mapping, records: Mapping[str, Mapping]) -> tuple[str, ...]:
    if not names:
        return run["scale"], "", "", ""
    experiments = list(dict.fromkeys(name.split("/")[0] for name in names))
    trials = {name.split("/")[0]: tables[name] for name in reversed(names)}
    trials |= {name: tables[f"{name}/trials"] for name in experiments if f"{name}/trials" in tables}
    costs = {name.split("/")[0]: judged(tables[name]) for name in names if name.endswith("/costs")}
    devices = [_distinct(costs.get(name, trials[name]), "device", _device(name, run)) for name in experiments]
    scales = [_distinct(trials[name], "scale", run["scale"]) for name in experiments]
    data = [data_of(EXPERIMENTS[name], trials[name], run) for name in experiments]
    trained = [_trained_by(trials[name], records.get(name)) for name in experiments]
    scale, device = (", ".join(dict.fromkeys(", ".join(texts).split(", "))) for texts in (scales, devices))
    return scale, "; ".join(dict.fromkeys(data)), device, "; ".join(dict.fromkeys(trained))


def _trained_by(trials: pd.DataFrame, record: Mapping | None) -> str:
    """The commits and fingerprints of trials that name them, else those of the record, if there is one."""
    if {"commit", "fingerprint"} <= set(trials) and len(trials):
        record = {name: "; ".join(sorted(trials[name].dropna().unique())) for name in ("commit", "fingerprint")}
    return trained_by([record] if record else [])


def _device(experiment: str, run: Mapping) -> str:
    return run["device"] if any(stage.gpu for stage in EXPERIMENTS[experiment].stages) else "cpu"


def _distinct(rows: pd.DataFrame, column: str, otherwise: str) -> str:
    return ", ".join(sorted(rows[column].dropna().unique())) if column in rows and len(rows) else otherwise
