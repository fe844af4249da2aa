"""Altered artifacts are noticed by whoever reads them, and hostile ones run no code."""

import ast
import pickle
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from command_lines import assert_one_sentence, below, lines, make_inputs, placed, run
from no_files import NO_FILES
from replication.data import images
from replication.data.backbones import lite0_file, timm_lite0
from replication.jobs.checkpoints import HELD, FileCheckpoint
from replication.judging.table import read_claims
from replication.records import io
from replication.records.io import ArtifactError
from replication.site import run as site
from replication.training.work import WorkError

pytestmark = pytest.mark.reliability
ALTERED = "Altered and hostile files"
NAMED = "files cut short, emptied or replaced: noticed and named"
SOURCE = Path(__file__).parents[2] / "src"
FLIPS = 60
SIZES = {"train": 40, "test": 20}
TABLE = pd.DataFrame({"x": np.linspace(0, 1, 50), "name": ["one", "two"] * 25, "n": range(50)})


class Trap:
    """It leaves a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def write_images(path):
    arrays = {f"x_{split}": np.arange(3072 * n).reshape(n, 32, 32, 3).astype(np.uint8) for split, n in SIZES.items()}
    arrays |= {f"y_{split}": np.arange(n) % 10 for split, n in SIZES.items()}
    np.savez(path, **arrays)
    record = {"data_set": "cifar10", "path": str(path), "sha256": io.sha256(path), "source": "file"}
    io.write_json(path.with_name("record.json"), record | {"stand_in": False, "found": True, "note": ""})


def load_images(path):
    return images.load(path.with_name("record.json"))


def training():
    module = nn.Linear(3, 2)
    return module, torch.optim.Adam(module.parameters())


def save_checkpoint(path):
    module, optimizer = training()
    module(torch.ones(3)).sum().backward()
    optimizer.step()
    FileCheckpoint(path, "a", 1).save(module, optimizer, {"loss": np.arange(3.0)})


def load_checkpoint(path):
    module, optimizer = training()
    rows = FileCheckpoint(path, "a", 1).load(module, optimizer)
    with pytest.raises(WorkError, match=rf"{path.name}: rows\.accuracy is missing"):
        rows["accuracy"]
    return {key: value.numpy() for key, value in module.state_dict().items()}


KINDS = {
    "arrays.safetensors": (
        lambda path: io.write_arrays(path, {"a": np.arange(60.0).reshape(6, 10), "b": np.ones(3, np.float32)}),
        io.read_arrays,
    ),
    "table.parquet": (lambda path: io.write_table(path, TABLE), io.read_table),
    "record.json": (lambda path: io.write_json(path, {"seconds": 1.25, "inputs": {"β": [1, 2]}}), io.read_json),
    "images.npz": (write_images, load_images),
    "0.checkpoint.safetensors": (save_checkpoint, load_checkpoint),
}


@pytest.fixture(params=KINDS)
def artifact(request, tmp_path, monkeypatch):
    """A file, and its reader."""
    monkeypatch.setattr(images, "SIZES", SIZES)
    write, read = KINDS[request.param]
    write(tmp_path / request.param)
    return tmp_path / request.param, read


def same(content, other):
    """Whether a table, or a record except its broken seal, holds the same."""
    return content.equals(other) if isinstance(content, pd.DataFrame) else content.items() >= other.items()


def assert_named(path, read):
    with pytest.raises(ArtifactError) as caught:
        read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_truncated_file_is_named(artifact, evidence):
    path, read = artifact
    content = path.read_bytes()
    for length in (0, 1, 8, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert_named(path, read)
        evidence(ALTERED, NAMED)


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_named_at_once(artifact, kind, evidence):
    path, read = artifact
    path.unlink()
    NO_FILES[kind](path)
    assert_named(path, read)
    evidence(ALTERED, "pipes, devices, folders and huge files in a file's place: named at once")


def test_a_flipped_byte_is_noticed_wherever_it_is(artifact, evidence):
    """A flip in the seal itself can leave a file without one, but with the content that it had."""
    path, read = artifact
    content, generator = path.read_bytes(), random.Random(0)
    whole = read(path)
    for position in generator.sample(range(len(content)), FLIPS):
        altered = bytearray(content)
        altered[position] ^= 1 << generator.randrange(8)
        path.write_bytes(altered)
        try:
            altered_content = read(path)
        except ArtifactError as error:
            assert str(path) in str(error) and "\n" not in str(error)
        else:
            assert b"seal" in content[position - 80 : position + 4] and same(altered_content, whole)
    evidence(ALTERED, "bits flipped: noticed and named, or, in the seal itself, without effect", FLIPS)
    evidence(ALTERED, "alterations that changed what was read", 0)


def test_a_checkpoint_that_lacks_a_part_is_named_though_its_seal_fits(tmp_path, evidence):
    path = tmp_path / "0.checkpoint.safetensors"
    save_checkpoint(path)
    whole = io.read_arrays(path)
    cases = [{key: value for key, value in whole.items() if key != left_out} for left_out in whole]
    cases += [whole | {key: np.zeros((7, 7), np.float32)} for key in whole if key.startswith(("module.", "optimizer."))]
    cases.append(whole | {"optimizer.0.exp_avg": np.float32(0)})
    left = {key: value for key, value in whole.items() if key not in (HELD, "optimizer.0.exp_avg")}
    cases.append(left | {HELD: np.frombuffer("\n".join(sorted(left)).encode(), np.uint8)})
    for arrays in (*cases, whole | {"more": np.zeros(1)}, {}):
        io.write_arrays(path, arrays)
        assert_named(path, load_checkpoint)
        evidence(ALTERED, "checkpoints that lack a part or hold another, and seals that fit: named")


def test_a_file_of_the_same_kind_with_another_content_is_named_by_its_seal(tmp_path):
    for value in (1, 2):
        io.write_json(tmp_path / f"{value}.json", {"seconds": value})
    text = (tmp_path / "1.json").read_text()
    (tmp_path / "1.json").write_text(text.replace(": 1", ": 2"))
    with pytest.raises(ArtifactError, match=r"1\.json was altered"):
        io.read_json(tmp_path / "1.json")
    assert io.read_json(tmp_path / "2.json") == {"seconds": 2}


def test_a_table_of_another_program_is_read(tmp_path):
    TABLE.to_parquet(tmp_path / "t.parquet")
    assert io.read_table(tmp_path / "t.parquet").equals(TABLE)
    (tmp_path / "j.json").write_text('{"a": 1}')
    assert io.read_json(tmp_path / "j.json") == {"a": 1}


def test_a_trap_is_not_sprung(artifact, tmp_path, evidence):
    path, read = artifact
    trap, sprung = Trap(tmp_path / "sprung"), tmp_path / "sprung"
    traps = [pickle.dumps(trap)]
    for write in (torch.save, lambda value, to: np.save(to, np.array([value]), allow_pickle=True)):
        with (tmp_path / "trap").open("wb") as file:
            write(trap, file)
        traps.append((tmp_path / "trap").read_bytes())
    np.savez(tmp_path / "trap.npz", **dict.fromkeys(images.KEYS, np.array([trap])))
    traps.append((tmp_path / "trap.npz").read_bytes())
    for content in traps:
        path.write_bytes(content)
        assert_named(path, read)
    assert not sprung.exists()
    evidence(ALTERED, "hostile files opened", len(traps))
    evidence(ALTERED, "hostile files whose code ran", 0)
    pickle.loads(traps[0])
    assert sprung.exists()  # it would have been


def test_weights_that_are_not_the_package_s_are_named(tmp_path, monkeypatch, evidence):
    path, sprung = tmp_path / "weights.pth", tmp_path / "sprung"
    content = bytearray(lite0_file().read_bytes())
    content[len(content) // 2] ^= 1
    monkeypatch.setattr("replication.data.backbones.lite0_file", lambda: path)
    for altered in (b"", bytes(content[:-1]), bytes(content), pickle.dumps(Trap(sprung))):
        path.write_bytes(altered)
        with pytest.raises(ArtifactError, match=r"weights\.pth were altered"):
            timm_lite0()
        evidence(ALTERED, NAMED)
    assert not sprung.exists()


def test_nothing_in_the_source_unpickles_or_evaluates():
    allowed = {("load", "weights_only", True), ("load", "allow_pickle", False)}
    forbidden = {"eval", "exec"}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not {"pickle", "dill", "joblib", "shelve", "marshal"} & {name.name for name in node.names}, path
            if isinstance(node, ast.ImportFrom) and node.module == "pickle":
                assert [name.name for name in node.names] == ["UnpicklingError"], path
            if isinstance(node, ast.Call):
                owner = node.func.value if isinstance(node.func, ast.Attribute) else None
                name = node.func.attr if owner is not None else getattr(node.func, "id", "")
                assert name != "read_pickle" and (name not in forbidden or owner is not None), f"{path}:{node.lineno}"
                if name == "load" and getattr(owner, "id", "") in ("np", "numpy", "torch", "yaml"):
                    given = {(name, word.arg, getattr(word.value, "value", None)) for word in node.keywords}
                    assert given & allowed, f"{path}:{node.lineno}"


CLAIMS = pd.read_csv(SOURCE.parent / "results" / "published" / "claims.csv").drop(columns=["low", "high", "n"])
WRONG_CLAIMS = {
    "text in a number": CLAIMS.assign(measured="much"),
    "text in one number": CLAIMS.assign(measured=["much", *CLAIMS["measured"][1:]]),
    "text in n": CLAIMS.assign(n="many"),
    "an unknown verdict": CLAIMS.assign(verdict=["perhaps", *CLAIMS["verdict"][1:]]),
    "no verdict": CLAIMS.assign(verdict=[None, *CLAIMS["verdict"][1:]]),
    "a number for a verdict": CLAIMS.assign(verdict=1),
    "a number for an id": CLAIMS.assign(id=1.5),
    "no id": CLAIMS.assign(id=[None, *CLAIMS["id"][1:]]),
    "an id twice": pd.concat([CLAIMS, CLAIMS[:1]]),
    "an id with more": CLAIMS.assign(id=["A1<b>", *CLAIMS["id"][1:]]),
    "no column of verdicts": CLAIMS.drop(columns="verdict"),
}


def gather_claims(path):
    code, error = run("gather-claims", path, "--output", path.with_name("gathered.csv"))
    assert code == 2 and not path.with_name("gathered.csv").exists()
    assert_one_sentence(error)
    raise ArtifactError(error.strip())


@pytest.mark.parametrize("read", [read_claims, site.read_claims, gather_claims])
@pytest.mark.parametrize("wrong", WRONG_CLAIMS)
def test_verdicts_that_are_none_are_named(tmp_path, wrong, read, evidence):
    WRONG_CLAIMS[wrong].to_csv(tmp_path / "claims.csv", index=False)
    assert_named(tmp_path / "claims.csv", read)
    evidence(ALTERED, "tables of verdicts with a wrong id, verdict or number: named")


def test_the_published_verdicts_are_read(tmp_path):
    CLAIMS.to_csv(tmp_path / "claims.csv", index=False)
    assert len(read_claims(tmp_path / "claims.csv", ["measured"])) == len(CLAIMS)


READ = {  # by a line, below the folder of its inputs
    "train regression.trials": "data/regression/points.safetensors",
    "train cifar10.trials": "data/images/cifar10.json",
    "tabulate": "results/regression/trials/beta5_alpha0.5/0-1_trials.parquet",
    "judge-claims": "results/settings.json",
    "record-provenance": "results/regression/provenance.json",
    "tabulate-core-minutes": "benchmarks/rule.tsv",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the verbs read."""
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.mark.parametrize("name", READ)
def test_a_verb_names_the_file_and_writes_nothing(folder, tmp_path, name, evidence):
    path = folder / READ[name]
    before, content = below(folder), path.read_bytes()
    for altered in (b"", content[: len(content) // 2]):
        path.write_bytes(altered)
        code, error = run(*placed(lines(Path("FOLDER"))[name], folder, tmp_path / "out"))
        assert code == 2 and path.name in error.splitlines()[-1], error
        assert_one_sentence(error)
        evidence(ALTERED, NAMED)
    path.write_bytes(content)
    assert not (tmp_path / "out").exists() and below(folder) == before
