"""Experiment 2: the SO(20) teacher and its student (Table 4, Figures 9 and 10)."""

from replication.experiments.teacher_student.settings import TeacherData, TeacherTrial

TEACHER_JOBS = SETTINGS.teacher_student.jobs()
TEACHER_TABLES = ["trials", "eigenvalues", "pruning"]


def teacher_trials(wildcards):
    """The trials of one job, as JSON."""
    return quoted(TEACHER_JOBS[wildcards.ensemble, wildcards.teacher, wildcards.chunk])


def teacher_settings(wildcards):
    """What the trials of one ensemble depend on, as JSON."""
    return shlex.quote(
        SETTINGS.teacher_student.of_ensemble(wildcards.ensemble).part(TeacherTrial)
    )


rule train_teacher_student:
    """Students of one teacher: train, measure, prune."""
    input:
        teacher=f"{DATA}/teacher_student/{{teacher}}.safetensors",
        code=sources("replication.experiments.teacher_student.commands"),
    output:
        multiext(
            f"{RESULTS}/teacher_student/trials/{{ensemble}}/{{teacher}}/{{chunk}}",
            *[f"_{table}.parquet" for table in TEACHER_TABLES],
            ".safetensors",
            ".provenance.json",
        ),
    log:
        f"{LOGS}/train_teacher_student/{{ensemble}}_{{teacher}}_{{chunk}}.log",
    benchmark:
        f"{BENCHMARKS}/train_teacher_student/{{ensemble}}_{{teacher}}_{{chunk}}.tsv"
    threads: 1
    resources:
        gpu=int(SETTINGS.device == "cuda"),
    params:
        code=fingerprint("replication.experiments.teacher_student.commands"),
        trials=teacher_trials,
        settings=teacher_settings,
        root_seed=SETTINGS.root_seed,
        device=SETTINGS.device,
        stem=f"{RESULTS}/teacher_student/trials/{{ensemble}}/{{teacher}}/{{chunk}}",
    message:
        "Training trial(s) {wildcards.chunk} of {wildcards.ensemble} on {wildcards.teacher}"
    shell:
        "python -m replication --log {log}"
        " train-teacher-student --teacher {input.teacher} --trials {params.trials} --settings {params.settings}"
        " --root-seed {params.root_seed} --device {params.device} --output {params.stem} 2> {log}"


rule fit_linear:
    """Linear regression on teachers, with and without intercept (claim D1)."""
    input:
        code=sources("replication.experiments.teacher_student.commands"),
    output:
        f"{RESULTS}/teacher_student/linear.parquet",
    log:
        f"{LOGS}/fit_linear.log",
    benchmark:
        f"{BENCHMARKS}/fit_linear.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.teacher_student.commands"),
        options=f"--settings {shlex.quote(SETTINGS.teacher_student.part(TeacherData))}"
        f" --size {SETTINGS.teacher_student.widths[0]} --first-seed {SETTINGS.teacher_student.data_seed}"
        f" --teachers {SETTINGS.teacher_student.linear_teachers}",
    message:
        "Linear regression on several teachers"
    shell:
        "python -m replication --log {log} fit-linear {params.options} --output {output} 2> {log}"


rule tabulate_teacher_student:
    """The trials of experiment 2 as tidy tables."""
    input:
        [
            f"{RESULTS}/teacher_student/trials/{'/'.join(job)}_{table}.parquet"
            for job in TEACHER_JOBS
            for table in TEACHER_TABLES
        ],
        code=sources("replication.experiments.teacher_student.commands"),
    output:
        expand(f"{RESULTS}/teacher_student/{{table}}.parquet", table=TEACHER_TABLES),
    log:
        f"{LOGS}/tabulate_teacher_student.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_teacher_student.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.teacher_student.commands"),
        settings=shlex.quote(SETTINGS.teacher_student.model_dump_json()),
        trials=f"{RESULTS}/teacher_student/trials",
        folder=f"{RESULTS}/teacher_student",
    message:
        "Gathering experiment 2"
    shell:
        "python -m replication --log {log} tabulate-teacher-student --settings {params.settings} --folder {params.trials}"
        " --output {params.folder} 2> {log}"
