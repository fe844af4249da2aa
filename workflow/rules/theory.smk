"""The theory, checked: identities, the start, gradients at the start, misprints (Figures 1 to 6 and 8)."""

THEORY_TABLES = ["checks", "identities", "misprints"]


rule check_theory:
    """What holds for every network, on random ones (claims A1, A2, A3, C1), and the paper's misprints."""
    input:
        code=sources(
            "replication.experiments.theory.checks",
            "replication.experiments.theory.identities",
            "replication.experiments.theory.misprints",
            "replication.experiments.theory.commands",
        ),
    output:
        tables=expand(f"{RESULTS}/theory/{{table}}.parquet", table=THEORY_TABLES),
        provenance=f"{RESULTS}/theory/checks.provenance.json",
    log:
        f"{LOGS}/check_theory.log",
    benchmark:
        f"{BENCHMARKS}/check_theory.tsv"
    threads: 1
    params:
        code=fingerprint(
            "replication.experiments.theory.checks",
            "replication.experiments.theory.identities",
            "replication.experiments.theory.misprints",
            "replication.experiments.theory.commands",
        ),
        folder=f"{RESULTS}/theory",
    message:
        "Checking the theory, exactly and on random networks"
    shell:
        "python -m replication --log {log} check-theory --output {params.folder} 2> {log}"
