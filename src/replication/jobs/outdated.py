"""Files that by their own record have other settings or sources than today's: taken away before a stage of DVC's runs.

Snakemake makes such files again because of what it noted when it made them. Where DVC has put files in place, of one
stage or of another branch, its notes may be missing, or those of other files.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from replication.experiment import Data, Experiment
from replication.experiments import EXPERIMENTS
from replication.jobs.dvc import DRAWN
from replication.jobs.tables import record_file
from replication.records.fingerprints import jobs_of


def remove_outdated(stage: str, run: Any, data: Path, results: Path) -> None:
    """Take away the files that a stage of dvc.yaml is to make again: drawn data, or an experiment's own files.

    One of a job's files is enough, for Snakemake then carries out the job.
    """
    drawn = {data / name for name in DRAWN}
    for experiment in EXPERIMENTS.values():
        if stage in ("data", experiment.name):
            for path in outdated(experiment, run, data, results):
                if (path.parent in drawn) == (stage == "data"):
                    path.unlink(missing_ok=True)


def outdated(experiment: Experiment, run: Any, data: Path, results: Path) -> Iterator[Path]:
    """Records of jobs and of tables, and data, that name other settings, sources or trials than those of a run.

    Drawn data also if a job on them is outdated: a record of theirs doesn't name their sources. What has no record, or
    one that can't be read, is left to the jobs that read it.
    """
    folder, made_by, trainings = results / experiment.name, set(), 0
    for stage, job, today in jobs_of(experiment, run):
        made_by.add(today)
        trainings += job.trainings
        record = record_file(folder, stage, job.name)
        other = told(record).get("fingerprint", today) != today
        if other:
            yield record
        if job.data and drawn_otherwise(job.data, data):
            yield from (data / file for file in job.files)
        elif other:
            yield from (data / file for file in job.files if file.partition("/")[0] in DRAWN)
    gathered, today = told(folder / "provenance.json"), {"fingerprint": "; ".join(sorted(made_by)), "trials": trainings}
    if any(gathered.get(name, value) != value for name, value in today.items()):
        yield folder / "provenance.json"


def drawn_otherwise(data: Data, folder: Path) -> bool:
    """Whether the record of one of its files names other settings."""
    drawn_from = {**data.settings, **data.keys}
    records = [told((folder / file).with_suffix(".json")) for file in data.files]
    return any(record[name] != value for record in records for name, value in drawn_from.items() if name in record)


def told(record: Path) -> dict[str, Any]:
    """What a record says; nothing if it is not there, or can't be read."""
    try:
        return dict(json.loads(record.read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}
