"""Experiment 3: CIFAR-10 from scratch, linear head against SPARCS head (Table 5, Figures 16 and 17, Table 1)."""

CIFAR10_TABLES = ["trials", "epochs", "eigenvalues", "costs"]
CIFAR10_JOBS = SETTINGS.cifar10.jobs()


rule train_cifar10:
    """One trial of one head; goes on from its checkpoint after a stop."""
    input:
        images=f"{DATA}/images/cifar10.json",
        code=sources("sparcs.commands.cifar10"),
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
        settings=shlex.quote(SETTINGS.cifar10.part(params.Cifar10Trial)),
        checkpoint_every=SETTINGS.cifar10.checkpoint_every,
        root_seed=SETTINGS.root_seed,
        device=SETTINGS.device,
        stem=f"{RESULTS}/cifar10/trials/{{head}}/{{trial}}",
    message:
        "Training the small network, head {wildcards.head}, trial {wildcards.trial}"
    shell:
        "sparcs train-cifar10 --images {input.images} --head {wildcards.head} --trial {wildcards.trial}"
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
        code=sources("sparcs.commands.cifar10"),
    output:
        expand(f"{RESULTS}/cifar10/{{table}}.parquet", table=CIFAR10_TABLES),
    log:
        f"{LOGS}/tabulate_cifar10.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_cifar10.tsv"
    threads: 1
    params:
        jobs=quoted(CIFAR10_JOBS),
        trials=f"{RESULTS}/cifar10/trials",
        folder=f"{RESULTS}/cifar10",
    message:
        "Gathering experiment 3"
    shell:
        "sparcs tabulate-cifar10 --jobs {params.jobs} --folder {params.trials} --output {params.folder} 2> {log}"
