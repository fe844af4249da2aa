"""The disk cache of compiled code: damage is noticed and mended, and one process compiles for all."""

import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from replication.training import compiled

ALTERED = "Altered and hostile files"
KERNEL = """
from numba import njit
from replication.training.compiled import cached

@njit
def twice(x):
    return 2 * x

@cached
@njit
def kernel(x):
    return twice(x) + 1
"""
COMPETITOR = """
import sys
from pathlib import Path
from replication.training import compiled
compiled.PACKAGE = Path(sys.argv[1])
sys.path.insert(0, sys.argv[1])
from a_kernel import kernel
print("ready", flush=True)
input()
kernel(3)
print(sum(kernel.stats.cache_misses.values()))
"""


class Trap:
    """It leaves a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder with a kernel, as of the trainings."""
    (tmp_path / "a_kernel.py").write_text(KERNEL)
    monkeypatch.setattr(compiled, "PACKAGE", tmp_path)
    return tmp_path


def loaded(package):
    """The kernel as a new process has it."""
    spec = importlib.util.spec_from_file_location("a_kernel", package / "a_kernel.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.kernel


def hits(package, argument=3):
    """How often a new process finds the kernel's code on disk; its result is right in any case."""
    kernel = loaded(package)
    assert kernel(argument) == 2 * argument + 1
    return sum(kernel.stats.cache_hits.values())


def kept(package, kind):
    """The one file of a kind."""
    [path] = package.rglob(f"*{kind}")
    return path


def replace(path, make):
    path.unlink()
    make(path)


def test_compiled_code_is_found_again_for_each_kind_of_argument(package):
    assert [hits(package), hits(package), hits(package, 0.5), hits(package), hits(package, 0.5)] == [0, 1, 0, 1, 1]


FILES = (".nbi", ".1.nbc", "-sha256")
DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut to one byte": lambda path: path.write_bytes(path.read_bytes()[:1]),
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "cut by one byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "flipped": lambda path: path.write_bytes(path.read_bytes()[:20] + b"\0" + path.read_bytes()[21:]),
    "garbage": lambda path: path.write_bytes(bytes(range(256)) * 9),
    "gone": Path.unlink,
    "a pipe": lambda path: replace(path, os.mkfifo),
    "a device": lambda path: replace(path, lambda path: path.symlink_to("/dev/zero")),
    "a broken link": lambda path: replace(path, lambda path: path.symlink_to("nowhere")),
}


@pytest.mark.reliability
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", FILES)
def test_damaged_code_is_deleted_and_compiled_again(package, kind, damage, evidence):
    hits(package)
    DAMAGES[damage](kept(package, kind))
    assert [hits(package), hits(package)] == [0, 1]
    evidence(ALTERED, "damaged files of compiled code: deleted, and compiled again")


@pytest.mark.reliability
@pytest.mark.parametrize("kind", FILES[:2])
def test_code_in_a_pickle_is_not_run(package, kind, evidence):
    hits(package)
    trap, version = pickle.dumps(Trap(package / "sprung")), pickle.dumps(numba.__version__)
    kept(package, kind).write_bytes(version + trap if kind == ".nbi" else trap)
    assert [hits(package), hits(package)] == [0, 1]
    assert not (package / "sprung").exists()
    evidence(ALTERED, "damaged files of compiled code: deleted, and compiled again")


@pytest.mark.parametrize("kind", FILES[:2])
@pytest.mark.parametrize("content", [b"", b"\x80", bytes(range(256)), pickle.dumps((1, 2)), pickle.dumps("1")])
def test_code_that_cannot_be_loaded_is_compiled_again_though_its_seal_fits(package, kind, content):
    hits(package)
    kept(package, kind).write_bytes(content)
    cache = loaded(package)._cache
    cache._seal.write_bytes(cache._digest())
    assert [hits(package), hits(package)] == [0, 1]


def test_what_a_killed_writer_left_is_removed(package):
    hits(package)
    left = kept(package, ".nbi").with_suffix(".nbi.tmp.0123456789abcdef")
    left.write_bytes(b"half")
    assert [hits(package), hits(package)] == [0, 1] and not left.exists()


def test_a_folder_that_cannot_be_written_costs_only_a_compilation(package):
    (package / "__pycache__").mkdir()
    hits(package)
    folder = kept(package, ".nbi").parent
    for path in folder.iterdir():
        path.unlink()
        path.mkdir()
    assert [hits(package), hits(package)] == [0, 0]


def test_one_process_compiles_and_the_others_wait(package):
    command = [sys.executable, "-c", COMPETITOR, str(package)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    competitors = [subprocess.Popen(command, **pipes) for _ in range(3)]
    assert [each.stdout.readline() for each in competitors] == ["ready\n"] * 3
    for each in competitors:
        each.stdin.write("\n")
        each.stdin.flush()
    assert sorted(each.communicate()[0] for each in competitors) == ["0\n", "0\n", "1\n"]


def test_an_edit_of_any_source_file_gets_its_own_compiled_code(package):
    (package / "kernels").mkdir()
    (package / "kernels" / "vectors.py").write_text("b")
    before = compiled.source_digest()
    (package / "kernels" / "vectors.py").write_text("c")
    assert compiled.source_digest() != before
