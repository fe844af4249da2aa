"""The verb that draws the data sets of experiment 2."""

from pathlib import Path

import click

from replication.data import teacher
from replication.experiments.teacher_student.settings import TeacherData
from replication.records.io import sha256, write_arrays, write_json
from replication.records.verbs import FILE, SEED, SIZE, Settings


@click.command()
@click.option("--settings", type=Settings(TeacherData), required=True)
@click.option("--size", type=SIZE, required=True, help="n of SO(n)")
@click.option("--seed", type=SEED, required=True)
@click.option("--rotations", type=click.IntRange(1, 2), required=True)
@click.option("--output", type=FILE, required=True)
@click.option("--metadata", type=FILE, required=True)
def generate_teacher_data(
    settings: TeacherData, size: int, seed: int, rotations: int, output: Path, metadata: Path
) -> None:
    """A teacher made of rotations, with its training and test points."""
    write_arrays(output, teacher.draw(size, settings.points, settings.test_points, seed, rotations))
    write_json(
        metadata,
        {
            "what": "t(x) = W2 relu(W1 x), W1, W2 in SO(n), x ~ U([-1,1]^n)",
            "drawn": "numpy.random.RandomState(seed): W1, W2 (scipy.stats.special_ortho_group), x_train, x_test",
            **settings.model_dump(),
            "n": size,
            "seed": seed,
            "rotations": rotations,
            "sha256": {output.name: sha256(output)},
        },
    )
