"""Experiment 1: the α/β regression (Table 3, Figures 7 and 11 to 15)."""

from replication.experiments.regression.settings import RegressionTrial


rule train_regression:
    """All trials of one chunk on one α/β data set, in one job."""
    input:
        points=rules.generate_regression_data.output.points,
        targets=f"{DATA}/regression/{{data_set}}.safetensors",
        code=sources("replication.experiments.regression.commands"),
    output:
        table=f"{RESULTS}/regression/trials/{{data_set}}/{{trials}}.parquet",
        parameters=f"{RESULTS}/regression/trials/{{data_set}}/{{trials}}.safetensors",
        provenance=f"{RESULTS}/regression/trials/{{data_set}}/{{trials}}.provenance.json",
    log:
        f"{LOGS}/train_regression/{{data_set}}_{{trials}}.log",
    benchmark:
        f"{BENCHMARKS}/train_regression/{{data_set}}_{{trials}}.tsv"
    threads: 1
    resources:
        gpu=int(SETTINGS.device == "cuda"),
    params:
        code=fingerprint("replication.experiments.regression.commands"),
        settings=shlex.quote(SETTINGS.regression.part(RegressionTrial)),
        root_seed=SETTINGS.root_seed,
        device=SETTINGS.device,
    message:
        "Training trials {wildcards.trials} of {wildcards.data_set}"
    shell:
        "python -m replication --log {log}"
        " train-regression --points {input.points} --targets {input.targets} --trials {wildcards.trials}"
        " --settings {params.settings} --root-seed {params.root_seed} --device {params.device}"
        " --parameters {output.parameters} --table {output.table} 2> {log}"


rule tabulate_regression:
    """The trials of experiment 1 as tidy tables."""
    input:
        expand(
            [
                rules.train_regression.output.table,
                rules.train_regression.output.parameters,
            ],
            data_set=SETTINGS.regression.data_sets(),
            trials=SETTINGS.regression.chunks(),
        ),
        code=sources("replication.experiments.regression.commands"),
    output:
        expand(
            f"{RESULTS}/regression/{{table}}.parquet",
            table=["trials", "data_sets", "paths", "skips", "eigenvalues", "surface"],
        ),
    log:
        f"{LOGS}/tabulate_regression.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_regression.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.regression.commands"),
        settings=shlex.quote(SETTINGS.regression.model_dump_json()),
        trials=f"{RESULTS}/regression/trials",
        folder=f"{RESULTS}/regression",
    message:
        "Gathering experiment 1"
    shell:
        "python -m replication --log {log} tabulate-regression --settings {params.settings} --folder {params.trials}"
        " --output {params.folder} 2> {log}"
