"""What Git tracks: tables of finished trials, and what is made from them; not part of `all`."""

from pathlib import Path


rule publish:
    """Tables of what is finished, trial by trial; always runs, so it has no output."""
    input:
        settings=rules.record_settings.output,
        lock=ROOT / "requirements.lock",
    log:
        f"{LOGS}/publish.log",
    threads: 1
    params:
        results=RESULTS,
        replace="--replace" if REPLACE else "",
    message:
        "Publishing what is finished at scale {SCALE}"
    shell:
        "python -m replication publish --results {params.results} --lock {input.lock:q} --published results/published {params.replace}"
        " 2>&1 | tee {log}"


rule publish_networks:
    """A trained network of every kind that experiments declare, with its card; always runs, so it has no output."""
    input:
        settings=rules.record_settings.output,
    log:
        f"{LOGS}/publish_networks.log",
    threads: 1
    params:
        results=RESULTS,
        data=DATA,
        replace="--replace" if REPLACE else "",
    message:
        "Publishing trained networks of scale {SCALE}"
    shell:
        "python -m replication publish-networks --results {params.results} --data {params.data}"
        " --networks results/published/networks {params.replace} 2>&1 | tee {log}"


rule check_networks:
    """The published networks, loaded and evaluated again."""
    input:
        sorted(map(str, Path(PUBLISHED).glob("networks/*"))),
    output:
        f"{REBUILT}/networks.csv",
    log:
        f"{REBUILT}/logs/check_networks.log",
    benchmark:
        f"{REBUILT}/benchmarks/check_networks.tsv"
    threads: 1
    params:
        code=changes_with("replication.publish.network_commands"),
        networks=shlex.quote(f"{PUBLISHED}/networks"),
    message:
        "Evaluating the published networks: {output}"
    shell:
        "python -m replication --log {log} check-networks {params.networks} --output {output} 2> {log}"


rule published:
    """Claims, reports, figures and site, made again from the published tables alone, in results/rebuilt and figures/rebuilt."""
    input:
        rules.check_networks.output,
        f"{REBUILT}/claims.csv",
        REBUILD.reports(),
        f"{REBUILT}/site/index.html",


rule crate:
    """What this run holds and what made it, for machines: a Workflow Run RO-Crate."""
    input:
        rules.record_settings.output,
        rules.record_provenance.output,
        rules.tabulate_core_minutes.output,
        rules.judge_claims.output,
        [table for tables in RUN.tables.values() for table in tables],
        REPORTS,
    output:
        metadata=f"{RESULTS}/ro-crate-metadata.json",
        workflow=directory(f"{RESULTS}/workflow"),
    log:
        f"{LOGS}/crate.log",
    benchmark:
        f"{BENCHMARKS}/crate.tsv"
    threads: 1
    params:
        code=changes_with(
            "replication.publish.crate",
            files=[ROOT / "workflow/Snakefile", *RULE_FILES, PARAMS_FILE, LOCK_FILE],
        ),
        results=RESULTS,
    message:
        "Describing the run for machines: {output.metadata}"
    shell:
        "python -m replication --log {log} build-crate {params.results} 2> {log}"


rule publish_pages:
    """What was made from the published tables, beside them, and the scorecard in README; always runs."""
    input:
        rules.published.input,
    log:
        f"{REBUILT}/logs/publish_pages.log",
    threads: 1
    params:
        results=REBUILT,
        figures=REBUILD.figures,
        names=" ".join(
            [
                OF_REPORTS,
                *[
                    f"--figure {figure}"
                    for notebook in NOTEBOOKS
                    for figure in DRAWN[notebook]
                ],
            ]
        ),
    message:
        "Publishing what was made from the published tables"
    shell:
        "python -m replication publish-pages --results {params.results} --figures {params.figures} --published results/published"
        " --published-figures figures/published {params.names} --readme README.md 2>&1 | tee {log}"


rule publish_notebooks:
    """The executed notebooks of the published tables, with their outputs, beside the pages; always runs."""
    input:
        rules.published.input,
    log:
        f"{REBUILT}/logs/publish_notebooks.log",
    threads: 1
    params:
        results=REBUILT,
        names=OF_REPORTS,
    message:
        "Publishing the executed notebooks"
    shell:
        "python -m replication publish-notebooks --results {params.results} --published results/published {params.names}"
        " 2>&1 | tee {log}"


def data_of_the_draw(wildcards):
    """The data of the published trials that a spot check draws."""
    from replication.spot_check import data_files  # loads pandas

    drawn = data_files(SETTINGS, Path(PUBLISHED), SAMPLE, DRAW, ALSO)
    return [f"{DATA}/{file}" for file in drawn]


rule spot_check:
    """Some of the published trials, trained again from their seeds and judged; always runs, so it has no output."""
    input:
        settings=rules.record_settings.output,
        data=data_of_the_draw,
    log:
        f"{RESULTS}/logs/spot_check.log",
    threads: 1
    params:
        folders=f"--data {DATA} --published {shlex.quote(PUBLISHED)}",
        draw=f"--sample {SAMPLE} --seed {DRAW}",
        also=lambda wildcards: shlex.join(f"--also={name}" for name in ALSO),
        output=f"{RESULTS}/spot_check.csv",
    message:
        "Training some of the published trials again: {params.output}"
    shell:
        "python -m replication spot-check --settings {input.settings} {params.folders} {params.draw} {params.also}"
        " --output {params.output} 2>&1 | tee {log}"


TAKEN = []
if REUSE:
    from replication.jobs.commands import as_text  # load pandas
    from replication.jobs.tables import record_file, table_file
    from replication.publish.rows import PENDING, jobs_taken

    try:
        TAKEN, SENTENCE = jobs_taken(SETTINGS, Path(PUBLISHED))
    except ArtifactError as error:
        print(f"snakemake: {error}", file=sys.stderr)
        sys.exit(2)
    if workflow.is_main_process:
        print(f"snakemake: reuse=published: {SENTENCE}", file=sys.stderr)


# With `--config reuse=published` a job whose trials are published, or wait to be, with its fingerprint is not run again.
# Its rule has no wildcards, so Snakemake prefers it to the rule that trains.
for EXPERIMENT, STAGE, JOB, FINGERPRINT, _ in TAKEN:
    FOLDER = Path(RESULTS) / EXPERIMENT.name
    NAME = f"{EXPERIMENT.name}_{STAGE.name}_{JOB.name}".replace("/", "_")

    rule:
        name:
            "take_" + re.sub("[^A-Za-z0-9]", "_", NAME)
        input:
            [
                path
                for folder in (PUBLISHED, f"{PUBLISHED}/{PENDING}")
                for table in STAGE.tables
                if os.path.exists(
                    path := f"{folder}/{EXPERIMENT.name}/{table}.parquet"
                )
            ],
        output:
            [str(table_file(FOLDER, STAGE, JOB.name, table)) for table in STAGE.tables],
            str(record_file(FOLDER, STAGE, JOB.name)),
        log:
            f"{LOGS}/take_published/{NAME}.log",
        threads: 1
        params:
            stage=f"{EXPERIMENT.name}.{STAGE.name}",
            job=word(as_text(EXPERIMENT, STAGE, JOB, SETTINGS.root_seed, FINGERPRINT)),
            folders=f"--published {shlex.quote(PUBLISHED)} --results {RESULTS}",
        message:
            "Taking {params.stage}, {output[0]} from the published trials"
        shell:
            "python -m replication take-published {params.stage} --job {params.job} {params.folders} 2> {log}"
