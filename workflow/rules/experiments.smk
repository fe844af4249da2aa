"""Every experiment's jobs and tables, as the registry declares them."""

from replication.jobs.commands import as_text
from replication.jobs.outdated import remove_outdated

GPU = int(SETTINGS.device == "cuda")
if workflow.is_main_process and processes.STAGE in os.environ:
    STAGE_OF_DVC = os.environ[processes.STAGE].rpartition(":")[2]
    remove_outdated(STAGE_OF_DVC, SETTINGS, Path(DATA), Path(RESULTS))


def job_text(experiment, stage):
    """What says of a job all that its results depend on, as one shell word of JSON."""

    def text(wildcards):
        job = JOBS[stage.rule][wildcards.job]
        made_by = fingerprint(experiment, stage, job, SETTINGS.root_seed)
        return shlex.quote(as_text(experiment, stage, job, SETTINGS.root_seed, made_by))

    return text


def job_inputs(experiment, stage):
    """The data of a job, and tables of others that it takes."""

    def files(wildcards):
        job = JOBS[stage.rule][wildcards.job]
        return [f"{DATA}/{file}" for file in job.files] + [
            f"{RESULTS}/{table}.parquet" for table in experiment.tables_before(job)
        ]

    return files


def files_of_jobs(experiment):
    """What the jobs of an experiment write; parameters only where its tables are made from them."""
    return [
        path.format(job=job)
        for stage in experiment.stages
        for job in JOBS[stage.rule]
        for path in outputs(experiment, stage)
        if experiment.finish or not path.endswith(".safetensors")
    ]


def outputs(experiment, stage):
    """What a job of a stage writes, its record last."""
    stem = f"{RESULTS}/{experiment.name}/{stage.name}/{{job}}"
    parameters = [f"{stem}.safetensors"] if stage.parameters else []
    return [
        *[f"{stem}_{table}.parquet" for table in stage.tables],
        *parameters,
        f"{stem}.provenance.json",
    ]


for experiment in EXPERIMENTS.values():
    for stage in experiment.stages:
        if not JOBS[stage.rule]:
            continue

        rule:
            """One job: some trials of one kind, trained and measured; goes on from its checkpoint, if it keeps one."""
            name:
                stage.rule
            input:
                job_inputs(experiment, stage),
            output:
                outputs(experiment, stage),
            log:
                f"{LOGS}/{stage.rule}/{{job}}.log",
            benchmark:
                f"{BENCHMARKS}/{stage.rule}/{{job}}.tsv"
            wildcard_constraints:
                job="|".join(map(re.escape, JOBS[stage.rule])),
            threads: 1
            resources:
                gpu=GPU * stage.gpu,
                mem_mb=stage.memory,
                runtime=stage.minutes,
            params:
                stage=f"{experiment.name}.{stage.name}",
                job=job_text(experiment, stage),
                data=DATA,
                results=RESULTS,
                device=SETTINGS.device if stage.gpu else "cpu",
            message:
                f"{experiment.title}: {{wildcards.job}}"
            shell:
                f"{KEEP_FREED_MEMORY} python -m replication --log {{log}} train {{params.stage}} --job {{params.job}}"
                " --data {params.data} --results {params.results} --device {params.device} 2> {log}"

    if not any(JOBS[stage.rule] for stage in experiment.stages):
        continue

    rule:
        """The jobs of one experiment as tidy tables, and their origin."""
        name:
            f"tabulate_{experiment.name}"
        input:
            files_of_jobs(experiment),
            experiment.reads(getattr(SETTINGS, experiment.name, None)),
        output:
            tables=run_tables(experiment),
            provenance=f"{RESULTS}/{experiment.name}/provenance.json",
        log:
            f"{LOGS}/tabulate_{experiment.name}.log",
        benchmark:
            f"{BENCHMARKS}/tabulate_{experiment.name}.tsv"
        threads: 1
        params:
            code=changes_with(*tabulators(experiment)),
            experiment=experiment.name,
            jobs=quoted(
                {stage.name: [*JOBS[stage.rule]] for stage in experiment.stages}
            ),
            settings=quoted(own_settings(experiment)),
            results=RESULTS,
        message:
            f"{experiment.title}: gathering its tables"
        shell:
            "python -m replication --log {log} tabulate {params.experiment} --jobs {params.jobs} --settings {params.settings}"
            " --results {params.results} 2> {log}"


for experiment in EXPERIMENTS.values():

    rule:
        """The tables of one experiment, if the scale has any, and their folder in any case: DVC expects it."""
        name:
            f"make_{experiment.name}"
        input:
            run_tables(experiment),
        localrule: True
        params:
            folder=f"{RESULTS}/{experiment.name}",
        shell:
            "mkdir -p {params.folder}"
