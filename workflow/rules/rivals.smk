"""Other ways to search for a small network, on the data of experiments 1 and 2 (claim G2)."""

RIVALS = SETTINGS.rivals
RIVAL_JOBS = RIVALS.jobs()
RIVAL_TABLES = ["trials", "costs", "history"]
# Freed memory is kept for the next step instead of being asked for again
RIVAL_MEMORY = "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=8589934592"


def rival_data(wildcards):
    """The files of a data set: a teacher's, or experiment 1's points and targets."""
    if wildcards.data_set == params.TEACHER:
        return f"{DATA}/teacher_student/{DEPTH_TEACHER}.safetensors"
    targets = f"{DATA}/regression/{wildcards.data_set}.safetensors"
    return [rules.generate_regression_data.output.points, targets]


def rival_settings(wildcards):
    """What the trials of one method on one data set depend on, as JSON."""
    return shlex.quote(
        RIVALS.of_job(wildcards.data_set, wildcards.method).model_dump_json()
    )


def rival_sources(wildcards):
    """The files of one method and of the protocol, but of no other method."""
    search = RIVALS.catalogue[wildcards.method].search
    return sources("sparcs.commands.rivals", f"sparcs.rivals.{search}")


rule search_rivals:
    """One method on one task: search for every strength, compact, retrain, measure."""
    input:
        data=rival_data,
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
        settings=rival_settings,
        root_seed=SETTINGS.root_seed,
        stem=f"{RESULTS}/rivals/trials/{{data_set}}/{{method}}/{{trials}}",
    message:
        "Searching with {wildcards.method} on {wildcards.data_set}, trial(s) {wildcards.trials}"
    shell:
        f"{RIVAL_MEMORY} sparcs search-rivals"
        " {input.data} --data-set {wildcards.data_set} --trials {wildcards.trials} --settings {params.settings}"
        " --root-seed {params.root_seed} --output {params.stem} 2> {log}"


rule tabulate_rivals:
    """The comparison as tidy tables."""
    input:
        [
            f"{RESULTS}/rivals/trials/{'/'.join(job)}_{table}.parquet"
            for job in RIVAL_JOBS
            for table in RIVAL_TABLES
        ],
        code=sources("sparcs.commands.rivals"),
    output:
        expand(f"{RESULTS}/rivals/{{table}}.parquet", table=RIVAL_TABLES),
    log:
        f"{LOGS}/tabulate_rivals.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_rivals.tsv"
    threads: 1
    params:
        settings=shlex.quote(RIVALS.model_dump_json()),
        trials=f"{RESULTS}/rivals/trials",
        folder=f"{RESULTS}/rivals",
    message:
        "Gathering the rivals"
    shell:
        "sparcs tabulate-rivals --settings {params.settings} --folder {params.trials}"
        " --output {params.folder} 2> {log}"
