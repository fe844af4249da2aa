"""Compare every value of a run of this checkout with a golden run: of the commit before experiments became objects.

Both are made here, since bits differ between processors: at the smoke scale, and at a tiny size with every experiment,
ensemble, penalty, head and method switched on. ``golden.json`` maps the golden run's files, columns and values to
today's. Times, memory and provenance are left out, rows of what came since, too; columns that came since are
listed.

usage: python tests/golden.py FOLDER    (FOLDER, outside the checkout, keeps the runs and is used again)
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
GOLDEN = "f6c3989f8b2f"
MAP = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
TINY = {"training": {"epochs": 1}}
EVERYTHING = {  # besides the smoke scale's settings, and under the golden run's names
    "regression": {"alphas": [0.5, 1], "points": 400, "held_out_points": 400, "widths": [2, 20, 1]},
    "teacher_student": {
        "widths": [10, 12, 12, 10],
        "points": 512,
        "test_points": 400,
        "selection_points": 100,
        "ensembles": {name: {"trials": 1} for name in ("l2", "l1", "l2_squared", "none", "one_rotation")},
    }
    | TINY,
    "hyperparameters": {"penalties": ["l1", "l2", "l2_squared"], "trials": 1, "teacher_trials": 1},
    "depth": {
        "teacher": {"hidden": 8, "points": 256, "test_points": 200, "selection_points": 100},
        "initial_scale": {"trials": 1, "depths": [3], "xavier_gains": [0.5]},
        "alpha_beta": {
            "trials": 1,
            "depths": [2],
            "alphas": [1],
            "points": 400,
            "test_points": 200,
            "selection_points": 100,
        }
        | TINY,
    },
    "baselines": {
        "methods": None,
        "test_points": 200,
        "teacher": {"trials": 1, "hidden": [8, 8], "points": 256, "steps": 20},
        "alpha_beta": {"trials": 1, "points": 400, "steps": 20, "tuning_trials": 1},
        "catalogue": {"neat": {"options": {"population": 10, "generations": 2}}},
    },
    "cells": {
        "methods": ["darts", "darts_single_level", "gaea", "gaea_bilevel", "random", "untrained"],
        "images": 32,
        "ranking_images": 16,
        "epochs": 1,
        "candidates": 3,
    },
    "cifar10": {
        "heads": ["linear", "spectral", "spectral_authors_sign"],
        "images": 64,
        "test_images": 20,
        "sweep": {"trials": 1, "epochs": 1, "rhos": [0.001]},
    }
    | TINY,
    "cifar100": {"images": 40, "test_images": 20, "probes": TINY},
}
SIZES = {"smoke": {}, "everything": EVERYTHING}


def main(folder: Path) -> None:
    """Make the runs that are missing, compare them, and end with exit code 1 if a value differs."""
    golden = folder / "golden"
    if not golden.exists():
        unpack(GOLDEN, golden)
    differences, added = [], set()
    for size, overrides in SIZES.items():
        old = run(golden, folder / f"golden_{size}", overrides)
        new = run(ROOT, folder / f"new_{size}", renamed_keys(overrides), "make_depth", "make_cells")
        for name, problem, columns in compared(old, new):
            differences += [f"{size}: {name}: {problem}"] if problem else []
            added |= {f"{name}: {column}" for column in columns}
    print(*(f"came since: {name}" for name in sorted(added)), sep="\n")
    print(*differences, f"{len(differences)} tables differ", sep="\n")
    sys.exit(bool(differences))


def unpack(commit: str, folder: Path) -> None:
    """The files of a commit."""
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "-C", ROOT, "archive", commit], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)


def run(source: Path, folder: Path, overrides: dict, *targets: str) -> Path:
    """The results of a run of a checkout, in a folder of its own. targets: besides the claims and what they need."""
    if not (folder / "results/smoke/claims.csv").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        settings = [f"{name}={json.dumps(values)}" for name, values in overrides.items()]
        path = os.pathsep.join(map(str, (BIN, os.environ["PATH"])))
        command = ["snakemake", "--snakefile", source / "workflow/Snakefile", "--directory", folder, "--cores", "2"]
        command += ["results/smoke/claims.csv", *targets, "--config", "scale=smoke", *settings]
        variables = {"PATH": path, "PYTHONPATH": str(source / "src"), "OMP_NUM_THREADS": "1"}
        subprocess.run(command, env=os.environ | variables, check=True)
    return folder / "results/smoke"


def compared(old: Path, new: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Each gathered table of the golden run: its name, what differs or "", and the columns that came since."""
    for path in sorted([*old.glob("*/*.parquet"), old / "claims.csv"]):
        name = renamed(str(path.relative_to(old)), MAP["files"])
        if not (new / name).exists():
            yield name, "is missing", set()
            continue
        before, after = read(path), read(new / name)
        for column, value in MAP["rows_since"].get(name, {}).items():
            after = after[after[column] != value]
        before = before.rename(columns=lambda column: renamed(column, MAP["columns"]))
        left_out = [column for column in MAP["not_compared"] if column in before]
        before, since = before.drop(columns=left_out), set(after) - set(before) - set(left_out)
        missing = set(before) - set(after)
        if missing:
            yield name, f"columns {sorted(missing)} are missing", since
            continue
        try:
            before, after = (in_order(table[list(before)]) for table in (with_names(before), after))
            pd.testing.assert_frame_equal(
                before, after, check_exact=True, check_dtype=False
            )  # an empty part made numbers floats
            yield name, "", since
        except AssertionError as error:
            yield name, " ".join(str(error).split()), since


def read(path: Path) -> pd.DataFrame:
    """A table; of the claims without E2b, which is a time."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    claims = pd.read_csv(path)
    return claims[~claims["id"].str.startswith("E2")].reset_index(drop=True)


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """The table's rows in the order of their values: the order of jobs is no value."""
    return table.sort_values(list(table), kind="stable").reset_index(drop=True)


def with_names(table: pd.DataFrame) -> pd.DataFrame:
    """The table with today's names of values and words of texts."""
    texts = table.select_dtypes(["object", "string"]).columns
    return table.assign(**{column: table[column].map(with_words, na_action="ignore") for column in texts})


def with_words(text: object) -> object:
    """A text with today's words."""
    return renamed(text, MAP["words"]) if isinstance(text, str) else text


def renamed(text: str, names: dict[str, str]) -> str:
    """The text with every old name, in the map's order, replaced by the new one."""
    for old, new in names.items():
        text = text.replace(old, new)
    return text


def renamed_keys(settings: object) -> object:
    """Settings under today's names."""
    if not isinstance(settings, dict):
        return settings
    return {MAP["settings"].get(name, name): renamed_keys(value) for name, value in settings.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
