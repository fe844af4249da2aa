"""Other ways to search for a small network, on the data of experiments 1 and 2 (claim G2), and on GAEA's own ground."""

from replication.experiments.cells.settings import CellSearch

RIVALS = SETTINGS.rivals
RIVAL_JOBS = RIVALS.jobs()
TUNING_JOBS = RIVALS.tuning_jobs()
RIVAL_TABLES = ["trials", "costs", "history"]
NASBENCH_JOBS = SETTINGS.nasbench.jobs()
NASBENCH_TABLE = SETTINGS.nasbench.table


def rival_settings(wildcards):
    """What the trials of one method on one data set depend on, as JSON."""
    return shlex.quote(
        RIVALS.of_job(wildcards.data_set, wildcards.method).model_dump_json()
    )


def rival_sources(wildcards):
    """The files of one method and of the protocol, but of no other method."""
    return sources(*rival_modules(wildcards))


def rival_fingerprint(wildcards):
    """What tells of an edit of one of them."""
    return fingerprint(*rival_modules(wildcards))


def rival_modules(wildcards):
    """The modules of one method and of the protocol."""
    search = RIVALS.catalogue[wildcards.method].search
    return (
        "replication.experiments.baselines.commands",
        f"replication.baselines.{search}",
    )


def tuned(wildcards):
    """What was tuned for a method on a data set, if anything is."""
    pair = wildcards.data_set, wildcards.method
    return (
        [f"{RESULTS}/rivals/tuning/{'/'.join(pair)}.parquet"]
        if pair in TUNING_JOBS
        else []
    )


rule tune_rivals:
    """The option of one method on one task that is tuned, on trials of its own."""
    input:
        data=task_data,
        code=rival_sources,
    output:
        multiext(
            f"{RESULTS}/rivals/tuning/{{data_set}}/{{method}}",
            ".parquet",
            ".provenance.json",
        ),
    log:
        f"{LOGS}/tune_rivals/{{data_set}}_{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/tune_rivals/{{data_set}}_{{method}}.tsv"
    threads: 1
    params:
        code=rival_fingerprint,
        settings=rival_settings,
        root_seed=SETTINGS.root_seed,
        stem=f"{RESULTS}/rivals/tuning/{{data_set}}/{{method}}",
    message:
        "Tuning {wildcards.method} on {wildcards.data_set}"
    shell:
        f"{KEEP_FREED_MEMORY} python -m replication --log {{log}} tune-rivals"
        " {input.data} --data-set {wildcards.data_set} --settings {params.settings} --root-seed {params.root_seed}"
        " --output {params.stem} 2> {log}"


rule search_rivals:
    """One method on one task: search for every strength, compact, retrain, measure."""
    input:
        data=task_data,
        tuned=tuned,
        code=rival_sources,
    output:
        multiext(
            f"{RESULTS}/rivals/trials/{{data_set}}/{{method}}/{{trials}}",
            *[f"_{table}.parquet" for table in RIVAL_TABLES],
            ".provenance.json",
        ),
    log:
        f"{LOGS}/search_rivals/{{data_set}}_{{method}}_{{trials}}.log",
    benchmark:
        f"{BENCHMARKS}/search_rivals/{{data_set}}_{{method}}_{{trials}}.tsv"
    threads: 1
    params:
        code=rival_fingerprint,
        settings=rival_settings,
        tuned=lambda wildcards, input: f"--tuned {input.tuned}" if input.tuned else "",
        root_seed=SETTINGS.root_seed,
        stem=f"{RESULTS}/rivals/trials/{{data_set}}/{{method}}/{{trials}}",
    message:
        "Searching with {wildcards.method} on {wildcards.data_set}, trial(s) {wildcards.trials}"
    shell:
        f"{KEEP_FREED_MEMORY} python -m replication --log {{log}} search-rivals"
        " {input.data} --data-set {wildcards.data_set} --trials {wildcards.trials} --settings {params.settings}"
        " {params.tuned} --root-seed {params.root_seed} --output {params.stem} 2> {log}"


rule tabulate_rivals:
    """The comparison as tidy tables."""
    input:
        [
            f"{RESULTS}/rivals/trials/{'/'.join(job)}_{table}.parquet"
            for job in RIVAL_JOBS
            for table in RIVAL_TABLES
        ],
        [
            f"{RESULTS}/rivals/tuning/{data_set}/{method}.parquet"
            for data_set, method in TUNING_JOBS
        ],
        code=sources("replication.experiments.baselines.commands"),
    output:
        expand(f"{RESULTS}/rivals/{{table}}.parquet", table=[*RIVAL_TABLES, "tuning"]),
    log:
        f"{LOGS}/tabulate_rivals.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_rivals.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.baselines.commands"),
        settings=shlex.quote(RIVALS.model_dump_json()),
        trials=f"{RESULTS}/rivals/trials",
        tuning=f"{RESULTS}/rivals/tuning",
        folder=f"{RESULTS}/rivals",
    message:
        "Gathering the rivals"
    shell:
        "python -m replication --log {log}"
        " tabulate-rivals --settings {params.settings} --folder {params.trials} --tuning {params.tuning}"
        " --output {params.folder} 2> {log}"


rule search_cells:
    """One search of one method."""
    input:
        images=f"{DATA}/images/cifar10.json",
        code=sources("replication.experiments.cells.commands"),
    output:
        multiext(
            f"{RESULTS}/nasbench/trials/{{method}}/{{trial}}",
            "_trials.parquet",
            "_history.parquet",
            "_costs.parquet",
            ".provenance.json",
        ),
    log:
        f"{LOGS}/search_cells/{{method}}_{{trial}}.log",
    benchmark:
        f"{BENCHMARKS}/search_cells/{{method}}_{{trial}}.tsv"
    threads: 1
    resources:
        gpu=int(SETTINGS.device == "cuda"),
    params:
        code=fingerprint("replication.experiments.cells.commands"),
        settings=shlex.quote(SETTINGS.nasbench.part(CellSearch)),
        root_seed=SETTINGS.root_seed,
        device=SETTINGS.device,
        stem=f"{RESULTS}/nasbench/trials/{{method}}/{{trial}}",
    message:
        "Searching a cell: {wildcards.method}, trial {wildcards.trial}"
    shell:
        "python -m replication --log {log} search-cells --images {input.images} --method {wildcards.method} --trial {wildcards.trial}"
        " --settings {params.settings} --root-seed {params.root_seed} --device {params.device}"
        " --output {params.stem} 2> {log}"


rule tabulate_cells:
    """The searches as tidy tables, with the benchmark's accuracies where there is one."""
    input:
        trials=[
            f"{RESULTS}/nasbench/trials/{method}/{trial}_{table}.parquet"
            for method, trial in NASBENCH_JOBS
            for table in ("trials", "history", "costs")
        ],
        table=[NASBENCH_TABLE] if NASBENCH_TABLE else [],
        code=sources("replication.experiments.cells.commands"),
    output:
        expand(
            f"{RESULTS}/nasbench/{{table}}.parquet",
            table=["trials", "history", "costs", "reference"],
        ),
    log:
        f"{LOGS}/tabulate_cells.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_cells.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.cells.commands"),
        jobs=quoted(NASBENCH_JOBS),
        trials=f"{RESULTS}/nasbench/trials",
        table=f"--table {shlex.quote(NASBENCH_TABLE)}" if NASBENCH_TABLE else "",
        folder=f"{RESULTS}/nasbench",
    message:
        "Gathering the searches on cells"
    shell:
        "python -m replication --log {log}"
        " tabulate-cells --jobs {params.jobs} --folder {params.trials} {params.table} --output {params.folder}"
        " 2> {log}"


rule compare_on_cells:
    """The tables of the searches on cells, if the scale has any."""
    input:
        rules.tabulate_cells.output if NASBENCH_JOBS else [],
