"""Claims, records and the executed report notebooks, of this run and of the published tables."""

from collections.abc import Callable
from typing import NamedTuple

from replication.records.verbs import read_settings

REBUILT = "results/rebuilt"
SHELL = sorted(
    (ROOT / "src/replication/report/templates").iterdir()
)  # around every page


def published_tables(experiment):
    """The tables of an experiment that are published."""
    names = [
        f"{PUBLISHED}/{experiment.name}/{table}.parquet" for table in experiment.tables
    ]
    return [name for name in names if os.path.exists(name)]


rule record_settings:
    """The paper's settings and this run's."""
    input:
        file=PARAMS_FILE,
    output:
        update(f"{RESULTS}/settings.json"),  # not deleted before: it may be read meanwhile
    log:
        f"{LOGS}/record_settings.log",
    benchmark:
        f"{BENCHMARKS}/record_settings.tsv"
    threads: 1
    params:
        code=changes_with("replication.account.commands", REGISTRY, files=[PARAMS_FILE]),
        overrides=quoted(OVERRIDES),
    message:
        "Recording the settings"
    shell:
        "python -m replication --log {log}"
        " record-settings --params-file {input.file:q} --overrides {params.overrides} --output {output} 2> {log}"


def seen(known, experiments):
    """A fingerprint of the settings that matter to these experiments: all but those of others beyond the paper."""
    others = {name for name, each in EXPERIMENTS.items() if not each.paper}
    hidden = others - {*experiments}
    sides = [
        {name: value for name, value in known[side].items() if name not in hidden}
        for side in ("run", "paper")
    ]
    return hashlib.sha256(json.dumps(sides, sort_keys=True).encode()).hexdigest()[:16]


class Place(NamedTuple):
    """Tables to report on, and where claims, reports and figures made from them go."""

    prefix: str
    results: str
    figures: str
    folder: str  # of the tables
    tables: dict  # by experiment; none of one that has no results
    settings: str
    known: Callable  # () -> what that file says, or will say

    def settings_of(self, *experiments):
        """What fingerprints the settings that matter to these experiments."""

        def fingerprint(wildcards):
            with told_in_a_sentence():
                return seen(self.known(), experiments)

        return fingerprint

    def record_for(self, *experiments):
        """The record of settings, as an input; a job does not wait for a new version that says the same to it.

        Of jobs that wait for a file to be written, an ancient one too, Snakemake looks at no other reason to run.
        """

        def record(wildcards):
            try:
                recorded = read_settings(Path(self.settings))
            except ArtifactError:
                return self.settings
            same = seen(recorded, experiments) == seen(self.known(), experiments)
            return before_update(ancient(self.settings)) if same else self.settings

        return record

    def provenance(self, experiment):
        """The record of an experiment's tables, if it has any."""
        name = f"{self.folder}/{experiment}/provenance.json"
        return [name] if self.tables[experiment] else []

    def read_by(self, experiment):
        """The tables that an experiment's claims and report read, its own and others', and these experiments' records."""
        of_others = [
            (name.split("/")[0], path)
            for name in EXPERIMENTS[experiment].beside
            for path in self.tables[name.split("/")[0]]
            if path.endswith(f"/{name}.parquet")
        ]
        names = dict.fromkeys([experiment, *(name for name, _ in of_others)])
        tables = [*self.tables[experiment], *(path for _, path in of_others)]
        return tables, [record for name in names for record in self.provenance(name)]

    def records(self):
        """The records of all experiments."""
        return [record for name in self.tables for record in self.provenance(name)]

    def claims(self):
        """The verdicts of every experiment that tests claims."""
        return {
            name: f"{self.results}/claims/{name}.csv"
            for name, experiment in EXPERIMENTS.items()
            if experiment.claims
        }

    def notebooks(self):
        """(name, experiments, tables, records, claims) of the summary, and of each experiment whose tables are there."""
        every = [table for tables in self.tables.values() for table in tables]
        claims = f"{self.results}/claims.csv"
        yield NOTEBOOKS[0], [*EXPERIMENTS], every, self.records(), claims
        for name, experiment in EXPERIMENTS.items():
            if self.tables[name]:
                claims = self.claims().get(name, [])
                yield experiment.notebook, [name], *self.read_by(name), claims

    def reports(self):
        """The notebooks' pages."""
        return [f"{self.results}/reports/{name}.html" for name, *_ in self.notebooks()]


AS_IN_PAPER = paper_settings(params.read_yaml(PARAMS_FILE)).model_dump(mode="json")
AS_RUN = SETTINGS.model_dump(mode="json")
RUN = Place(
    prefix="",
    results=RESULTS,
    figures=FIGURES,
    folder=RESULTS,
    tables={name: run_tables(each) for name, each in EXPERIMENTS.items()},
    settings=f"{RESULTS}/settings.json",
    known=lambda: {"run": AS_RUN, "paper": AS_IN_PAPER},
)
REBUILD = Place(
    prefix="rebuild_",
    results=REBUILT,
    figures="figures/rebuilt",
    folder=PUBLISHED,
    tables={name: published_tables(each) for name, each in EXPERIMENTS.items()},
    settings=f"{PUBLISHED}/settings.json",
    known=lambda: read_settings(Path(PUBLISHED) / "settings.json"),
)
REPORTS = RUN.reports()


rule record_provenance:
    """Commits, machines, times and versions behind the tables."""
    input:
        records=RUN.records(),
        lock=LOCK_FILE,
    output:
        f"{RESULTS}/provenance.json",
    log:
        f"{LOGS}/record_provenance.log",
    benchmark:
        f"{BENCHMARKS}/record_provenance.tsv"
    threads: 1
    params:
        code=changes_with("replication.account.commands", files=[LOCK_FILE]),
    message:
        "Recording where the results come from"
    shell:
        "python -m replication --log {log} record-provenance {input.records} --lock {input.lock:q} --output {output} 2> {log}"


for place in (RUN, REBUILD):

    for experiment, verdicts in place.claims().items():

        rule:
            """The verdicts on the claims that one experiment tests, from its tables."""
            name:
                f"{place.prefix}judge_{experiment}"
            input:
                tables=place.read_by(experiment)[0],
                provenance=place.read_by(experiment)[1],
                settings=place.record_for(experiment),
            output:
                verdicts,
            log:
                f"{place.results}/logs/judge_{experiment}.log",
            benchmark:
                f"{place.results}/benchmarks/judge_{experiment}.tsv"
            threads: 1
            params:
                code=changes_with("replication.account.commands", *judges(experiment)),
                settings=place.settings_of(experiment),
                experiment=experiment,
                provenance=" ".join(
                    f"--provenance {shlex.quote(record)}"
                    for record in place.read_by(experiment)[1]
                ),
            message:
                f"{EXPERIMENTS[experiment].title}: judging its claims"
            shell:
                "python -m replication --log {log} judge-claims {params.experiment} {input.tables:q} --settings {input.settings:q}"
                " {params.provenance} --code {params.code} --output {output} > {log} 2>&1"

    rule:
        """Every claim's verdict, in one table."""
        name:
            f"{place.prefix}judge_claims"
        input:
            [*place.claims().values()],
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
            code=changes_with("replication.account.commands", REGISTRY),
            parts=[*place.claims().values()],
        message:
            "Gathering the verdicts"
        shell:
            "python -m replication --log {log} gather-claims {params.parts:q} --output {output.verdicts} > {log} 2>&1"

    for notebook, experiments, tables, records, claims in place.notebooks():

        rule:
            """One notebook, executed: its figures, and itself as a page."""
            name:
                f"{place.prefix}report_{notebook}"
            input:
                notebook=ROOT / f"notebooks/{notebook}.ipynb",
                tables=tables,
                published=published_inputs(notebook),
                claims=claims,
                settings=place.record_for(*experiments),
                records=records,
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
                        caption=os.path.abspath(f"{place.figures}/{figure}.rst"),
                        category="Figures",
                        subcategory=notebook,
                        labels={"figure": figure},
                    )
                    for figure in DRAWN[notebook]
                ],
                drawings=expand(
                    f"{place.figures}/{{figure}}.{{kind}}",
                    figure=DRAWN[notebook],
                    kind=["svg", "csv", "rst"],
                ),
            log:
                text=f"{place.results}/logs/report_{notebook}.log",
                notebook=f"{place.results}/logs/report_{notebook}.ipynb",
            benchmark:
                f"{place.results}/benchmarks/report_{notebook}.tsv"
            threads: 1
            params:
                code=changes_with(
                    *notebook_modules(notebook),
                    files=[
                        ROOT / f"notebooks/{notebook}.ipynb",
                        *published_inputs(notebook),
                        *templates_of(*notebook_modules(notebook)),
                        *SHELL,
                    ],
                ),
                settings=place.settings_of(*experiments),
                tables=place.folder,
                claims=claims or f"{place.results}/claims.csv",
                figures=place.figures,
                published=PUBLISHED,
            message:
                f"Executing notebook {notebook}"
            shell:
                "(python -m replication --log {log.text} execute-notebook {input.notebook:q} {log.notebook} {output.html}"
                " -p tables {params.tables:q} -p claims {params.claims} -p figures {params.figures}"
                " -p published {params.published:q} && cp {log.notebook} {output.notebook}) > {log.text} 2>&1"


TIMED = [each.benchmark for each in workflow.rules if each.benchmark]
ONE_JOB = [path for path in TIMED if path.startswith(BENCHMARKS) and "{" not in path]
OF_JOBS = [
    f"{BENCHMARKS}/{rule}/{job}.tsv" for rule, jobs in JOBS.items() for job in jobs
] + [
    *expand(f"{BENCHMARKS}/generate_regression_data/{{name}}.tsv", name=ALPHA_BETA),
    *expand(f"{BENCHMARKS}/generate_teacher_data/{{name}}.tsv", name=TEACHERS),
    *expand(f"{BENCHMARKS}/prepare_images/{{name}}.tsv", name=IMAGES),
]


rule tabulate_core_minutes:
    """Core-minutes and memory of every rule, from the benchmarks."""
    input:
        reports=REPORTS,
    output:
        f"{RESULTS}/core_minutes.csv",
    log:
        f"{LOGS}/tabulate_core_minutes.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_core_minutes.tsv"
    threads: 1
    params:
        code=changes_with("replication.account.commands"),
        benchmarks=[*ONE_JOB, *OF_JOBS],
        folder=BENCHMARKS,
        scale=SCALE,
    message:
        "Adding up core-minutes"
    shell:
        "python -m replication --log {log} tabulate-core-minutes {params.benchmarks} --folder {params.folder} --scale {params.scale}"
        " --output {output} 2> {log}"
