"""A user's script passes the type checkers at their strictest: the layer's types are complete where it is used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.types
SOURCES = Path(__file__).parents[2] / "src"
SCRIPT = Path(__file__).with_name("typed_use.py").read_text()


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def mypy(script):
    """What mypy says of a script, under --strict; of the packages that the script imports it says nothing."""
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", script.parent]
    variables = os.environ | {"MYPYPATH": str(SOURCES)}
    done = subprocess.run([*command, script], capture_output=True, text=True, env=variables, check=False)
    return done.stdout + done.stderr


def test_mypy_strict(script):
    assert mypy(script).startswith("Success")


def test_pyright_strict(script):
    settings = {"include": [script.name], "strict": [script.name], "extraPaths": [str(SOURCES)]}
    (script.parent / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "-p", script.parent]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("0 errors"), done.stdout + done.stderr


def test_a_wrong_argument_is_seen(script):
    """The two checks above would fail where they should."""
    script.write_text(f"{SCRIPT}\nSpectralNetwork(widths='20', bias='yes')\n")
    assert mypy(script).count("incompatible type") == 2
