"""The parts of all experiments' settings: types of fields, and how YAML, JSON and overrides are read."""

from replication.params.fields import (
    MOST_TRIALS,
    Fraction,
    Model,
    Name,
    NonNegative,
    Positive,
    TrainingSettings,
    Trial,
    chunks,
    span,
)
from replication.params.loading import ParameterError, from_json, merge, read_yaml, shown, typed, validate

__all__ = [
    "MOST_TRIALS",
    "Fraction",
    "Model",
    "Name",
    "NonNegative",
    "ParameterError",
    "Positive",
    "TrainingSettings",
    "Trial",
    "chunks",
    "from_json",
    "merge",
    "read_yaml",
    "shown",
    "span",
    "typed",
    "validate",
]
