"""Settings of this run, folders, and what a rule needs to name its inputs and parameters."""

import json
import shlex
import sys

from sparcs import params
from sparcs.commands.common import require_device
from sparcs.sources import sources

OVERRIDES = params.typed(workflow.config_settings.overwrite_config)
ROOT = Path(workflow.basedir).parent
PARAMS_FILE = ROOT / "params.yaml"

try:
    SETTINGS = params.load(PARAMS_FILE, OVERRIDES)
    require_device(SETTINGS.device)
except params.ParameterError as error:
    sys.exit(f"snakemake: {error}")

SCALE = SETTINGS.scale
DATA = f"data/{SCALE}"
RESULTS = f"results/{SCALE}"
FIGURES = f"figures/{SCALE}"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"


def quoted(value):
    """A value as one shell word of JSON."""
    return shlex.quote(json.dumps(value, sort_keys=True))
