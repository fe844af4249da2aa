"""What every field of params.yaml means and allows: a verb, and the pages of the documentation."""

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
import pandas as pd
from pydantic import BaseModel

from replication.experiments.settings import Settings
from replication.report.tables import markdown

FARTHEST = 10**5  # a limit from here on only keeps memory from being exhausted
LONGEST = 40  # characters of a value in a table; of a longer list its length stands there
STRICTER = {"≥": ">", "≤": "<"}
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


@click.command()
def describe_params() -> None:
    """What every field of params.yaml means and allows."""
    for name, kind, text in describe():
        click.echo(f"{name:45} {kind:38} {text}")


def describe(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """(field, allowed values, description) of every leaf of params.yaml."""
    for name, field in model.model_fields.items():
        nested = [a for a in (field.annotation, *get_args(field.annotation)) if _is_model(a)]
        if nested:
            several = get_origin(field.annotation) is dict  # by names of their own
            yield from describe(nested[0], f"{prefix}{name}." + ("<name>." if several else ""))
        else:
            yield f"{prefix}{name}", _allowed(field.annotation, field.metadata), field.description or ""


def reference(params: Mapping[str, Any]) -> str:
    """Every field of params.yaml in Markdown: a heading and a table for each block, with the values that stand there.

    params: the file's content.
    """
    parts = []
    for block, leaves in groupby(describe(), lambda leaf: leaf[0].partition(".")[0] if "." in leaf[0] else ""):
        rows = [
            {
                "field": f"`{name.removeprefix(f'{block}.')}`",
                "allowed": allowed,
                "value": _shown(_at(params, name)),
                "meaning": text,
            }
            for name, allowed, text in leaves
        ]
        parts.append(f"## {f'`{block}`' if block else 'Of the whole run'}\n\n{markdown(pd.DataFrame(rows))}")
    return "\n\n".join(parts)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _allowed(annotation: Any, metadata: tuple = ()) -> str:
    """The values of a type, "int ≥ 1", with the bounds among its metadata."""
    kind, inner = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return _allowed(inner[0], inner[1:])
    if kind is Literal:
        return " | ".join(map(str, inner))
    if kind in (Union, UnionType):
        return " | ".join(_allowed(each) for each in inner)
    if kind is list:
        return f"list of {_allowed(inner[0])}"
    if annotation is NoneType:
        return "null"
    found = [bound for each in metadata for bound in (each, *getattr(each, "metadata", ()))]
    limits = {sign: getattr(bound, name) for bound in found for name, sign in SIGNS.items() if hasattr(bound, name)}
    limits = {sign: limit for sign, limit in limits.items() if STRICTER.get(sign) not in limits}
    said = ", ".join(f"{sign} {limit:,}" for sign, limit in limits.items() if abs(limit) < FARTHEST)
    return f"{(kind or annotation).__name__} {said}".rstrip()


def _at(params: Mapping[str, Any], name: str) -> Any:
    """The value at "a.b.c"; None where a name of the user's own stands in between."""
    value: Any = params
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    return text if len(text) <= LONGEST else f"{len(value)} values"
