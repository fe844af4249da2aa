"""Claims, records and the executed report notebooks."""

TABLES = {
    "theory": rules.check_theory.output,
    "regression": rules.tabulate_regression.output,
    "teacher_student": [
        *rules.tabulate_teacher_student.output,
        *rules.fit_linear.output,
    ],
    "hyperparameters": rules.tabulate_hyperparameters.output,
    "cifar10": [*rules.tabulate_cifar10.output, *rules.tabulate_cifar10_sweep.output],
    "cifar100": rules.tabulate_cifar100.output,
    "depth": [*rules.tabulate_depth.output, *rules.measure_depth_start.output],
}
BENCHMARK_TABLES = [
    ROOT / f"results/published/benchmark/{table}.csv"
    for table in ("depth", "depth_summary", "teacher_student_step")
]
NOTEBOOKS = {
    "01_theory": {
        "tables": TABLES["theory"],
        "figures": [
            "fig01",
            "fig02",
            "fig03",
            "fig04",
            "fig05",
            "fig06",
            "fig08",
        ],
    },
    "02_alpha_beta": {
        "tables": TABLES["regression"],
        "figures": [
            "fig07",
            "fig07_network",
            "fig07_surface",
            "fig11",
            "fig12",
            "fig13",
            "fig14",
            "fig15",
        ],
    },
    "03_teacher_student": {
        "tables": TABLES["teacher_student"],
        "figures": ["fig09", "fig10"],
    },
    "04_cifar10": {
        "tables": TABLES["cifar10"],
        "figures": [
            "fig16",
            "fig17",
            *["fig_cifar10_sweep"] * bool(CIFAR10_SWEEP_JOBS),
        ],
    },
    "05_cifar100": {
        "tables": TABLES["cifar100"],
        "figures": ["fig18", "fig_probes"],
    },
    "06_hyperparameters": {
        "tables": TABLES["hyperparameters"],
        "figures": ["fig_hyperparameters"],
    },
    "08_any_depth": {
        "tables": TABLES["depth"],
        "figures": ["fig_depth", "fig_depth_start", "fig_cost"],
        "published": BENCHMARK_TABLES,
    },
}
NOTEBOOK_MODULES = [
    "sparcs.figures",
    "sparcs.figures.cost_prose",
    "sparcs.figures.depth_prose",
    "sparcs.figures.image_prose",
    "sparcs.figures.image_tables",
    "sparcs.figures.notebook",
    "sparcs.figures.prose",
    "sparcs.figures.stand_in",
    "sparcs.figures.tables",
    "sparcs.figures.theory",
    "sparcs.report",
]
REPORTS = expand(f"{RESULTS}/reports/{{notebook}}.html", notebook=NOTEBOOKS)


rule record_settings:
    """The paper's settings and this run's."""
    input:
        file=PARAMS_FILE,
        code=sources("sparcs.commands.report"),
    output:
        f"{RESULTS}/settings.json",
    log:
        f"{LOGS}/record_settings.log",
    benchmark:
        f"{BENCHMARKS}/record_settings.tsv"
    threads: 1
    params:
        overrides=quoted(OVERRIDES),
    message:
        "Recording the settings"
    shell:
        "sparcs record-settings --params-file {input.file} --overrides {params.overrides} --output {output} 2> {log}"


rule judge_claims:
    """Every claim's verdict, from the tables."""
    input:
        tables=[table for tables in TABLES.values() for table in tables],
        settings=rules.record_settings.output,
        code=sources("sparcs.commands.report"),
    output:
        f"{RESULTS}/claims.csv",
    log:
        f"{LOGS}/judge_claims.log",
    benchmark:
        f"{BENCHMARKS}/judge_claims.tsv"
    threads: 1
    message:
        "Judging the claims"
    shell:
        "sparcs judge-claims {input.tables} --settings {input.settings} --output {output} > {log} 2>&1"


rule record_provenance:
    """Commits, machines, times and versions behind the tables."""
    input:
        tables=[table for tables in TABLES.values() for table in tables],
        lock=ROOT / "requirements.lock",
        code=sources("sparcs.commands.report"),
    output:
        f"{RESULTS}/provenance.json",
    log:
        f"{LOGS}/record_provenance.log",
    benchmark:
        f"{BENCHMARKS}/record_provenance.tsv"
    threads: 1
    params:
        folder=RESULTS,
    message:
        "Recording where the results come from"
    shell:
        "sparcs record-provenance --folder {params.folder} --lock {input.lock} --output {output} 2> {log}"


for notebook, parts in NOTEBOOKS.items():

    rule:
        """One notebook, executed: its figures, and itself as a page."""
        name:
            f"report_{notebook}"
        input:
            notebook=ROOT / f"notebooks/{notebook}.ipynb",
            tables=parts["tables"],
            published=parts.get("published", []),
            claims=rules.judge_claims.output,
            settings=rules.record_settings.output,
            provenance=rules.record_provenance.output,
            code=sources(*NOTEBOOK_MODULES),
        output:
            html=f"{RESULTS}/reports/{notebook}.html",
            notebook=f"{RESULTS}/reports/{notebook}.ipynb",
            figures=expand(
                f"{FIGURES}/{{figure}}.{{kind}}",
                figure=parts["figures"],
                kind=["svg", "png", "csv"],
            ),
        log:
            notebook=f"{LOGS}/report_{notebook}.ipynb",
            text=f"{LOGS}/report_{notebook}.log",
        benchmark:
            f"{BENCHMARKS}/report_{notebook}.tsv"
        threads: 1
        params:
            tables=RESULTS,
            figures=FIGURES,
            scale=SCALE,
            published=os.path.relpath(ROOT / "results/published"),
        message:
            f"Executing notebook {notebook}"
        shell:
            "(sparcs check-parameters {input.notebook} tables figures scale published"
            " && papermill {input.notebook} {log.notebook} -p tables {params.tables} -p figures {params.figures}"
            " -p scale {params.scale} -p published {params.published} --log-output --no-progress-bar"
            " && sparcs render-report {log.notebook} {output.html}"
            " && cp {log.notebook} {output.notebook}) > {log.text} 2>&1"


rule tabulate_core_minutes:
    """Core-minutes and memory of every rule, from the benchmarks."""
    input:
        reports=REPORTS,
        code=sources("sparcs.commands.report"),
    output:
        f"{RESULTS}/core_minutes.csv",
    log:
        f"{LOGS}/tabulate_core_minutes.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_core_minutes.tsv"
    threads: 1
    params:
        folder=BENCHMARKS,
        scale=SCALE,
    message:
        "Adding up core-minutes"
    shell:
        "sparcs tabulate-core-minutes --folder {params.folder} --scale {params.scale} --output {output} 2> {log}"
