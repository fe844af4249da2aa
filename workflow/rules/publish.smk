"""Copy what is finished at a scale to where Git tracks it; not part of `all`."""


rule publish:
    """Tables, claims, reports and figures of what is finished, trial by trial."""
    input:
        settings=rules.record_settings.output,
    log:
        f"{LOGS}/publish.log",
    benchmark:
        f"{BENCHMARKS}/publish.tsv"
    threads: 1
    params:
        results=RESULTS,
        figures=FIGURES,
    message:
        "Publishing what is finished at scale {SCALE}"
    shell:
        "sparcs publish --results {params.results} --figures {params.figures} --published results/published"
        " --published-figures figures/published 2>&1 | tee {log}"
