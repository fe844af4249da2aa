"""One to ten hidden layers on the data of experiments 1 and 2."""

from replication.experiments.depth.settings import DepthTrial

DEPTH = SETTINGS.depth
DEPTH_JOBS = DEPTH.jobs()
DEPTH_TABLES = ["trials", "layers"]


def depth_settings(wildcards):
    """What the trials on one data set depend on, as JSON."""
    return shlex.quote(DEPTH.task_of(wildcards.data_set).part(DepthTrial))


rule train_depth:
    """Networks of one depth and initial scale on one data set: train and measure them."""
    input:
        data=task_data,
        code=sources("replication.experiments.depth.commands"),
    output:
        multiext(
            f"{RESULTS}/depth/trials/{{data_set}}/{{depth}}/{{gain}}/{{trials}}",
            *[f"_{table}.parquet" for table in DEPTH_TABLES],
            ".safetensors",
            ".provenance.json",
        ),
    log:
        f"{LOGS}/train_depth/{{data_set}}_{{depth}}_{{gain}}_{{trials}}.log",
    benchmark:
        f"{BENCHMARKS}/train_depth/{{data_set}}_{{depth}}_{{gain}}_{{trials}}.tsv"
    threads: 1
    resources:
        gpu=int(SETTINGS.device == "cuda"),
    params:
        code=fingerprint("replication.experiments.depth.commands"),
        settings=depth_settings,
        root_seed=SETTINGS.root_seed,
        device=SETTINGS.device,
        stem=f"{RESULTS}/depth/trials/{{data_set}}/{{depth}}/{{gain}}/{{trials}}",
    message:
        "Training {wildcards.depth} hidden layer(s) on {wildcards.data_set}, gain {wildcards.gain}, trial(s) {wildcards.trials}"
    shell:
        "python -m replication --log {log} train-depth {input.data} --depth {wildcards.depth} --gain {wildcards.gain}"
        " --trials {wildcards.trials} --settings {params.settings} --root-seed {params.root_seed}"
        " --device {params.device} --output {params.stem} 2> {log}"


rule measure_depth_start:
    """Products of φ and gradients before training, against depth and initial scale."""
    input:
        teacher=f"{DATA}/teacher_student/{PAPERS_TEACHER}.safetensors",
        code=sources("replication.experiments.depth.commands"),
    output:
        f"{RESULTS}/depth/start.parquet",
    log:
        f"{LOGS}/measure_depth_start.log",
    benchmark:
        f"{BENCHMARKS}/measure_depth_start.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.depth.commands"),
        sweep=f"--depths {quoted(DEPTH.teacher.depths)} --gains {quoted(DEPTH.initial_scale.all_gains())}"
        f" --trials {DEPTH.teacher.trials} --root-seed {SETTINGS.root_seed}",
        settings=shlex.quote(DEPTH.teacher.part(DepthTrial)),
    message:
        "Measuring networks of every depth before training"
    shell:
        "python -m replication --log {log} measure-depth-start {input.teacher} {params.sweep} --settings {params.settings}"
        " --output {output} 2> {log}"


rule tabulate_depth:
    """The depth experiment as tidy tables."""
    input:
        [
            f"{RESULTS}/depth/trials/{'/'.join(job)}_{table}.parquet"
            for job in DEPTH_JOBS
            for table in DEPTH_TABLES
        ],
        code=sources("replication.experiments.depth.commands"),
    output:
        expand(f"{RESULTS}/depth/{{table}}.parquet", table=DEPTH_TABLES),
    log:
        f"{LOGS}/tabulate_depth.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_depth.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.depth.commands"),
        settings=shlex.quote(DEPTH.model_dump_json()),
        trials=f"{RESULTS}/depth/trials",
        folder=f"{RESULTS}/depth",
    message:
        "Gathering the depth experiment"
    shell:
        "python -m replication --log {log} tabulate-depth --settings {params.settings} --folder {params.trials}"
        " --output {params.folder} 2> {log}"
