"""Other ways to search for a small network, on the data of experiments 1 and 2 (claim G2)."""

BASELINES = SETTINGS.baselines
BASELINE_JOBS = BASELINES.jobs()
TUNING_JOBS = BASELINES.tuning_jobs()
BASELINE_TABLES = ["trials", "costs", "history"]


def baseline_settings(wildcards):
    """What the trials of one method on one data set depend on, as JSON."""
    return shlex.quote(
        BASELINES.of_job(wildcards.data_set, wildcards.method).model_dump_json()
    )


def baseline_sources(wildcards):
    """The files of one method and of the protocol, but of no other method."""
    return sources(*baseline_modules(wildcards))


def baseline_fingerprint(wildcards):
    """What tells of an edit of one of them."""
    return fingerprint(*baseline_modules(wildcards))


def baseline_modules(wildcards):
    """The modules of one method and of the protocol."""
    search = BASELINES.catalogue[wildcards.method].search
    return (
        "replication.experiments.baselines.commands",
        f"replication.baselines.{search}",
    )


def tuned(wildcards):
    """What was tuned for a method on a data set, if anything is."""
    pair = wildcards.data_set, wildcards.method
    return (
        [f"{RESULTS}/baselines/tuning/{'/'.join(pair)}.parquet"]
        if pair in TUNING_JOBS
        else []
    )


rule tune_baselines:
    """The option of one method on one task that is tuned, on trials of its own."""
    input:
        data=task_data,
        code=baseline_sources,
    output:
        multiext(
            f"{RESULTS}/baselines/tuning/{{data_set}}/{{method}}",
            ".parquet",
            ".provenance.json",
        ),
    log:
        f"{LOGS}/tune_baselines/{{data_set}}_{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/tune_baselines/{{data_set}}_{{method}}.tsv"
    threads: 1
    params:
        code=baseline_fingerprint,
        settings=baseline_settings,
        root_seed=SETTINGS.root_seed,
        stem=f"{RESULTS}/baselines/tuning/{{data_set}}/{{method}}",
    message:
        "Tuning {wildcards.method} on {wildcards.data_set}"
    shell:
        f"{KEEP_FREED_MEMORY} python -m replication --log {{log}} tune-baselines"
        " {input.data} --data-set {wildcards.data_set} --settings {params.settings} --root-seed {params.root_seed}"
        " --output {params.stem} 2> {log}"


rule search_baselines:
    """One method on one task: search for every strength, compact, retrain, measure."""
    input:
        data=task_data,
        tuned=tuned,
        code=baseline_sources,
    output:
        multiext(
            f"{RESULTS}/baselines/trials/{{data_set}}/{{method}}/{{trials}}",
            *[f"_{table}.parquet" for table in BASELINE_TABLES],
            ".provenance.json",
        ),
    log:
        f"{LOGS}/search_baselines/{{data_set}}_{{method}}_{{trials}}.log",
    benchmark:
        f"{BENCHMARKS}/search_baselines/{{data_set}}_{{method}}_{{trials}}.tsv"
    threads: 1
    params:
        code=baseline_fingerprint,
        settings=baseline_settings,
        tuned=lambda wildcards, input: f"--tuned {input.tuned}" if input.tuned else "",
        root_seed=SETTINGS.root_seed,
        stem=f"{RESULTS}/baselines/trials/{{data_set}}/{{method}}/{{trials}}",
    message:
        "Searching with {wildcards.method} on {wildcards.data_set}, trial(s) {wildcards.trials}"
    shell:
        f"{KEEP_FREED_MEMORY} python -m replication --log {{log}} search-baselines"
        " {input.data} --data-set {wildcards.data_set} --trials {wildcards.trials} --settings {params.settings}"
        " {params.tuned} --root-seed {params.root_seed} --output {params.stem} 2> {log}"


rule tabulate_baselines:
    """The comparison as tidy tables."""
    input:
        [
            f"{RESULTS}/baselines/trials/{'/'.join(job)}_{table}.parquet"
            for job in BASELINE_JOBS
            for table in BASELINE_TABLES
        ],
        [
            f"{RESULTS}/baselines/tuning/{data_set}/{method}.parquet"
            for data_set, method in TUNING_JOBS
        ],
        code=sources("replication.experiments.baselines.commands"),
    output:
        expand(
            f"{RESULTS}/baselines/{{table}}.parquet",
            table=[*BASELINE_TABLES, "tuning"],
        ),
    log:
        f"{LOGS}/tabulate_baselines.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_baselines.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.baselines.commands"),
        settings=shlex.quote(BASELINES.model_dump_json()),
        trials=f"{RESULTS}/baselines/trials",
        tuning=f"{RESULTS}/baselines/tuning",
        folder=f"{RESULTS}/baselines",
    message:
        "Gathering the baselines"
    shell:
        "python -m replication --log {log}"
        " tabulate-baselines --settings {params.settings} --folder {params.trials} --tuning {params.tuning}"
        " --output {params.folder} 2> {log}"
