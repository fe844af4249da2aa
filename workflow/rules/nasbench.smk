"""GAEA's own ground: DARTS and GAEA on NAS-Bench-201's cells."""

NASBENCH_JOBS = SETTINGS.nasbench.jobs()
NASBENCH_TABLE = SETTINGS.nasbench.table


rule search_cells:
    """One search of one method."""
    input:
        images=f"{DATA}/images/cifar10.json",
        code=sources("sparcs.commands.nasbench"),
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
        code=fingerprint("sparcs.commands.nasbench"),
        settings=shlex.quote(SETTINGS.nasbench.part(params.CellSearch)),
        root_seed=SETTINGS.root_seed,
        device=SETTINGS.device,
        stem=f"{RESULTS}/nasbench/trials/{{method}}/{{trial}}",
    message:
        "Searching a cell: {wildcards.method}, trial {wildcards.trial}"
    shell:
        "sparcs search-cells --images {input.images} --method {wildcards.method} --trial {wildcards.trial}"
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
        code=sources("sparcs.commands.nasbench"),
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
        code=fingerprint("sparcs.commands.nasbench"),
        jobs=quoted(NASBENCH_JOBS),
        trials=f"{RESULTS}/nasbench/trials",
        table=f"--table {shlex.quote(NASBENCH_TABLE)}" if NASBENCH_TABLE else "",
        folder=f"{RESULTS}/nasbench",
    message:
        "Gathering the searches on cells"
    shell:
        "sparcs tabulate-cells --jobs {params.jobs} --folder {params.trials} {params.table} --output {params.folder}"
        " 2> {log}"
