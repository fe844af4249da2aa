"""The images of experiments 3 and 4."""

from replication.data.image_sources import files_in_place


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
