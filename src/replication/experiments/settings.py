"""All settings of a run: params.yaml, the overlay of a scale, overrides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, create_model, model_validator

from replication.data.settings import ImageSources
from replication.experiments import EXPERIMENTS
from replication.params.fields import Model, Seed
from replication.params.loading import ParameterError, merge, read_yaml, shown, validate

SCALES = ("smoke", "laptop", "overnight", "paper")


class Shared(Model):
    """What all experiments of a run share."""

    scale: Literal["smoke", "laptop", "overnight", "paper"] = Field(description="which overlay of `scales` is used")
    root_seed: Seed = Field(description="the seed from which every trial's seed is derived")
    device: Literal["cpu", "cuda"] = Field(description="where experiments with a torch backend train")
    images: ImageSources

    @model_validator(mode="after")
    def _experiments_fit(self) -> "Shared":
        for experiment in EXPERIMENTS.values():
            if experiment.check:
                experiment.check(self)
        return self


Settings = create_model(
    "Settings",
    __base__=Shared,
    __doc__="Everything that a run depends on, at one scale.",
    **{name: (each.settings, ...) for name, each in EXPERIMENTS.items() if each.settings},
)


def resolve_settings(base: Mapping, overrides: Mapping | None = None) -> Settings:
    """The settings of a run: ``base`` (params.yaml), its overlay for the chosen scale, then ``overrides``.

    Raises ParameterError with one sentence for the first thing that is wrong.
    """
    if not isinstance(base, Mapping):
        raise ParameterError(f"params.yaml holds a {type(base).__name__}: allowed is a mapping of field names")
    overrides = overrides or {}
    scale = overrides.get("scale", base.get("scale"))
    if scale not in SCALES:
        raise ParameterError(f"scale = {shown(scale)}: allowed are {', '.join(SCALES)}")
    overlays = base.get("scales")
    if not isinstance(overlays, Mapping) or set(overlays) != set(SCALES):
        raise ParameterError(f"scales: allowed is one overlay for each of {', '.join(SCALES)}, and nothing else")
    if not isinstance(overlays[scale], Mapping):
        raise ParameterError(f"scales.{scale} = {shown(overlays[scale])}: allowed is a mapping of field names")
    values = merge({k: v for k, v in base.items() if k != "scales"}, overlays[scale], overrides)
    return validate(Settings, values)


def paper_settings(base: Mapping) -> Settings:
    """The settings at the paper's values."""
    return resolve_settings(base, {"scale": "paper"})


def load_settings(path: Path, overrides: Mapping | None = None) -> Settings:
    """Settings from a params.yaml file, every scale of which must be valid."""
    base = read_yaml(path)
    settings = resolve_settings(base, overrides)
    for scale in SCALES:
        try:
            resolve_settings(base, {"scale": scale})
        except ParameterError as error:
            raise ParameterError(f"scales.{scale}: {error}") from None
    return settings
