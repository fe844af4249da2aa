"""A valid command line of every verb, with the files that it reads in a folder of the caller's."""

import contextlib
import json
from io import StringIO
from pathlib import Path

import tiny
from replication import cli, params
from replication.data.settings import RegressionData, TeacherData
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import resolve_settings
from replication.jobs.commands import as_text

ROOT = Path(__file__).parents[1]
BASE = params.read_yaml(ROOT / "params.yaml")
SMOKE = resolve_settings(BASE, {"scale": "smoke"})
TINY = resolve_settings(BASE, {"scale": "smoke"} | tiny.OVERLAY)
FIRST = {  # of every stage that the scale has
    f"train {experiment.name}.{stage.name}": (experiment, stage, next(iter(stage.jobs(TINY))))
    for experiment in EXPERIMENTS.values()
    for stage in experiment.stages
    if [*stage.jobs(TINY)]
}
LOCK, PARAMS = ROOT / "requirements.lock", ROOT / "params.yaml"
MADE_FROM = {  # folders below FOLDER of what other lines read, by the line that makes it
    "generate-teacher-data": "data/teacher_student",
    "prepare-images": "data/images",
    "record-settings": "results",
    "train regression.trials": "results",
    "tabulate": "results",
}


def family(settings, folder):
    """The command lines, without their verb, that draw the α/β family: its points, and the targets of each data set."""
    drawn = json.dumps(settings.part(RegressionData))
    for name, keys in {"points": (), **settings.data_sets()}.items():
        of = ["--alpha", keys[0], "--beta", keys[1]] if keys else []
        yield [
            "--settings",
            drawn,
            *of,
            "--output",
            f"{folder}/{name}.safetensors",
            "--metadata",
            f"{folder}/{name}.json",
        ]


def job_text(of, /, **changes):
    """The job of a stage as a rule would hand it to the verb, with other fields."""
    return json.dumps(json.loads(as_text(*FIRST[of], root_seed=1, fingerprint="0" * 16)) | changes)


def lines(folder, output="OUT"):
    """A valid command line of every verb that needs no minutes, by its name."""
    data, results, regression = folder / "data", folder / "results", folder / "results/regression"
    teacher, size = TINY.teacher_student.part(TeacherData), TINY.teacher_student.widths[0]
    name, job = f"{output}/teacher42_rotations2", FIRST["train regression.trials"][2].name
    own = TINY.regression.model_dump_json()
    parameters = [word for name in ("tables", "claims", "figures", "published") for word in ("-p", name, folder)]
    words = {
        "generate-regression-data": [*family(TINY.regression, output)][-1],
        "generate-teacher-data": [
            "--settings", json.dumps(teacher), "--size", size, "--seed", 42, "--rotations", 2,
            "--output", f"{name}.safetensors", "--metadata", f"{name}.json",
        ],
        "prepare-images": [
            "cifar10", "--settings", TINY.images.model_dump_json(), "--output", f"{output}/cifar10.json"
        ],
        **{name: ["--job", job_text(name), "--data", data, "--results", output] for name in FIRST},
        "tabulate": ["regression", "--jobs", json.dumps({"trials": [job]}), "--settings", own, "--results", results],
        "record-settings": [
            "--params-file", PARAMS, "--overrides", '{"scale": "smoke"}', "--output", f"{output}/settings.json"
        ],
        "record-provenance": [regression / "provenance.json", "--lock", LOCK, "--output", f"{output}/p"],
        "judge-claims": [
            "regression",
            *(regression / f"{table}.parquet" for table in EXPERIMENTS["regression"].stage("trials").tables),
            "--settings", results / "settings.json", "--provenance", regression / "provenance.json",
            "--output", f"{output}/c",
        ],
        "gather-claims": [ROOT / "results/published/claims.csv", "--output", f"{output}/c"],
        "tabulate-core-minutes": [
            folder / "benchmarks/rule.tsv", "--folder", folder / "benchmarks", "--scale", "smoke",
            "--output", f"{output}/m",
        ],
        "execute-notebook": [ROOT / "notebooks/01_theory.ipynb", f"{output}/e", f"{output}/h", *parameters],
        "publish": ["--results", results, "--lock", LOCK, "--published", f"{output}/r"],
        "publish-networks": ["--results", results, "--data", data, "--networks", f"{output}/n"],
        "check-networks": [folder / "networks", "--output", f"{output}/n.csv"],
        "describe-params": [],
        "describe-dvc": [],
        "draw-workflow": [],
    }  # fmt: skip
    return {name: [*name.split(), *map(str, more)] for name, more in words.items()}


def placed(words, folder, output):
    """The command line with its files in these folders; any other file name is one of the output."""
    places = {"OUT": str(output), "FOLDER": str(folder)}
    return [
        next((word.replace(key, to, 1) for key, to in places.items() if word.startswith(key)), word) for word in words
    ]


def make_inputs(folder):
    """Make what the lines read."""
    for words in family(TINY.regression, folder / "data/regression"):
        assert run("generate-regression-data", *words)[0] == 0
    for name, below in MADE_FROM.items():
        code, said = run(*placed(lines(Path("FOLDER"))[name], folder, folder / below))
        assert code == 0, said
    (folder / "text").write_text("not what you think\n")
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks/rule.tsv").write_text("s\tcpu_time\tmax_rss\n1.5\t1.2\t300\n")
    (folder / "benchmarks/rule.json").write_text('{"core_seconds": 1.2}')


def run(*arguments):
    """Exit code and standard error of one verb."""
    with contextlib.redirect_stderr(StringIO()) as error, contextlib.redirect_stdout(StringIO()):
        try:
            cli.main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            return stopped.code or 0, error.getvalue()
    raise AssertionError("a verb always exits")


def assert_one_sentence(error, program="replication"):
    last = error.splitlines()[-1]
    assert last.startswith(f"{program}: ") and len(last) < 600 and "Traceback" not in error, error


def below(folder):
    """Every file below a folder, with its content."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def jobs_of(settings, name, of_kind="trials"):
    """Every job of a stage, and its text as a rule would hand it to the verb."""
    experiment = EXPERIMENTS[name]
    stage = experiment.stage(of_kind)
    return [(job, as_text(experiment, stage, job, 1, "0" * 16)) for job in stage.jobs(settings)]


def train(stage, text, folder, output, *more):
    """Exit code and standard error of a job, trained on the data of a folder."""
    return run("train", stage, "--job", text, "--data", folder / "data", "--results", output, *more)


def tabulate(results, name, jobs, settings):
    """Exit code and standard error of gathering an experiment's jobs."""
    words = ["--jobs", json.dumps(jobs), "--settings", getattr(settings, name).model_dump_json()]
    return run("tabulate", name, *words, "--results", results)
