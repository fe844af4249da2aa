"""Data sets: of experiments 1 and 2, generated; of experiments 3 and 4, images.

Their rules see edits of what draws them alone: with any other, all that is trained on them would be trained again.
"""

from replication.data.image_sources import files_in_place
from replication.data.settings import RegressionData, TeacherData
from replication.experiments.cifar100.settings import feature_settings, probe_sizes

USED = {
    job.data.name: job.data.keys
    for jobs in JOBS.values()
    for job in jobs.values()
    if job.data
}
TEACHERS = [
    f"{keys['seed']}_{keys['rotations']}"
    for keys in USED.values()
    if "rotations" in keys
]
IMAGES = ["cifar10", "cifar100"]
ALPHA_BETA = {"points": ""} | {
    name: f"--alpha {keys['alpha']!r} --beta {keys['beta']!r}"
    for name, keys in sorted(USED.items())
    if "alpha" in keys
}


rule generate_regression_data:
    """The α/β family: x of all data sets, and the targets of each in a file of its own (Section 5)."""
    output:
        data=f"{DATA}/regression/{{name}}.safetensors",
        metadata=f"{DATA}/regression/{{name}}.json",
    log:
        f"{LOGS}/generate_regression_data/{{name}}.log",
    benchmark:
        f"{BENCHMARKS}/generate_regression_data/{{name}}.tsv"
    wildcard_constraints:
        name="|".join(map(re.escape, ALPHA_BETA)),
    threads: 1
    params:
        code=numerics("replication.data.regression"),
        settings=quoted(SETTINGS.regression.part(RegressionData)),
        member=lambda wildcards: ALPHA_BETA[wildcards.name],
    message:
        "Drawing the α/β family: {wildcards.name}"
    shell:
        "python -m replication --log {log} generate-regression-data --settings {params.settings} {params.member}"
        " --output {output.data} --metadata {output.metadata} 2> {log}"


rule generate_teacher_data:
    """A teacher of rotations in SO(n) with its training and test points (Section 5)."""
    output:
        data=f"{DATA}/teacher_student/teacher{{seed}}_rotations{{rotations}}.safetensors",
        metadata=f"{DATA}/teacher_student/teacher{{seed}}_rotations{{rotations}}.json",
    log:
        f"{LOGS}/generate_teacher_data/{{seed}}_{{rotations}}.log",
    benchmark:
        f"{BENCHMARKS}/generate_teacher_data/{{seed}}_{{rotations}}.tsv"
    threads: 1
    params:
        code=numerics("replication.data.teacher"),
        settings=quoted(SETTINGS.teacher_student.part(TeacherData)),
        size=SETTINGS.teacher_student.widths[0],
    message:
        "Drawing teacher {wildcards.seed} of {wildcards.rotations} rotation(s)"
    shell:
        "python -m replication --log {log}"
        " generate-teacher-data --settings {params.settings} --size {params.size} --seed {wildcards.seed}"
        " --rotations {wildcards.rotations} --output {output.data} --metadata {output.metadata} 2> {log}"


GENERATED = {  # the data sets of each family, without the ends of their names
    "regression": [f"{DATA}/regression/{name}" for name in ALPHA_BETA],
    "teacher_student": [
        f"{DATA}/teacher_student/teacher{seed}_rotations{rotations}"
        for seed, rotations in (teacher.split("_") for teacher in sorted({*TEACHERS}))
    ],
}


rule describe_data:
    """A family of generated data sets as machines read it, in Croissant's form; not part of `all`."""
    input:
        data=lambda wildcards: [
            f"{name}.safetensors" for name in GENERATED[wildcards.family]
        ],
        records=lambda wildcards: [
            f"{name}.json" for name in GENERATED[wildcards.family]
        ],
    output:
        f"{DATA}/{{family}}/croissant.json",
    log:
        f"{LOGS}/describe_data/{{family}}.log",
    benchmark:
        f"{BENCHMARKS}/describe_data/{{family}}.tsv"
    wildcard_constraints:
        family="|".join(GENERATED),
    threads: 1
    params:
        code=changes_with("replication.data.croissant"),
    message:
        "Describing data for machines: {output}"
    shell:
        "python -m replication --log {log} describe-data {wildcards.family} {input.records} --output {output} 2> {log}"


rule croissant:
    """What is drawn for experiments 1 and 2, described for machines."""
    input:
        expand(rules.describe_data.output, family=GENERATED),


def image_file(wildcards):
    """The data set's file, if it is there and not this job's own download."""
    record = Path(f"{DATA}/images/{wildcards.images}.json")
    return files_in_place(SETTINGS.images, {wildcards.images: record})


rule prepare_images:
    """A record of a data set's file: the user's, the official download or a marked stand-in (docs/images.md)."""
    input:
        file=image_file,
    output:
        f"{DATA}/images/{{images}}.json",
    log:
        f"{LOGS}/prepare_images/{{images}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare_images/{{images}}.tsv"
    wildcard_constraints:
        images="cifar10|cifar100",
    threads: 1
    params:
        settings=word(SETTINGS.images.model_dump_json()),
    message:
        "Looking for the images of {wildcards.images}"
    shell:
        "python -m replication --log {log}"
        " prepare-images {wildcards.images} {input.file:q} --settings {params.settings} --output {output} 2> {log}"


rule extract_features:
    """The pre-trained network's features of plain images at one size, once for all probes; if stopped, from the start."""
    input:
        images=f"{DATA}/images/cifar100.json",
    output:
        features=f"{DATA}/features/cifar100_{{size}}.safetensors",
        made_from=f"{DATA}/features/cifar100_{{size}}.json",
    log:
        f"{LOGS}/extract_features/{{size}}.log",
    benchmark:
        f"{BENCHMARKS}/extract_features/{{size}}.tsv"
    wildcard_constraints:
        size="|".join(map(str, probe_sizes(SETTINGS))),
    threads: 1
    resources:
        gpu=int(SETTINGS.device == "cuda"),
        mem_mb=16000,
        runtime=480,
    params:
        code=numerics("replication.experiments.cifar100.features"),
        settings=lambda wildcards: shlex.quote(
            json.dumps(feature_settings(SETTINGS, int(wildcards.size)))
        ),
        device=SETTINGS.device,
    message:
        "Computing the features of CIFAR-100's images at {wildcards.size} px"
    shell:
        "python -m replication --log {log}"
        " extract-features --images {input.images} --settings {params.settings} --device {params.device}"
        " --output {output.features} 2> {log}"


rule draw_data:
    """Every data set of experiments 1 and 2 that a job is trained on."""
    input:
        expand(f"{DATA}/regression/{{name}}.safetensors", name=ALPHA_BETA),
        expand(
            f"{DATA}/teacher_student/{{name}}.safetensors",
            name=[name for name in USED if "rotations" in USED[name]],
        ),


rule find_images:
    """The records of the images of experiments 3 and 4."""
    input:
        expand(f"{DATA}/images/{{name}}.json", name=IMAGES),
