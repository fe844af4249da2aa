"""The images of experiments 3 and 4."""

from sparcs.data.image_sources import files_in_place

IMAGE_RECORDS = {
    name: Path(f"{DATA}/images/{name}.json") for name in ("cifar10", "cifar100")
}


rule prepare_images:
    """A record of each data set's file: the user's, the official download or a marked stand-in (docs/images.md)."""
    input:
        files=files_in_place(SETTINGS.images, IMAGE_RECORDS),
        code=sources("sparcs.commands.images"),
    output:
        cifar10=IMAGE_RECORDS["cifar10"],
        cifar100=IMAGE_RECORDS["cifar100"],
    log:
        f"{LOGS}/prepare_images.log",
    benchmark:
        f"{BENCHMARKS}/prepare_images.tsv"
    threads: 1
    params:
        settings=shlex.quote(SETTINGS.images.model_dump_json()),
    message:
        "Looking for the images of CIFAR-10 and CIFAR-100"
    shell:
        "sparcs prepare-images --settings {params.settings} --cifar10 {output.cifar10} --cifar100 {output.cifar100}"
        " {input.files:q} 2> {log}"
