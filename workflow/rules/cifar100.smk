"""Experiment 4: CIFAR-100 on a pre-trained backbone (Table 5, Figure 18, Table 2), and probes of its features."""

from replication.experiments.cifar100.settings import Cifar100Features, Cifar100Trial

CIFAR100 = SETTINGS.cifar100
CIFAR100_TABLES = ["trials", "eigenvalues", "losses", "costs"]
CIFAR100_JOBS = CIFAR100.jobs()


rule train_cifar100:
    """One trial of one head; goes on from its checkpoint after a stop."""
    input:
        images=f"{DATA}/images/cifar100.json",
        code=sources("replication.experiments.cifar100.commands"),
    output:
        multiext(
            f"{RESULTS}/cifar100/trials/{{head}}/{{trial}}",
            *[f"_{table}.parquet" for table in CIFAR100_TABLES],
            ".safetensors",
            ".provenance.json",
        ),
    log:
        f"{LOGS}/train_cifar100/{{head}}_{{trial}}.log",
    benchmark:
        f"{BENCHMARKS}/train_cifar100/{{head}}_{{trial}}.tsv"
    threads: 1
    resources:
        gpu=int(SETTINGS.device == "cuda"),
    params:
        code=fingerprint("replication.experiments.cifar100.commands"),
        settings=shlex.quote(CIFAR100.part(Cifar100Trial)),
        checkpoint_every=CIFAR100.checkpoint_every,
        root_seed=SETTINGS.root_seed,
        device=SETTINGS.device,
        stem=f"{RESULTS}/cifar100/trials/{{head}}/{{trial}}",
    message:
        "Training the pre-trained network, head {wildcards.head}, trial {wildcards.trial}"
    shell:
        f"{KEEP_FREED_MEMORY} python -m replication --log {{log}} train-cifar100"
        " --images {input.images} --head {wildcards.head} --trial {wildcards.trial}"
        " --settings {params.settings} --checkpoint-every {params.checkpoint_every} --root-seed {params.root_seed}"
        " --device {params.device} --output {params.stem} 2> {log}"


rule extract_features:
    """The pre-trained network's features of plain images, computed once."""
    input:
        images=f"{DATA}/images/cifar100.json",
        code=sources("replication.experiments.cifar100.commands"),
    output:
        features=f"{DATA}/features/cifar100.safetensors",
        made_from=f"{DATA}/features/cifar100.json",
    log:
        f"{LOGS}/extract_features.log",
    benchmark:
        f"{BENCHMARKS}/extract_features.tsv"
    threads: 1
    resources:
        gpu=int(SETTINGS.device == "cuda"),
    params:
        code=fingerprint("replication.experiments.cifar100.commands"),
        settings=shlex.quote(CIFAR100.part(Cifar100Features)),
        device=SETTINGS.device,
    message:
        "Computing the features of CIFAR-100's images"
    shell:
        "python -m replication --log {log}"
        " extract-features --images {input.images} --settings {params.settings} --device {params.device}"
        " --output {output.features} 2> {log}"


rule train_probes:
    """Some trials of every head on the features."""
    input:
        features=f"{DATA}/features/cifar100.safetensors",
        made_from=f"{DATA}/features/cifar100.json",
        code=sources("replication.experiments.cifar100.commands"),
    output:
        table=f"{RESULTS}/cifar100/probes/{{trials}}.parquet",
        record=f"{RESULTS}/cifar100/probes/{{trials}}.provenance.json",
    log:
        f"{LOGS}/train_probes/{{trials}}.log",
    benchmark:
        f"{BENCHMARKS}/train_probes/{{trials}}.tsv"
    threads: 1
    resources:
        gpu=int(SETTINGS.device == "cuda"),
    params:
        code=fingerprint("replication.experiments.cifar100.commands"),
        settings=shlex.quote(CIFAR100.probe_trial().model_dump_json()),
        root_seed=SETTINGS.root_seed,
        device=SETTINGS.device,
    message:
        "Training heads on the features, trial(s) {wildcards.trials}"
    shell:
        "python -m replication --log {log} train-probes {input.features} --trials {wildcards.trials} --settings {params.settings}"
        " --root-seed {params.root_seed} --device {params.device} --output {output.table} 2> {log}"


rule tabulate_cifar100:
    """The trials of experiment 4 and of the probes as tidy tables."""
    input:
        [
            f"{RESULTS}/cifar100/trials/{head}/{trial}_{table}.parquet"
            for head, trial in CIFAR100_JOBS
            for table in CIFAR100_TABLES
        ],
        probes=expand(rules.train_probes.output.table, trials=CIFAR100.probes.chunks()),
        code=sources("replication.experiments.cifar100.commands"),
    output:
        expand(
            f"{RESULTS}/cifar100/{{table}}.parquet", table=[*CIFAR100_TABLES, "probes"]
        ),
    log:
        f"{LOGS}/tabulate_cifar100.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_cifar100.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.cifar100.commands"),
        jobs=quoted(CIFAR100_JOBS),
        probes=" ".join(
            f"--probes {RESULTS}/cifar100/probes/{chunk}.parquet"
            for chunk in CIFAR100.probes.chunks()
        ),
        trials=f"{RESULTS}/cifar100/trials",
        folder=f"{RESULTS}/cifar100",
    message:
        "Gathering experiment 4"
    shell:
        "python -m replication --log {log} tabulate-cifar100 --jobs {params.jobs} {params.probes} --folder {params.trials}"
        " --output {params.folder} 2> {log}"
