"""Data sets: of experiments 1 and 2, generated; of experiments 3 and 4, images."""

from replication.data.image_sources import files_in_place
from replication.experiments.regression.settings import RegressionData
from replication.experiments.teacher_student.settings import TeacherData


rule generate_regression_data:
    """The α/β family: one x of all data sets, a file of targets each (Section 5)."""
    input:
        code=sources("replication.experiments.regression.data"),
    output:
        points=f"{DATA}/regression/points.safetensors",
        targets=expand(
            f"{DATA}/regression/{{name}}.safetensors",
            name=SETTINGS.regression_data_sets(),
        ),
        metadata=f"{DATA}/regression/metadata.json",
    log:
        f"{LOGS}/generate_regression_data.log",
    benchmark:
        f"{BENCHMARKS}/generate_regression_data.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.regression.data"),
        settings=shlex.quote(SETTINGS.regression.part(RegressionData)),
        data_sets=quoted(SETTINGS.regression_data_sets()),
        folder=f"{DATA}/regression",
    message:
        "Drawing the α/β data sets"
    shell:
        "python -m replication --log {log} generate-regression-data --settings {params.settings} --data-sets {params.data_sets}"
        " --folder {params.folder} 2> {log}"


rule generate_teacher_data:
    """A teacher of rotations in SO(n) with its training and test points (Section 5)."""
    input:
        code=sources("replication.experiments.teacher_student.data"),
    output:
        data=f"{DATA}/teacher_student/teacher{{seed}}_rotations{{rotations}}.safetensors",
        metadata=f"{DATA}/teacher_student/teacher{{seed}}_rotations{{rotations}}.json",
    log:
        f"{LOGS}/generate_teacher_data/{{seed}}_{{rotations}}.log",
    benchmark:
        f"{BENCHMARKS}/generate_teacher_data/{{seed}}_{{rotations}}.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.teacher_student.data"),
        settings=shlex.quote(SETTINGS.teacher_student.part(TeacherData)),
        size=SETTINGS.teacher_student.widths[0],
    message:
        "Drawing teacher {wildcards.seed} of {wildcards.rotations} rotation(s)"
    shell:
        "python -m replication --log {log}"
        " generate-teacher-data --settings {params.settings} --size {params.size} --seed {wildcards.seed}"
        " --rotations {wildcards.rotations} --output {output.data} --metadata {output.metadata} 2> {log}"


def image_file(wildcards):
    """The data set's file, if it is there and not this job's own download."""
    record = Path(f"{DATA}/images/{wildcards.images}.json")
    return files_in_place(SETTINGS.images, {wildcards.images: record})


rule prepare_images:
    """A record of a data set's file: the user's, the official download or a marked stand-in (docs/images.md)."""
    input:
        file=image_file,
        code=sources("replication.data.commands"),
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
        code=fingerprint("replication.data.commands"),
        settings=shlex.quote(SETTINGS.images.model_dump_json()),
    message:
        "Looking for the images of {wildcards.images}"
    shell:
        "python -m replication --log {log}"
        " prepare-images {wildcards.images} {input.file:q} --settings {params.settings} --output {output} 2> {log}"
