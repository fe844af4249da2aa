"""Copy what is finished at a scale to where Git tracks it; not part of `all`."""


rule publish:
    """Tables, claims, reports and figures of what is finished, trial by trial; always runs, so it has no output."""
    input:
        settings=rules.record_settings.output,
    log:
        f"{LOGS}/publish.log",
    threads: 1
    params:
        results=RESULTS,
        figures=FIGURES,
    message:
        "Publishing what is finished at scale {SCALE}"
    shell:
        "sparcs publish --results {params.results} --figures {params.figures} --published results/published"
        " --published-figures figures/published 2>&1 | tee {log}"
