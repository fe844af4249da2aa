"""A valid command line of every verb, with the files that it reads in a folder of the caller's."""

from pathlib import Path

from replication import params
from replication.experiments.depth.settings import DepthTrial
from replication.experiments.regression.settings import RegressionData, RegressionTrial
from replication.experiments.settings import resolve_settings
from replication.experiments.teacher_student.settings import TeacherData, TeacherTrial

ROOT = Path(__file__).parents[1]
BASE = params.read_yaml(ROOT / "params.yaml")
SMOKE = resolve_settings(BASE, {"scale": "smoke"})


def lines(folder):
    """A valid command line of every verb that needs no minutes, and the names of those only parsed here."""
    regression = SMOKE.regression.model_copy(
        update={"points": 60, "held_out_points": 50, "widths": [2, 6, 1], "alphas": [1.0], "betas": [5.0]}
    )
    small = {"points": 60, "test_points": 50, "selection_points": 10, "training": {"epochs": 1, "batch_size": 20}}
    resolved = resolve_settings(
        BASE,
        {
            "scale": "smoke",
            "teacher_student": {**small, "widths": [3, 5, 5, 3]},
            "depth": {"teacher": {**small, "points": 30, "hidden": 5, "test_points": 40}},
        },
    )
    depth, teacher_student = resolved.depth, resolved.teacher_student
    trial, teacher, students = (
        settings.part(part)
        for settings, part in (
            (regression, RegressionTrial),
            (teacher_student, TeacherData),
            (teacher_student, TeacherTrial),
        )
    )
    sets, points = '{"beta5_alpha1": [1, 5]}', folder / "points.safetensors"
    targets, data = folder / "beta5_alpha1.safetensors", folder / "teacher42_rotations2.safetensors"
    return {
        "generate-regression-data": [
            "--settings",
            regression.part(RegressionData),
            "--data-sets",
            sets,
            "--folder",
            "OUT",
        ],
        "train-regression": [
            "--points",
            points,
            "--targets",
            targets,
            "--trials",
            "0-1",
            "--settings",
            trial,
            "--root-seed",
            1,
            "--device",
            "cpu",
            "--parameters",
            "OUT/p",
            "--table",
            "OUT/t",
        ],
        "tabulate-regression": [
            "--settings",
            regression.model_dump_json(),
            "--folder",
            folder / "one",
            "--output",
            "OUT",
        ],
        "sweep-regression": [
            "--folder",
            folder,
            "--data-sets",
            sets,
            "--rhos",
            "[0, 0.1]",
            "--trials",
            2,
            "--settings",
            trial,
            "--root-seed",
            1,
            "--output",
            "OUT/t",
        ],
        "generate-teacher-data": [
            "--settings",
            teacher,
            "--size",
            3,
            "--seed",
            42,
            "--rotations",
            2,
            "--output",
            "OUT/t",
            "--metadata",
            "OUT/m",
        ],
        "fit-linear": ["--settings", teacher, "--size", 3, "--first-seed", 42, "--teachers", 2, "--output", "OUT/t"],
        "train-teacher-student": [
            "--teacher",
            data,
            "--trials",
            "[0, 1]",
            "--settings",
            students,
            "--root-seed",
            1,
            "--output",
            "OUT/t",
        ],
        "sweep-teacher-student": [
            "--teacher",
            data,
            "--trials",
            2,
            "--settings",
            students,
            "--root-seed",
            1,
            "--output",
            "OUT/t",
        ],
        "measure-depth-start": [
            data,
            "--depths",
            "[1, 2]",
            "--gains",
            "[1, 2]",
            "--trials",
            1,
            "--settings",
            depth.teacher.part(DepthTrial),
            "--root-seed",
            1,
            "--output",
            "OUT/t",
        ],
        "train-depth": [
            data,
            "--depth",
            1,
            "--gain",
            1,
            "--trials",
            "0",
            "--settings",
            depth.teacher.part(DepthTrial),
            "--root-seed",
            1,
            "--output",
            "OUT/t",
        ],
        "tabulate-depth": ["--settings", depth.model_dump_json(), "--folder", folder, "--output", "OUT"],
        "prepare-images": ["cifar10", "--settings", SMOKE.images.model_dump_json(), "--output", "OUT/i"],
        "record-settings": [
            "--params-file",
            ROOT / "params.yaml",
            "--overrides",
            '{"scale": "smoke"}',
            "--output",
            "OUT/s",
        ],
        "record-provenance": [
            folder / "one" / "beta5_alpha1" / "0-1.provenance.json",
            "--folder",
            folder,
            "--scale",
            "smoke",
            "--lock",
            ROOT / "requirements.lock",
            "--output",
            "OUT/p",
        ],
        "judge-claims": [
            folder / "one" / "beta5_alpha1" / "0-1.parquet",
            "--settings",
            folder / "settings.json",
            "--provenance",
            folder / "provenance.json",
            "--output",
            "OUT/c",
        ],
        "tabulate-core-minutes": [
            folder / "benchmarks" / "rule.tsv",
            "--folder",
            folder / "benchmarks",
            "--scale",
            "smoke",
            "--output",
            "OUT/m",
        ],
        "execute-notebook": [
            ROOT / "notebooks" / "01_theory.ipynb",
            "OUT/e",
            "OUT/h",
            *(word for name in ("tables", "claims", "figures", "published") for word in ("-p", name, folder)),
        ],
        "check-theory": ["--networks", 2, "--direct-networks", 1, "--steps", 2, "--bundles", 2, "--output", "OUT"],
        "publish": ["--results", folder, "--lock", ROOT / "requirements.lock", "--published", "OUT/r"],
        "describe-params": [],
    }


def placed(words, folder, output):
    """The command line with its files in these folders; any other file name is one of the output."""
    places = {"OUT": str(output), "FOLDER": str(folder)}
    return [
        next((word.replace(key, to, 1) for key, to in places.items() if word.startswith(key)), word) for word in words
    ]
