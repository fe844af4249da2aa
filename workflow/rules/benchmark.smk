"""How fast training is on this machine; not part of `all`. Run it on an otherwise idle machine."""

from replication.experiments.cifar10.settings import Cifar10Trial

COST = "replication.experiments.cost"
STEPS = f"{RESULTS}/benchmark"
FULL_SIZE = f"--params-file {shlex.quote(str(PARAMS_FILE))} --device {SETTINGS.device}"
CIFAR10 = shlex.quote(json.dumps(own_settings(EXPERIMENTS["cifar10"])))
SIDE_BY_SIDE = f"--settings {CIFAR10} --device {SETTINGS.device}"
if SETTINGS.device == "cpu":
    FULL_SIZE += " --images 16"
    SIDE_BY_SIDE += " --images 500 --trials 1 --trials 4"
NETWORKS = shlex.quote(f"{PUBLISHED}/networks")
TIMED_STEPS = {  # by verb: what times them, tables, options and what there is to say
    "step": ("step_time", ["step"], "", "Timing optimiser steps side by side"),
    "cifar10": (
        "against_depth",
        ["cifar10_step", "cifar10_step_avx2"],
        f"--settings {shlex.quote(json.dumps(SETTINGS.cifar10.part(Cifar10Trial)))}",
        "Timing steps of the small network side by side",
    ),
    "cost": (
        "against_depth",
        ["depth", "depth_summary", "teacher_student_step"],
        "",
        "Timing networks of 2 to 64 layers side by side",
    ),
    "full_size": (
        "full_size",
        [f"full_size_{SETTINGS.device}"],
        FULL_SIZE,
        "Timing steps of the paper's full sizes",
    ),
    "side_by_side": (
        "side_by_side",
        [f"side_by_side_{SETTINGS.device}"],
        SIDE_BY_SIDE,
        "Timing many of the small networks at once",
    ),
    "regimes": (
        "regimes",
        [f"regimes_{SETTINGS.device}"],
        f"--settings {CIFAR10} --device {SETTINGS.device}",
        "Timing epochs of the small network in a loop as the authors' and in our own",
    ),
    "penalties": (
        "penalty_step",
        ["penalties"],
        "",
        "Timing optimiser steps with each penalty side by side",
    ),
    "latency": (
        "latency",
        ["latency"],
        f"--networks {NETWORKS}",
        "Timing published networks as trained and compacted",
    ),
}
ON_ANY_DEVICE = ("full_size", "side_by_side", "regimes")


for verb, (source, tables, options, message) in TIMED_STEPS.items():

    rule:
        """Optimiser steps, timed beside other ways to take them, or where a whole training takes too long."""
        name:
            f"benchmark_{verb}"
        output:
            expand(f"{STEPS}/{{table}}.csv", table=tables),
        log:
            f"{LOGS}/benchmark_{verb}.log",
        benchmark:
            f"{BENCHMARKS}/benchmark_{verb}.tsv"
        threads: workflow.cores  # alone: others would disturb it
        resources:
            gpu=int(SETTINGS.device == "cuda" and verb in ON_ANY_DEVICE),
        params:
            code=changes_with(
                f"{COST}.{source}",
                f"{COST}.commands",
                *[REGISTRY] * (verb == "full_size"),
                files=[PARAMS_FILE] * (verb == "full_size"),
            ),
            verb=as_given(f"benchmark-{verb.replace('_', '-')} {options}"),
            output=STEPS if len(tables) > 1 else f"{STEPS}/{tables[0]}.csv",
        message:
            message
        shell:
            "python -m replication --log {log} {params.verb} --output {params.output} > {log} 2>&1"


rule benchmark:
    """Every benchmark, one after the other: they would disturb each other."""
    input:
        [
            f"{STEPS}/{table}.csv"
            for _, tables, *_ in TIMED_STEPS.values()
            for table in tables
        ],
