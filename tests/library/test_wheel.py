"""The wheel: the layer alone, in an environment that has nothing but its four dependencies and what those need."""

import re
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
NEEDED = {"array-api-compat", "numpy", "safetensors", "torch"}
HEAD = """
model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Linear(6, 3))
sparcs.replace_head(model, hidden=5)
sparcs.compact_head(model).save(sys.argv[1])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "uv", "build", "--wheel", "--quiet", "--offline", "--no-build-isolation"]
    subprocess.run([*command, "--out-dir", folder, ROOT], check=True)
    [path] = folder.glob("*.whl")
    return path


def requirements(name):
    """The distributions that one needs here, its extras apart."""
    wanted = map(Requirement, distribution(name).requires or [])
    return {each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})}


def closure(names):
    """They and everything that they need."""
    needed, waiting = set(), set(names)
    while waiting:
        name = waiting.pop()
        needed.add(name.lower().replace("_", "-"))
        waiting |= {each for each in requirements(name) if each.lower().replace("_", "-") not in needed}
    return needed


def test_it_holds_the_layer_and_asks_for_its_four_dependencies(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [archive.read(name).decode() for name in names if name.endswith("/METADATA")]
    assert {name.split("/")[0] for name in names} == {"sparcs", f"{wheel.stem.rsplit('-', 3)[0]}.dist-info"}
    assert "sparcs/py.typed" in names and not [name for name in names if name.endswith("entry_points.txt")]
    needed = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, flags=re.MULTILINE)
    assert set(needed) == NEEDED and "Provides-Extra: paper" in metadata


def test_the_readmes_example_runs_where_nothing_else_is(wheel, tmp_path):
    """The dependencies are those installed here, linked into an environment of their own."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    [packages] = (tmp_path / "venv").glob("lib/python*/site-packages")
    for name in closure(NEEDED):
        there = distribution(name)
        for top in {file.parts[0] for file in there.files if file.parts[0] not in ("..", "__pycache__")}:
            if not (packages / top).exists():
                (packages / top).symlink_to(there.locate_file(top))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    blocks = re.findall(r"^```(?:python|text)\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    example, printed = blocks[-2:]
    code = f"import sys\n{example}import sparcs\n{HEAD}print(*{{name.partition('.')[0] for name in sys.modules}})"
    command = [tmp_path / "venv/bin/python", "-I", "-c", code, tmp_path / "small.safetensors"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    output, imported = done.stdout.splitlines()[:-1], set(done.stdout.splitlines()[-1].split())
    assert output == printed.splitlines()
    ours = {"sparcs", "numpy", "safetensors", "torch", "array_api_compat"}
    assert ours <= imported and "replication" not in imported and not imported & {"pandas", "click", "scipy", "timm"}
