"""The site: findings, a page for each claim, gallery, tables and pages that answer, readable from disk."""

from replication.report.shell import SECTIONS

SITE_PARTS = [  # what Python does not import: templates, scripts, prose
    path
    for folder in ("site/templates", "site/assets")
    for path in sorted((ROOT / "src/replication" / folder).iterdir())
]
SITE_PARTS += [
    *templates_of("replication.site.commands", "replication.site"),
    *SHELL,
    ROOT / "README.md",
    ROOT / "docs/limits.md",
    *sorted(ROOT.glob("src/replication/experiments/*/claims.toml")),
]
SITE_PAGES = [page for page, _ in SECTIONS]
COUNTED = list(filter(os.path.exists, [f"{PUBLISHED}/reliability.csv"]))

OF_REPORTS = " ".join(f"--report {name}" for name in NOTEBOOKS)


def site_options(place):
    """All that the site is built from, except the claims, and where."""
    return (
        f"--tables {shlex.quote(place.folder)} --reports {place.results}/reports --figures {place.figures}"
        f" --published {shlex.quote(PUBLISHED)} --output {place.results}/site {OF_REPORTS}"
    )


for place in (RUN, REBUILD):

    rule:
        """The pages that most readers will see; they link to claims, reports and figures where these stand."""
        name:
            f"{place.prefix}build_site"
        input:
            claims=f"{place.results}/claims.csv",
            settings=place.settings,
            provenance=f"{place.folder}/provenance.json",
            core_minutes=f"{place.folder}/core_minutes.csv",
            tables=[table for tables in place.tables.values() for table in tables],
            reports=place.reports(),  # with the figures, which the same jobs draw
            published=[f"{PUBLISHED}/claims.csv", *COUNTED],
            parts=SITE_PARTS,
        output:
            index=f"{place.results}/site/index.html",
            others=[f"{place.results}/site/{page}.html" for page in SITE_PAGES],
        log:
            f"{place.results}/logs/build_site.log",
        benchmark:
            f"{place.results}/benchmarks/build_site.tsv"
        threads: 1
        params:
            code=changes_with(
                "replication.site.commands",
                "replication.site",
                REGISTRY,
                *[
                    each.module(each.claims)
                    for each in EXPERIMENTS.values()
                    if each.claims
                ],
                files=[
                    f"{PUBLISHED}/claims.csv",
                    *COUNTED,
                    *SITE_PARTS,
                ],
            ),
            options=site_options(place),
        message:
            "Building the site: {output.index}"
        shell:
            "python -m replication --log {log} build-site --claims {input.claims} {params.options} 2> {log}"


onerror:
    # A page that can't be made is named on the site, which is built all the same, and core-minutes are counted.
    for place in (RUN, REBUILD) if workflow.is_main_process else ():
        claims, index = (
            f"{place.results}/claims.csv",
            f"{place.results}/site/index.html",
        )
        if os.path.exists(claims) and not all(map(os.path.exists, place.reports())):
            if place is RUN:
                shell(
                    "python -m replication tabulate-core-minutes {ONE_JOB} {OF_JOBS} --folder {BENCHMARKS} --scale {SCALE}"
                    " --output {RESULTS}/core_minutes.csv 2> /dev/null"
                )
            options = site_options(place)
            for folder in (f"{place.results}/reports", place.figures):
                os.makedirs(folder, exist_ok=True)
            shell("python -m replication build-site --claims {claims} {options}")
            sys.stderr.write(
                f"snakemake: {index} names the pages that are missing\n"
            )
