"""Experiment 3: CIFAR-10 from scratch, linear head against SPARCS head (Table 5, Figures 16 and 17, Table 1).

Beyond the paper: the same against kind and strength of the penalty.
"""

from replication.experiments.cifar10.settings import Cifar10Trial

CIFAR10_TABLES = ["trials", "epochs", "eigenvalues", "costs"]
CIFAR10_JOBS = SETTINGS.cifar10.jobs()
CIFAR10_SWEEP = SETTINGS.cifar10.sweep_points()
CIFAR10_SWEEP_JOBS = SETTINGS.cifar10.sweep_jobs()


def swept_cifar10(wildcards):
    """Settings of experiment 3 at one point of the sweep, as JSON."""
    return shlex.quote(CIFAR10_SWEEP[wildcards.point][1].part(Cifar10Trial))


rule train_cifar10:
    """One trial of one head; goes on from its checkpoint after a stop."""
    input:
        images=f"{DATA}/images/cifar10.json",
        code=sources("replication.experiments.cifar10.commands"),
    output:
        multiext(
            f"{RESULTS}/cifar10/trials/{{head}}/{{trial}}",
            *[f"_{table}.parquet" for table in CIFAR10_TABLES],
            ".safetensors",
            ".provenance.json",
        ),
    log:
        f"{LOGS}/train_cifar10/{{head}}_{{trial}}.log",
    benchmark:
        f"{BENCHMARKS}/train_cifar10/{{head}}_{{trial}}.tsv"
    threads: 1
    resources:
        gpu=int(SETTINGS.device == "cuda"),
    params:
        code=fingerprint("replication.experiments.cifar10.commands"),
        head=lambda wildcards: wildcards.head,
        settings=shlex.quote(SETTINGS.cifar10.part(Cifar10Trial)),
        checkpoint_every=SETTINGS.cifar10.checkpoint_every,
        root_seed=SETTINGS.root_seed,
        device=SETTINGS.device,
        stem=f"{RESULTS}/cifar10/trials/{{head}}/{{trial}}",
    message:
        "Training the small network, head {wildcards.head}, trial {wildcards.trial}"
    shell:
        "python -m replication --log {log} train-cifar10 --images {input.images} --head {params.head} --trial {wildcards.trial}"
        " --settings {params.settings} --checkpoint-every {params.checkpoint_every} --root-seed {params.root_seed}"
        " --device {params.device} --output {params.stem} 2> {log}"


rule tabulate_cifar10:
    """The trials of experiment 3 as tidy tables."""
    input:
        [
            f"{RESULTS}/cifar10/trials/{head}/{trial}_{table}.parquet"
            for head, trial in CIFAR10_JOBS
            for table in CIFAR10_TABLES
        ],
        code=sources("replication.experiments.cifar10.commands"),
    output:
        expand(f"{RESULTS}/cifar10/{{table}}.parquet", table=CIFAR10_TABLES),
    log:
        f"{LOGS}/tabulate_cifar10.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_cifar10.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.cifar10.commands"),
        jobs=quoted(CIFAR10_JOBS),
        trials=f"{RESULTS}/cifar10/trials",
        folder=f"{RESULTS}/cifar10",
    message:
        "Gathering experiment 3"
    shell:
        "python -m replication --log {log}"
        " tabulate-cifar10 --jobs {params.jobs} --folder {params.trials} --output {params.folder} 2> {log}"


use rule train_cifar10 as sweep_cifar10 with:
    output:
        multiext(
            f"{RESULTS}/cifar10_sweep/trials/{{point}}/{{trial}}",
            *[f"_{table}.parquet" for table in CIFAR10_TABLES],
            ".safetensors",
            ".provenance.json",
        ),
    log:
        f"{LOGS}/sweep_cifar10/{{point}}_{{trial}}.log",
    benchmark:
        f"{BENCHMARKS}/sweep_cifar10/{{point}}_{{trial}}.tsv"
    params:
        code=fingerprint("replication.experiments.cifar10.commands"),
        head=lambda wildcards: CIFAR10_SWEEP[wildcards.point][0],
        settings=swept_cifar10,
        checkpoint_every=SETTINGS.cifar10.checkpoint_every,
        root_seed=SETTINGS.root_seed,
        device=SETTINGS.device,
        stem=f"{RESULTS}/cifar10_sweep/trials/{{point}}/{{trial}}",
    message:
        "Training the small network, penalty {wildcards.point}, trial {wildcards.trial}"


rule tabulate_cifar10_sweep:
    """The sweep over kinds and strengths of the penalty as one tidy table."""
    input:
        [
            f"{RESULTS}/cifar10_sweep/trials/{point}/{trial}_trials.parquet"
            for point, trial in CIFAR10_SWEEP_JOBS
        ],
        code=sources("replication.experiments.cifar10.commands"),
    output:
        f"{RESULTS}/cifar10_sweep/trials.parquet",
    log:
        f"{LOGS}/tabulate_cifar10_sweep.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_cifar10_sweep.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.cifar10.commands"),
        jobs=quoted(CIFAR10_SWEEP_JOBS),
        folder=f"{RESULTS}/cifar10_sweep/trials",
    message:
        "Gathering the sweep on experiment 3"
    shell:
        "python -m replication --log {log}"
        " tabulate-cifar10-sweep --jobs {params.jobs} --folder {params.folder} --output {output} 2> {log}"


rule compare_penalties:
    """The table of the sweep, if the scale has one."""
    input:
        rules.tabulate_cifar10_sweep.output if CIFAR10_SWEEP_JOBS else [],
