"""What Git tracks: tables of finished trials, and what is made from them; not part of `all`."""


rule publish:
    """Tables of what is finished, trial by trial; always runs, so it has no output."""
    input:
        settings=rules.record_settings.output,
        lock=ROOT / "requirements.lock",
    log:
        f"{LOGS}/publish.log",
    threads: 1
    params:
        results=RESULTS,
        replace="--replace" if REPLACE else "",
    message:
        "Publishing what is finished at scale {SCALE}"
    shell:
        "python -m replication publish --results {params.results} --lock {input.lock:q} --published results/published {params.replace}"
        " 2>&1 | tee {log}"


rule published:
    """Claims, reports, figures and site, made again from the published tables alone, in results/rebuilt and figures/rebuilt."""
    input:
        f"{REBUILT}/claims.csv",
        REBUILD.reports(),
        f"{REBUILT}/site/index.html",


rule publish_pages:
    """What was made from the published tables, beside them, and the scorecard in README; always runs."""
    input:
        rules.published.input,
    log:
        f"{REBUILT}/logs/publish_pages.log",
    threads: 1
    params:
        results=REBUILT,
        figures=REBUILD.figures,
        names=" ".join(
            [
                OF_REPORTS,
                *[
                    f"--figure {figure}"
                    for notebook in NOTEBOOKS
                    for figure in DRAWN[notebook]
                ],
            ]
        ),
    message:
        "Publishing what was made from the published tables"
    shell:
        "python -m replication publish-pages --results {params.results} --figures {params.figures} --published results/published"
        " --published-figures figures/published {params.names} --readme README.md 2>&1 | tee {log}"


rule spot_check:
    """Some of the published trials, trained again from their seeds and judged; always runs, so it has no output."""
    input:
        settings=f"{PUBLISHED}/settings.json",
        images=[f"{DATA}/images/cifar100.json"]
        + [f"{DATA}/images/cifar10.json" for _ in ALSO[:1]],
    log:
        f"{RESULTS}/logs/spot_check.log",
    threads: 1
    params:
        options=f"--published {shlex.quote(PUBLISHED)} --images {DATA}/images",
        also=" ".join(f"--also {shlex.quote(name)}" for name in ALSO),
        output=f"{RESULTS}/spot_check.csv",
    message:
        "Training some of the published trials again: {params.output}"
    shell:
        "python -m replication spot-check {params.options} {params.also} --output {params.output} 2>&1 | tee {log}"
