"""How fast training is on this machine; not part of `all`. Run it on an otherwise idle machine."""


rule benchmark_step:
    """Microseconds per optimiser step of experiment 1: fused kernel, batched torch, eager loop."""
    input:
        code=sources("sparcs.ensemble.benchmark", "sparcs.commands.benchmark"),
    output:
        f"{RESULTS}/benchmark/step.csv",
    log:
        f"{LOGS}/benchmark_step.log",
    benchmark:
        f"{BENCHMARKS}/benchmark_step.tsv"
    threads: 1
    message:
        "Timing optimiser steps side by side"
    shell:
        "sparcs benchmark-step --output {output} > {log} 2>&1"


rule benchmark:
    """Every benchmark."""
    input:
        rules.benchmark_step.output,
