"""The model of params.yaml: every field with its table, its meaning and what it allows.

Three layers make the settings of a run: the paper's values, the scale's overlay, the command line's overrides.
"""

from replication.params.baselines import RivalMethod, Rivals, RivalTask, RivalTrial
from replication.params.cells import CellSearch, NasBench
from replication.params.cifar10 import Cifar10, Cifar10Trial
from replication.params.cifar100 import Cifar100, Cifar100Features, Cifar100Trial, ProbeTrial
from replication.params.depth import TEACHER, Depth, DepthTrial
from replication.params.experiments import (
    Ensemble,
    Hyperparameters,
    Regression,
    RegressionData,
    RegressionTrial,
    TeacherData,
    TeacherStudent,
    TeacherTrial,
    chunk_names,
    regression_name,
    teacher_name,
    teacher_parts,
)
from replication.params.fields import MOST_TRIALS, Fraction, Model, Name, NonNegative, Positive, TrainingSettings, Trial
from replication.params.images import ImageFiles, ImageSources
from replication.params.settings import (
    SCALES,
    ParameterError,
    Settings,
    from_json,
    load,
    merge,
    paper_settings,
    read_yaml,
    resolve,
    shown,
    typed,
    validate,
)

__all__ = [
    "MOST_TRIALS",
    "SCALES",
    "TEACHER",
    "CellSearch",
    "Cifar10",
    "Cifar10Trial",
    "Cifar100",
    "Cifar100Features",
    "Cifar100Trial",
    "Depth",
    "DepthTrial",
    "Ensemble",
    "Fraction",
    "Hyperparameters",
    "ImageFiles",
    "ImageSources",
    "Model",
    "Name",
    "NasBench",
    "NonNegative",
    "ParameterError",
    "Positive",
    "ProbeTrial",
    "Regression",
    "RegressionData",
    "RegressionTrial",
    "RivalMethod",
    "RivalTask",
    "RivalTrial",
    "Rivals",
    "Settings",
    "TeacherData",
    "TeacherStudent",
    "TeacherTrial",
    "TrainingSettings",
    "Trial",
    "chunk_names",
    "from_json",
    "load",
    "merge",
    "paper_settings",
    "read_yaml",
    "regression_name",
    "resolve",
    "shown",
    "teacher_name",
    "teacher_parts",
    "typed",
    "validate",
]
