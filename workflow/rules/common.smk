"""Settings of this run, folders, and what a rule needs to name its inputs and parameters."""

import json
import os
import shlex
import sys

from sparcs import lifeline, params
from sparcs.commands.common import require_device
from sparcs.files import ArtifactError, require_writable
from sparcs.sources import sources

os.environ[lifeline.PROCESS] = str(
    os.getpid()
)  # its jobs, and what they leave undone, end with this Snakemake
OVERRIDES = params.typed(workflow.config_settings.overwrite_config)
ROOT = Path(workflow.basedir).parent
PARAMS_FILE = ROOT / "params.yaml"

try:
    SETTINGS = params.load(PARAMS_FILE, OVERRIDES)
    require_device(SETTINGS.device)
    SCALE = SETTINGS.scale
    DATA, RESULTS, FIGURES = (
        f"{folder}/{SCALE}" for folder in ("data", "results", "figures")
    )
    require_writable(Path(DATA), Path(RESULTS), Path(FIGURES))
except (params.ParameterError, ArtifactError) as error:
    sys.exit(f"snakemake: {error}")

LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"


def quoted(value):
    """A value as one shell word of JSON."""
    return shlex.quote(json.dumps(value, sort_keys=True))
