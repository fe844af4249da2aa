"""How fast training is on this machine; not part of `all`. Run it on an otherwise idle machine."""

from replication.experiments.cifar10.settings import Cifar10Trial


rule benchmark_step:
    """Microseconds per optimiser step of experiment 1: fused kernel, batched torch, eager loop."""
    input:
        code=sources(
            "replication.experiments.cost.step_time",
            "replication.experiments.cost.commands",
        ),
    output:
        f"{RESULTS}/benchmark/step.csv",
    log:
        f"{LOGS}/benchmark_step.log",
    benchmark:
        f"{BENCHMARKS}/benchmark_step.tsv"
    threads: workflow.cores  # alone: others would disturb it
    params:
        code=changes_with(
            "replication.experiments.cost.step_time",
            "replication.experiments.cost.commands",
        ),
    message:
        "Timing optimiser steps side by side"
    shell:
        "python -m replication --log {log} benchmark-step --output {output} > {log} 2>&1"


rule benchmark_cifar10:
    """A step of experiment 3 as training takes it, beside one on a prepared batch and one by a DataLoader."""
    input:
        code=sources(
            "replication.experiments.cost.against_depth",
            "replication.experiments.cost.commands",
        ),
    output:
        f"{RESULTS}/benchmark/cifar10_step.csv",
    log:
        f"{LOGS}/benchmark_cifar10.log",
    benchmark:
        f"{BENCHMARKS}/benchmark_cifar10.tsv"
    threads: workflow.cores  # alone: others would disturb it
    params:
        code=changes_with(
            "replication.experiments.cost.against_depth",
            "replication.experiments.cost.commands",
        ),
        settings=quoted(SETTINGS.cifar10.part(Cifar10Trial)),
    message:
        "Timing steps of the small network side by side"
    shell:
        "python -m replication --log {log} benchmark-cifar10 --settings {params.settings} --output {output} > {log} 2>&1"


rule benchmark_cost:
    """Step time and peak memory of SpectralNetwork against depth, beside a plain MLP, and experiment 2's step."""
    input:
        code=sources(
            "replication.experiments.cost.against_depth",
            "replication.experiments.cost.commands",
        ),
    output:
        expand(
            f"{RESULTS}/benchmark/{{table}}.csv",
            table=["depth", "depth_summary", "teacher_student_step"],
        ),
    log:
        f"{LOGS}/benchmark_cost.log",
    benchmark:
        f"{BENCHMARKS}/benchmark_cost.tsv"
    threads: workflow.cores  # alone: others would disturb it
    params:
        code=changes_with(
            "replication.experiments.cost.against_depth",
            "replication.experiments.cost.commands",
        ),
        tables=f"{RESULTS}/benchmark",
    message:
        "Timing networks of 2 to 64 layers side by side"
    shell:
        "python -m replication --log {log} benchmark-cost --output {params.tables} > {log} 2>&1"


rule benchmark_full_size:
    """A step of what is too long to be run whole here: experiment 4, deep networks and cells at the paper's size."""
    input:
        file=PARAMS_FILE,
        code=sources(
            "replication.experiments.cost.full_size",
            "replication.experiments.cost.commands",
        ),
    output:
        f"{RESULTS}/benchmark/full_size_{SETTINGS.device}.csv",
    log:
        f"{LOGS}/benchmark_full_size.log",
    benchmark:
        f"{BENCHMARKS}/benchmark_full_size.tsv"
    threads: workflow.cores  # alone: others would disturb it
    resources:
        gpu=int(SETTINGS.device == "cuda"),
    params:
        code=changes_with(
            "replication.experiments.cost.full_size",
            "replication.experiments.cost.commands",
            files=[PARAMS_FILE],
        ),
        device=SETTINGS.device,
        images="--images 16" if SETTINGS.device == "cpu" else "",
    message:
        "Timing steps of the paper's full sizes"
    shell:
        "python -m replication --log {log} benchmark-full-size --params-file {input.file:q} --device {params.device} {params.images}"
        " --output {output} > {log} 2>&1"


rule benchmark:
    """Every benchmark, one after the other: they would disturb each other."""
    input:
        rules.benchmark_step.output,
        rules.benchmark_cifar10.output,
        rules.benchmark_cost.output,
        rules.benchmark_full_size.output,
