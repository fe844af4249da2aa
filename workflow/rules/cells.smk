"""GAEA's own ground: searches on NAS-Bench-201's cells."""

from replication.experiments.cells.settings import CellSearch

CELL_JOBS = SETTINGS.cells.jobs()
CELL_TABLE = SETTINGS.cells.table


rule search_cells:
    """One search of one method."""
    input:
        images=f"{DATA}/images/cifar10.json",
        code=sources("replication.experiments.cells.commands"),
    output:
        multiext(
            f"{RESULTS}/cells/trials/{{method}}/{{trial}}",
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
        settings=shlex.quote(SETTINGS.cells.part(CellSearch)),
        root_seed=SETTINGS.root_seed,
        device=SETTINGS.device,
        stem=f"{RESULTS}/cells/trials/{{method}}/{{trial}}",
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
            f"{RESULTS}/cells/trials/{method}/{trial}_{table}.parquet"
            for method, trial in CELL_JOBS
            for table in ("trials", "history", "costs")
        ],
        table=[CELL_TABLE] if CELL_TABLE else [],
        code=sources("replication.experiments.cells.commands"),
    output:
        expand(
            f"{RESULTS}/cells/{{table}}.parquet",
            table=["trials", "history", "costs", "reference"],
        ),
    log:
        f"{LOGS}/tabulate_cells.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_cells.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.cells.commands"),
        jobs=quoted(CELL_JOBS),
        trials=f"{RESULTS}/cells/trials",
        table=f"--table {shlex.quote(CELL_TABLE)}" if CELL_TABLE else "",
        folder=f"{RESULTS}/cells",
    message:
        "Gathering the searches on cells"
    shell:
        "python -m replication --log {log}"
        " tabulate-cells --jobs {params.jobs} --folder {params.trials} {params.table} --output {params.folder}"
        " 2> {log}"


rule compare_on_cells:
    """The tables of the searches on cells, if the scale has any."""
    input:
        rules.tabulate_cells.output if CELL_JOBS else [],
