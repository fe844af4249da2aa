"""The Dockerfile, read and replayed without Docker: in a root folder of its own, by chroot."""

import re
import shutil
import subprocess
from pathlib import Path
from string import Template

ROOT = Path(__file__).parents[1]
OWN_ROOT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


def instructions(text):
    """Each instruction of a Dockerfile with its argument, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def build(root, arguments, machine):
    """Carry out what stands after FROM in a root folder. arguments: of the build; machine: variables for RUN alone.

    Returns what the image hands to its programs: variables, folder and user.
    """
    image = {"variables": OWN_ROOT, "folder": "/", "user": "0"}
    given = {}
    for name, value in instructions((ROOT / "Dockerfile").read_text()):
        if name == "ARG":
            key, default = value.split("=", 1)
            given[key] = arguments.get(key, default)
        elif name == "ENV":
            pairs = dict(pair.split("=", 1) for pair in value.split())
            new = {key: Template(text).substitute(image["variables"]) for key, text in pairs.items()}
            image["variables"] = image["variables"] | new
        elif name == "WORKDIR":
            image["folder"] = value
            (root / value.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            *files, target = value.split()
            for file in files:
                shutil.copy(ROOT / file, root / image["folder"].lstrip("/") / target)
        elif name == "USER":
            image["user"] = value
        elif name == "RUN":
            run(root, image, value, variables=given | machine)
        elif name not in ("FROM", "CMD"):
            raise ValueError(f"{name}: allowed are instructions that build() knows")
    return image


def run(root, image, command, user=None, variables=None):
    """What a shell command in the root folder wrote, as a user who need not be known there."""
    who = user or image["user"]
    inside = ["chroot", f"--userspec={who}:{who}", root, "/bin/sh", "-c", f"cd {image['folder']} && {command}"]
    done = subprocess.run(
        inside, env=image["variables"] | (variables or {}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{(done.stdout + done.stderr)[-5000:]}"
    return done.stdout
