"""Artifacts: whole or absent, unaltered or refused."""

import numpy as np
import pandas as pd
import pytest

from replication.records import io

ARRAYS = {"a": np.arange(600, dtype=np.float32).reshape(20, 30), "b": np.ones(3)}
TABLE = pd.DataFrame({"x": np.linspace(0, 1, 500), "name": ["one", "two"] * 250})


def test_round_trips(tmp_path):
    io.write_arrays(tmp_path / "a.safetensors", ARRAYS)
    for name, array in io.read_arrays(tmp_path / "a.safetensors").items():
        np.testing.assert_array_equal(array, ARRAYS[name])
    io.write_table(tmp_path / "t.parquet", TABLE)
    pd.testing.assert_frame_equal(io.read_table(tmp_path / "t.parquet"), TABLE)
    io.write_json(tmp_path / "j.json", {"α": [1, 2]})
    assert io.read_json(tmp_path / "j.json") == {"α": [1, 2]}


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        io.write_arrays(tmp_path / f"{name}.safetensors", ARRAYS)
        io.write_table(tmp_path / f"{name}.parquet", TABLE)
    for kind in ("safetensors", "parquet"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


@pytest.mark.parametrize("damage", ["truncate", "empty", "flip", "delete", "replace"])
@pytest.mark.parametrize("kind", ["safetensors", "parquet"])
def test_a_damaged_file_is_named(tmp_path, kind, damage):
    path = tmp_path / f"damaged.{kind}"
    write, read = (io.write_arrays, io.read_arrays) if kind == "safetensors" else (io.write_table, io.read_table)
    write(path, ARRAYS if kind == "safetensors" else TABLE)
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "flip":
        content[len(content) // 3] ^= 1
        path.write_bytes(content)
    elif damage == "delete":
        path.unlink()
    else:
        path.write_bytes(b"\x80\x04\x95" + b"pickle" * 20)
    with pytest.raises(io.ArtifactError, match=f"damaged.{kind}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_nothing_is_left_when_writing_fails(tmp_path):
    with pytest.raises(RuntimeError), io.atomic(tmp_path / "folder" / "x.txt") as partial:
        partial.write_text("half")
        raise RuntimeError
    assert list((tmp_path / "folder").iterdir()) == []
