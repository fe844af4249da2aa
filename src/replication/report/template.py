"""Prose from templates in Markdown: ``report.md.j2`` beside what it reports on, a macro for each section."""

from collections.abc import Iterable, Sequence
from functools import cache
from types import MappingProxyType

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.environment import TemplateModule

from replication.report.text import counted, fixed, listing, number, penalty_name

TEMPLATE = "report.md.j2"
PACKAGE = "replication"
LARGEST = 1000  # ratio that is given as a number
IN_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def sections(package: str) -> TemplateModule:
    """The sections of a package's template: functions of measured values, by name, that give Markdown.

    A value that a section uses and is not given is an error, and so is one that it does not take.
    """
    folder = package.removeprefix(f"{PACKAGE}.").replace(".", "/")
    return _environment().get_template(f"{folder}/{TEMPLATE}").module


def line(text: str) -> str:
    """A section's sentences on one line, as they stand in a list or a table."""
    return " ".join(text.split())


def exact(value: float) -> str:
    """A setting or a count as it is, also within a formula."""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def in_words(count: int) -> str:
    """A count as it stands in a sentence: a word up to twelve, digits above."""
    return IN_WORDS[count] if count < len(IN_WORDS) else f"{count:,}"


def percent(share: float) -> str:
    """A share in percent."""
    return f"{number(100 * share)} %"


def points(bounds: Sequence[float]) -> str:
    """Points of accuracy with their sign, and their interval where there is one."""
    value, low, high = map(signed, bounds)
    return f"{value} points" + (f" [{low}, {high}]" if low != high else "")


def ratio(value: float) -> str:
    """How many times something is something else; above LARGEST only that it is more."""
    return number(value) if not value > LARGEST else f"more than {LARGEST:,}"


def predicate(verdict: str) -> str:
    """A verdict as it stands after "is"."""
    return "partly replicated" if verdict == "partly" else verdict


def signed(value: float) -> str:
    """A number with its sign, also where that is a plus."""
    return f"+{number(value)}" if value > 0 else number(value)


def interval(bounds: Sequence[float]) -> str:
    """A value with its interval, (value, low, high); the value alone where that is not known or reads as a point."""
    value, low, high = map(number, bounds)
    return f"{value} [{low}, {high}]" if low != high else value


def share(count: int, of: int, noun: str, several: str = "") -> str:
    """How many of some, as a subject: "all 32 networks", "both networks", "none of 32 networks", "3 of 32 networks"."""
    if count == of:
        return {1: f"the one {noun}", 2: f"both {several or noun + 's'}"}.get(of, f"all {counted(of, noun, several)}")
    return f"{f'{count:,}' if count else in_words(0)} of {counted(of, noun, several)}"


def span(values: Iterable[float]) -> str:
    """The ends of a range, "2 to 2.6"; one number where both read alike."""
    return " to ".join(dict.fromkeys(map(number, values)))


def cell(text: str) -> str:
    """A text as a cell of a table, in which a bar would end it."""
    return text.replace("|", "\\|")


def capital(text: str) -> str:
    """A text with a capital first letter."""
    return text[:1].upper() + text[1:]


FILTERS = MappingProxyType(
    {
        "capital": capital,
        "cell": cell,
        "counted": counted,
        "exact": exact,
        "fixed": fixed,
        "in_words": in_words,
        "interval": interval,
        "line": line,
        "listing": listing,
        "number": number,
        "penalty_name": penalty_name,
        "percent": percent,
        "points": points,
        "predicate": predicate,
        "ratio": ratio,
        "share": share,
        "signed": signed,
        "span": span,
    }
)


@cache
def _environment() -> Environment:
    """Templates of this project: Markdown, so nothing is escaped, and no value may be missing."""
    environment = Environment(
        loader=PackageLoader(PACKAGE, "."),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment
