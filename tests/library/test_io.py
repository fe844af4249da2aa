"""Files that are written whole or not at all, whatever else writes or has died beside."""

import errno
import os

import pytest

from sparcs.io import ArtifactError, atomic


def test_a_file_is_there_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic(path) as partial:
        partial.write_text("whole")
        assert not path.exists() and partial.parent == path.parent
    assert path.read_text() == "whole" and list(path.parent.iterdir()) == [path]


def test_of_what_failed_nothing_is_left(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(RuntimeError, match="failed"), atomic(path) as partial:
        partial.write_text("half")
        raise RuntimeError("failed")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_error_of_the_file(tmp_path):
    with pytest.raises(OSError, match="No space") as error, atomic(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert error.value.filename == str(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("process", "stays"), [(2**22 + 1, False), (10**30, False), (os.getppid(), True), ("word", False)]
)
def test_what_a_dead_writer_left_goes_and_a_living_one_s_stays(tmp_path, process, stays):
    other = tmp_path / f".a.txt.{process}.partial.txt"
    other.write_text("half")
    with atomic(tmp_path / "a.txt") as partial:
        partial.write_text("whole")
    assert other.exists() == stays


@pytest.mark.parametrize("name", ["", "folder"])
def test_what_is_no_file_is_not_replaced(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ArtifactError, match="is not the name of a file"), atomic(tmp_path / name):
        pass


def test_a_process_of_another_user_lives(tmp_path, monkeypatch):
    def refuse(process, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    other = tmp_path / ".a.txt.1.partial"
    other.write_text("half")
    with atomic(tmp_path / "a.txt") as partial:
        partial.write_text("whole")
    assert other.exists()
