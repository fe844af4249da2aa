"""Claims, records and the executed report notebooks, of this run and of the published tables."""

from typing import NamedTuple

from replication.experiments.teacher_student.settings import teacher_parts

TABLES = {
    "theory": rules.check_theory.output.tables,
    "regression": rules.tabulate_regression.output,
    "teacher_student": [
        *rules.tabulate_teacher_student.output,
        *rules.fit_linear.output,
    ],
    "hyperparameters": rules.tabulate_hyperparameters.output,
    "cifar10": rules.tabulate_cifar10.output,
    "cifar10_sweep": rules.tabulate_cifar10_sweep.output,
    "cifar100": rules.tabulate_cifar100.output,
    "baselines": rules.tabulate_baselines.output,
    "cells": rules.tabulate_cells.output,
    "depth": [*rules.tabulate_depth.output, *rules.measure_depth_start.output],
}
NOT_RUN = [  # a scale may do without them; what is published has them whatever the scale
    name
    for name, jobs in (
        ("cifar10_sweep", CIFAR10_SWEEP_JOBS),
        ("cells", CELL_JOBS),
    )
    if not jobs
]
RUN_TABLES = {name: tables for name, tables in TABLES.items() if name not in NOT_RUN}
BENCHMARK_TABLES = [
    ROOT / f"results/published/benchmark/{table}.csv"
    for table in ("depth", "depth_summary", "teacher_student_step")
]
NOTEBOOKS = {
    "00_summary": {
        "experiment": None,  # every one
        "figures": [],
        "published": [
            ROOT / f"results/published/{table}.csv"
            for table in (
                "core_minutes",
                "benchmark/step",
                "benchmark/teacher_student_step",
                "benchmark/cifar10_step",
            )
        ]
        + sorted((ROOT / "results/published").glob("benchmark/full_size_*.csv")),
    },
    "01_theory": {
        "experiment": "theory",
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
        "experiment": "regression",
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
        "experiment": "teacher_student",
        "figures": ["fig09", "fig10"],
    },
    "04_cifar10": {
        "experiment": "cifar10",
        "also": ["cifar10_sweep"],  # where there is one
        "figures": [
            "fig16",
            "fig17",
            "fig_cifar10_sweep",
        ],
    },
    "05_cifar100": {
        "experiment": "cifar100",
        "figures": ["fig18", "fig_probes"],
    },
    "06_hyperparameters": {
        "experiment": "hyperparameters",
        "also": ["cifar10", "cifar100"],  # their number of trials, in Table 5
        "figures": ["fig_hyperparameters"],
    },
    "07_baselines": {
        "experiment": "baselines",
        "figures": ["fig_baselines", "fig_gates"],
    },
    "09_cells": {
        "experiment": "cells",
        "figures": ["fig_cells"],
    },
    "08_any_depth": {
        "experiment": "depth",
        "figures": ["fig_depth", "fig_depth_start", "fig_cost"],
        "published": BENCHMARK_TABLES,
    },
}
NOTEBOOK_MODULES = {
    name: ["replication.report.pages", *imported_by(ROOT / f"notebooks/{name}.ipynb")]
    for name in NOTEBOOKS
}
PUBLISHED = os.path.relpath(ROOT / "results/published")
REBUILT = "results/rebuilt"
TEACHERS = {PAPERS_TEACHER, *(teacher for _, teacher, _ in TEACHER_JOBS)}
JOBS = {  # of every rule that has several: their wildcards
    "generate_teacher_data": [teacher_parts(name) for name in sorted(TEACHERS)],
    "prepare_images": [("cifar10",), ("cifar100",)],
    "train_regression": [
        (data_set, chunk)
        for data_set in SETTINGS.regression.data_sets()
        for chunk in SETTINGS.regression.chunks()
    ],
    "sweep_regression": [(kind,) for kind in SWEEP.penalties],
    "sweep_teacher_student": [
        (kind, rho)
        for kind in SWEEP.penalties
        for rho in SWEEP.rhos
        if SWEEP.teacher_trials
    ],
    "train_teacher_student": TEACHER_JOBS,
    "train_depth": DEPTH_JOBS,
    "train_cifar10": CIFAR10_JOBS,
    "sweep_cifar10": CIFAR10_SWEEP_JOBS,
    "train_cifar100": CIFAR100_JOBS,
    "train_probes": [(chunk,) for chunk in CIFAR100.probes.chunks()],
    "tune_baselines": TUNING_JOBS,
    "search_baselines": BASELINE_JOBS,
    "search_cells": CELL_JOBS,
}


def published_tables():
    """Those of TABLES that are published, by experiment."""
    names = {
        name: [f"{PUBLISHED}/{Path(table).relative_to(RESULTS)}" for table in tables]
        for name, tables in TABLES.items()
    }
    existing = {
        name: list(filter(os.path.exists, tables)) for name, tables in names.items()
    }
    return {name: tables for name, tables in existing.items() if tables}


def of_jobs(pattern, jobs):
    """The pattern with every job's wildcards filled in, in their order."""
    return [re.sub(r"{.*?}", "{}", str(pattern)).format(*job) for job in jobs]


RECORDS = [rules.check_theory.output.provenance] + [
    record
    for name, jobs in JOBS.items()
    for record in of_jobs(getattr(rules, name).output[-1], jobs)
    if record.endswith(".provenance.json")
]


rule record_settings:
    """The paper's settings and this run's."""
    input:
        file=PARAMS_FILE,
        code=sources("replication.account.commands"),
    output:
        f"{RESULTS}/settings.json",
    log:
        f"{LOGS}/record_settings.log",
    benchmark:
        f"{BENCHMARKS}/record_settings.tsv"
    threads: 1
    params:
        code=fingerprint("replication.account.commands", files=[PARAMS_FILE]),
        overrides=quoted(OVERRIDES),
    message:
        "Recording the settings"
    shell:
        "python -m replication --log {log}"
        " record-settings --params-file {input.file:q} --overrides {params.overrides} --output {output} 2> {log}"


rule record_provenance:
    """Commits, machines, times and versions behind the tables."""
    input:
        records=RECORDS,
        lock=LOCK_FILE,
        code=sources("replication.account.commands"),
    output:
        f"{RESULTS}/provenance.json",
    log:
        f"{LOGS}/record_provenance.log",
    benchmark:
        f"{BENCHMARKS}/record_provenance.tsv"
    threads: 1
    params:
        code=fingerprint("replication.account.commands", files=[LOCK_FILE]),
        folder=RESULTS,
        scale=SCALE,
    message:
        "Recording where the results come from"
    shell:
        "python -m replication --log {log}"
        " record-provenance {input.records} --folder {params.folder} --scale {params.scale} --lock {input.lock:q}"
        " --output {output} 2> {log}"


class Place(NamedTuple):
    """Tables to report on, and where claims, reports and figures made from them go."""

    prefix: str
    results: str
    figures: str
    folder: str  # of the tables
    tables: dict
    settings: str
    provenance: str

    def notebooks(self):
        """(name, tables, figures, published tables) of the notebooks whose experiment's tables are all there."""
        swept = self.tables.get("cifar10_sweep", [])
        for name, parts in NOTEBOOKS.items():
            experiments = [parts["experiment"]] if parts["experiment"] else self.tables
            tables = [
                table
                for experiment in experiments
                for table in self.tables.get(experiment, [])
            ]
            if not tables or len(tables) < len(TABLES.get(parts["experiment"], [])):
                continue
            also = [
                table
                for experiment in parts.get("also", [])
                for table in self.tables.get(experiment, [])
            ]
            tables = [*tables, *also]
            left_out = [] if swept else ["fig_cifar10_sweep"]
            drawn = [figure for figure in parts["figures"] if figure not in left_out]
            yield name, tables, drawn, parts.get("published", [])

    def reports(self):
        """The notebooks' pages."""
        return [f"{self.results}/reports/{name}.html" for name, *_ in self.notebooks()]


RUN = Place(
    prefix="",
    results=RESULTS,
    figures=FIGURES,
    folder=RESULTS,
    tables=RUN_TABLES,
    settings=rules.record_settings.output[0],
    provenance=rules.record_provenance.output[0],
)
REBUILD = Place(
    prefix="rebuild_",
    results=REBUILT,
    figures="figures/rebuilt",
    folder=PUBLISHED,
    tables=published_tables(),
    settings=f"{PUBLISHED}/settings.json",
    provenance=f"{PUBLISHED}/provenance.json",
)
REPORTS = RUN.reports()


for place in (RUN, REBUILD):

    rule:
        """Every claim's verdict, from the tables."""
        name:
            f"{place.prefix}judge_claims"
        input:
            tables=[table for tables in place.tables.values() for table in tables],
            settings=place.settings,
            provenance=place.provenance,
            code=sources("replication.account.commands"),
        output:
            verdicts=report(
                f"{place.results}/claims.csv",
                caption="../report/claims.rst",
                category="Claims",
                labels={"claims": "verdicts"},
            ),
            metrics=f"{place.results}/metrics.json",
        log:
            f"{place.results}/logs/judge_claims.log",
        benchmark:
            f"{place.results}/benchmarks/judge_claims.tsv"
        threads: 1
        params:
            code=fingerprint("replication.account.commands"),
        message:
            "Judging the claims"
        shell:
            "python -m replication --log {log} judge-claims {input.tables:q} --settings {input.settings:q}"
            " --provenance {input.provenance:q} --output {output.verdicts} > {log} 2>&1"

    for notebook, tables, drawn, published in place.notebooks():

        rule:
            """One notebook, executed: its figures, and itself as a page."""
            name:
                f"{place.prefix}report_{notebook}"
            input:
                notebook=ROOT / f"notebooks/{notebook}.ipynb",
                tables=tables,
                published=published,
                claims=f"{place.results}/claims.csv",
                settings=place.settings,
                provenance=place.provenance,
                code=sources(*NOTEBOOK_MODULES[notebook]),
            output:
                html=report(
                    f"{place.results}/reports/{notebook}.html",
                    caption="../report/notebook.rst",
                    category="Notebooks",
                    labels={"notebook": notebook},
                ),
                notebook=f"{place.results}/reports/{notebook}.ipynb",
                pictures=[
                    report(
                        f"{place.figures}/{figure}.png",
                        caption=f"../report/{notebook}/{figure}.rst",
                        category="Figures",
                        subcategory=notebook,
                        labels={"figure": figure},
                    )
                    for figure in drawn
                ],
                drawings=expand(
                    f"{place.figures}/{{figure}}.{{kind}}",
                    figure=drawn,
                    kind=["svg", "csv"],
                ),
            log:
                text=f"{place.results}/logs/report_{notebook}.log",
                notebook=f"{place.results}/logs/report_{notebook}.ipynb",
            benchmark:
                f"{place.results}/benchmarks/report_{notebook}.tsv"
            threads: 1
            params:
                code=fingerprint(
                    *NOTEBOOK_MODULES[notebook],
                    files=[ROOT / f"notebooks/{notebook}.ipynb", *published],
                ),
                tables=place.folder,
                figures=place.figures,
                published=PUBLISHED,
            message:
                f"Executing notebook {notebook}"
            shell:
                "(python -m replication --log {log.text} execute-notebook {input.notebook:q} {log.notebook} {output.html}"
                " -p tables {params.tables:q} -p claims {input.claims} -p figures {params.figures}"
                " -p published {params.published:q} && cp {log.notebook} {output.notebook}) > {log.text} 2>&1"


TIMED = [each.benchmark for each in workflow.rules if each.benchmark]
ONE_JOB = [path for path in TIMED if path.startswith(BENCHMARKS) and "{" not in path]


rule tabulate_core_minutes:
    """Core-minutes and memory of every rule, from the benchmarks."""
    input:
        reports=REPORTS,
        code=sources("replication.account.commands"),
    output:
        f"{RESULTS}/core_minutes.csv",
    log:
        f"{LOGS}/tabulate_core_minutes.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_core_minutes.tsv"
    threads: 1
    params:
        code=fingerprint("replication.account.commands"),
        benchmarks=[
            *ONE_JOB,
            *[
                benchmark
                for name, jobs in JOBS.items()
                for benchmark in of_jobs(getattr(rules, name).benchmark, jobs)
            ],
        ],
        folder=BENCHMARKS,
        scale=SCALE,
    message:
        "Adding up core-minutes"
    shell:
        "python -m replication --log {log} tabulate-core-minutes {params.benchmarks} --folder {params.folder} --scale {params.scale}"
        " --output {output} 2> {log}"
