"""Git, asked about this project's own checkout and about no other."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# A folder and a working tree that are named are neither looked for above, nor refused as another owner's.
HERE = (f"--git-dir={ROOT / '.git'}", f"--work-tree={ROOT}")
# A user's programs may not answer in Git's place; without the optional lock no hook runs either.
PLAIN = ("--no-optional-locks", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")


def ask(*arguments: str) -> str | None:
    """Git's answer about the project's root, whatever GIT_* says; None if there is no Git, or it fails or says no."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", *HERE, *PLAIN, *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, ValueError, subprocess.SubprocessError):  # ValueError: a file's name that is no text
        return None
    return done.stdout.strip() if done.returncode == 0 else None
