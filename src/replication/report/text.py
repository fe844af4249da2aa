"""Numbers and lists as text for captions and sentences."""

import math
from collections.abc import Iterable, Sequence

PENALTIES = {"l2": "L2, ‖λ‖ per layer", "l1": "L1, Σ|λ|", "l2_squared": "squared L2, Σλ²"}


def number(value: float) -> str:
    """Three significant digits in plain or scientific notation, "–" for a missing value."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size >= 1000:
        text = f"{float(f'{value:.3g}'):,.0f}"
    elif size >= 1e-3 or size == 0:
        text = f"{value:.3g}"
    else:
        digits, exponent = f"{value:.1e}".split("e")
        power = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"
        text = power if digits == "1.0" else f"{digits} × {power}"
    return text.replace("-", "−")


def counted(number: int | str, noun: str, several: str = "") -> str:
    """A number, or a range of them as text, with its noun: "1 trial", "3 trials", "1 to 3 trials".

    several: the noun's plural, where that is not made with an s.
    """
    text = number if isinstance(number, str) else f"{number:,}"
    return f"{text} {noun if text == '1' else several or f'{noun}s'}"


def penalty_name(kind: str) -> str:
    """A kind of penalty for the reader, without its formula; one without a name of its own is its name."""
    return PENALTIES.get(kind, kind).partition(",")[0]


def fixed(value: float, places: int) -> str:
    """A number with that many decimals, "–" for a missing value."""
    return "–" if math.isnan(value) else f"{value:.{places}f}".replace("-", "−")


def interval(value: float, low: float, high: float) -> str:
    """A value with its interval, where there is one and it has a width."""
    if math.isnan(value):
        return ""
    return number(value) if math.isnan(low) or low == high else f"{number(value)} [{number(low)}, {number(high)}]"


def values_text(values: Iterable[float]) -> str:
    """Distinct values in ascending order as they stand in a sentence."""
    return listing([f"{value:g}" for value in sorted(set(values))])


def listing(items: Sequence[str]) -> str:
    """Items as they stand in a sentence: "none", "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]])) or "none"


SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
