"""Published trials in place of a run's jobs, on request: which jobs they stand for, and the files of such a job."""

from collections import Counter
from pathlib import Path
from typing import Any

import click

from replication.experiment import Experiment, Job, Stage
from replication.experiments import EXPERIMENTS
from replication.jobs import tables as files
from replication.jobs.commands import JobText, StageName, job_of
from replication.publish.rows import job_tables, own, places_of, standing
from replication.records.fingerprints import jobs_of
from replication.records.io import write_json, write_table
from replication.records.verbs import INPUT, PATH, Json

PARAMETERS = "parameters are not published"


def reusable(run: Any, published: Path) -> tuple[list[tuple[Experiment, Stage, Job, str]], str]:
    """The jobs of a run whose trials are published, or wait to be, with their fingerprints; Git is not asked.

    The second value is a sentence on how many are taken, and why others are not.
    """
    taken, reasons = [], Counter()
    for experiment, stage in ((each, stage) for each in EXPERIMENTS.values() for stage in each.stages):
        places = places_of(published, experiment, stage)
        for _, job, here in jobs_of(experiment, run, stage):
            needed = stage.parameters and experiment.finish  # which makes tables from them
            why = PARAMETERS if needed else standing(places, stage, job, here)[1]
            reasons[why] += 1
            taken += [(experiment, stage, job, here)] * (not why)
    number, jobs = reasons.pop("", 0), reasons.total()
    sentence = f"reuse=published: {number} of {number + jobs} jobs taken"
    why = ", ".join(f"{reason} ({number})" for reason, number in reasons.most_common())
    return taken, f"{sentence}; {jobs} not, because: {why}" if why else sentence


@click.command()
@click.argument("stage", type=StageName())
@click.option("--job", "text", type=Json(JobText), required=True, help="what the workflow says of the job, as JSON")
@click.option("--published", type=INPUT, required=True, help="results/published")
@click.option("--results", type=PATH, required=True, help="results/<scale>: the job's files go there")
def take_published(stage: tuple[Experiment, Stage], text: JobText, published: Path, results: Path) -> None:
    """Write the files of a job of a STAGE from published trials, with the record of where and when it was trained."""
    experiment, of_kind = stage
    job, folder = job_of(text, experiment, of_kind), results / experiment.name
    tables = job_tables(published, experiment, of_kind, job, text.fingerprint)
    for name, key in of_kind.tables.items():
        write_table(files.table_file(folder, of_kind, job.name, name), own(tables[name], key))
    trials = tables[next(iter(of_kind.tables))]
    record = {name: "; ".join(sorted(set(trials[name]))) for name in ("commit", "machine", "device")}
    record |= {"finished": trials["finished"].max(), "seconds": 60 * float(trials["minutes"].sum())}
    record |= {"trials": len(job.trials) or 1, "fingerprint": text.fingerprint, "settings": job.settings}
    record |= {"keys": job.keys, "root_seed": text.root_seed, "inputs": {}, "stand_in": False}
    write_json(files.record_file(folder, of_kind, job.name), record)
