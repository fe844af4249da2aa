"""The verb that says what every field of params.yaml means."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

import click
from pydantic import BaseModel

from replication.experiments.settings import Settings


@click.command()
def describe_params() -> None:
    """What every field of params.yaml means and allows."""
    for name, kind, text in describe():
        click.echo(f"{name:45} {kind:38} {text}")


def describe(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """(field, allowed type, description) of every leaf of params.yaml."""
    for name, field in model.model_fields.items():
        nested = [a for a in (field.annotation, *get_args(field.annotation)) if _is_model(a)]
        if nested:
            several = get_origin(field.annotation) is dict  # by names of their own
            yield from describe(nested[0], f"{prefix}{name}." + ("<name>." if several else ""))
        else:
            yield f"{prefix}{name}", _type_name(field.annotation), field.description or ""


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _type_name(annotation: Any) -> str:
    choices = get_args(annotation)
    if choices and all(isinstance(choice, (str, int)) for choice in choices):
        return " | ".join(map(str, choices))
    return getattr(annotation, "__name__", str(annotation)) if not choices else str(annotation).split("[")[0]
