"""Kinds and strengths of the penalty (claim G1)."""

from replication.experiments.regression.settings import RegressionTrial, regression_name
from replication.experiments.teacher_student.settings import TeacherTrial

SWEEP = SETTINGS.hyperparameters
SWEPT = {
    regression_name(alpha, SWEEP.beta): (alpha, SWEEP.beta) for alpha in SWEEP.alphas
}
SWEEPS = SETTINGS.sweeps()


def swept_regression(wildcards):
    """Settings of experiment 1 with one kind of penalty, as JSON."""
    settings = SWEEPS[f"regression_{wildcards.penalty}"]
    return shlex.quote(settings.part(RegressionTrial))


def swept_teacher_student(wildcards):
    """Settings of experiment 2 with one kind and strength of penalty, as JSON."""
    settings = SWEEPS[f"teacher_student_{wildcards.penalty}_{wildcards.rho}"]
    return shlex.quote(settings.part(TeacherTrial))


rule sweep_regression:
    """Experiment 1 at one kind of penalty and several strengths."""
    input:
        points=rules.generate_regression_data.output.points,
        targets=expand(f"{DATA}/regression/{{data_set}}.safetensors", data_set=SWEPT),
        code=sources("replication.experiments.hyperparameters.commands"),
    output:
        table=f"{RESULTS}/hyperparameters/sweeps/regression_{{penalty}}.parquet",
        provenance=f"{RESULTS}/hyperparameters/sweeps/regression_{{penalty}}.provenance.json",
    log:
        f"{LOGS}/sweep_regression/{{penalty}}.log",
    benchmark:
        f"{BENCHMARKS}/sweep_regression/{{penalty}}.tsv"
    wildcard_constraints:
        penalty="|".join(SWEEP.penalties),
    threads: 1
    resources:
        gpu=int(SETTINGS.device == "cuda"),
    params:
        code=fingerprint("replication.experiments.hyperparameters.commands"),
        folder=f"{DATA}/regression",
        data_sets=quoted(SWEPT),
        sweep=f"--rhos {quoted(SWEEP.rhos)} --trials {SWEEP.trials} --root-seed {SETTINGS.root_seed}",
        settings=swept_regression,
        device=SETTINGS.device,
    message:
        "Sweeping ρ of penalty {wildcards.penalty} on experiment 1"
    shell:
        "python -m replication --log {log} sweep-regression --folder {params.folder} --data-sets {params.data_sets} {params.sweep}"
        " --settings {params.settings} --device {params.device} --output {output.table} 2> {log}"


rule sweep_teacher_student:
    """Experiment 2 at one kind and strength of penalty."""
    input:
        teacher=f"{DATA}/teacher_student/{PAPERS_TEACHER}.safetensors",
        code=sources("replication.experiments.hyperparameters.commands"),
    output:
        table=f"{RESULTS}/hyperparameters/sweeps/teacher_student_{{penalty}}_{{rho}}.parquet",
        provenance=f"{RESULTS}/hyperparameters/sweeps/teacher_student_{{penalty}}_{{rho}}.provenance.json",
    log:
        f"{LOGS}/sweep_teacher_student/{{penalty}}_{{rho}}.log",
    benchmark:
        f"{BENCHMARKS}/sweep_teacher_student/{{penalty}}_{{rho}}.tsv"
    wildcard_constraints:
        penalty="|".join(SWEEP.penalties),
        rho=r"[0-9.e+-]+",
    threads: 1
    resources:
        gpu=int(SETTINGS.device == "cuda"),
    params:
        code=fingerprint("replication.experiments.hyperparameters.commands"),
        sweep=f"--trials {SWEEP.teacher_trials} --root-seed {SETTINGS.root_seed}",
        settings=swept_teacher_student,
        device=SETTINGS.device,
    message:
        "Training experiment 2 with penalty {wildcards.penalty}, ρ = {wildcards.rho}"
    shell:
        "python -m replication --log {log} sweep-teacher-student --teacher {input.teacher} {params.sweep} --settings {params.settings}"
        " --device {params.device} --output {output.table} 2> {log}"


rule tabulate_hyperparameters:
    """The sweep as one tidy table."""
    input:
        tables=expand(
            f"{RESULTS}/hyperparameters/sweeps/{{sweep}}.parquet", sweep=SWEEPS
        ),
        code=sources("replication.experiments.hyperparameters.commands"),
    output:
        f"{RESULTS}/hyperparameters/trials.parquet",
    log:
        f"{LOGS}/tabulate_hyperparameters.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_hyperparameters.tsv"
    threads: 1
    params:
        code=fingerprint("replication.experiments.hyperparameters.commands"),
    message:
        "Gathering the sweep"
    shell:
        "python -m replication --log {log} tabulate-hyperparameters {input.tables} --output {output} 2> {log}"
