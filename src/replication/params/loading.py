"""All settings of a run, and how params.yaml, a scale's overlay and overrides are merged into them."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from yaml.constructor import ConstructorError

UNREADABLE = (yaml.YAMLError, ValueError, RecursionError)  # a date or a number that is none, too deep a nesting


class ParameterError(ValueError):
    """One sentence about a setting: its field, its value and what is allowed."""

    def __init__(self, sentence: str) -> None:
        super().__init__(" ".join(sentence.split()))


class _Loader(yaml.SafeLoader):
    """YAML without aliases, which can make a small file large without bound, and with no key twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next node. Raises ConstructorError if it is an alias."""
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event()
            raise ConstructorError(None, None, f"allowed is no alias (*{alias.anchor})", alias.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """The mapping. Raises ConstructorError if a key stands there twice."""
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise ConstructorError(None, None, "a key stands twice in one mapping", node.start_mark)
        return mapping


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | float:
    """A number that every version of YAML reads alike: 1.1 takes 010 for 8 and 1:30 for 90."""
    if re.match(r"[-+]?0[0-9_]", node.value) or ":" in node.value:
        sentence = f"{node.value} is read as different numbers: allowed are numbers without leading zeros and colons"
        raise ConstructorError(None, None, sentence, node.start_mark)
    as_float = node.tag == "tag:yaml.org,2002:float"
    return loader.construct_yaml_float(node) if as_float else loader.construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def merge(base: Mapping, *overlays: Mapping) -> dict:
    """Nested mappings merged leaf by leaf, where later ones win; anything except a mapping is replaced whole."""
    merged = dict(base)
    for overlay in overlays:
        for key, value in overlay.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = merge(merged[key], value) if both else value
    return merged


def typed(value: Any) -> Any:
    """Overrides with numbers for numbers: Snakemake's --config hands every nested leaf on as text."""
    if isinstance(value, Mapping):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    if not isinstance(value, str):
        return value
    try:
        return _parsed(value)
    except UNREADABLE:
        return value


def validate(kind: Any, values: Any) -> Any:
    """A model or another type made from ``values``. Raises ParameterError, one sentence, for the first mistake."""
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        unknown = [each for each in error.errors() if each["type"] == "extra_forbidden"]  # a name that has changed, say
        first = [*unknown, *error.errors()][0]
        field = _field(first, values)
        alike = [each for each in error.errors() if _field(each, values) == field]  # one of each kind that is allowed
        raise ParameterError(_sentence(first, field, alike)) from None


def from_json(kind: Any, text: str) -> Any:
    """A model or another type from its JSON text, as a rule passes it to a command."""
    try:
        values = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise ParameterError(f"{shown(text)} is not JSON: {error}") from None
    return validate(kind, values)


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} stands there, allowed are finite numbers")


def read_yaml(path: Path) -> Any:
    """The file's content. Raises ParameterError if it can't be read as YAML."""
    if path.exists() and not path.is_file():  # to read a pipe or a device could take forever
        raise ParameterError(f"{path} cannot be read: it is not a file")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} cannot be read: {error}") from None
    try:
        return _parsed(text)
    except UNREADABLE as error:
        raise ParameterError(f"{path} is not valid YAML: {error}") from None


def shown(value: Any) -> str:
    """A value as it stands in a sentence: its first characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _parsed(text: str) -> Any:
    return _Loader(text).get_single_data()


def _field(error: Mapping, values: Any) -> str:
    """The name of the field that is wrong, without the kinds of value that pydantic names between its parts."""
    names = []
    for each in error["loc"]:
        is_key = isinstance(values, Mapping) and (each in values or error["type"] == "missing")
        if is_key or isinstance(each, int):
            names.append(str(each))
            values = values.get(each) if is_key else values[each] if isinstance(values, (list, tuple)) else None
    return ".".join(names) or "params"


def _sentence(error: Mapping, field: str, alike: Sequence[Mapping]) -> str:
    if error["type"] == "extra_forbidden":
        return f"{field} is an unknown field (see `python -m replication describe-params` for those allowed)"
    if error["type"] == "missing":
        return f"{field} is missing"
    messages = dict.fromkeys(each["msg"].removeprefix("Value error, ") for each in alike)
    message = " or ".join(f"{each[0].lower()}{each[1:]}" for each in messages).replace(" or input should be", " or")
    if error["type"] == "value_error" and not isinstance(error["input"], (int, float, str, bool)):
        return f"{field}: {message}"
    return f"{field} = {shown(error['input'])}: {message}"
