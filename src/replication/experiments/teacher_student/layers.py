"""The hidden layers of a student in words and colours."""

import pandas as pd

from replication.report.style import BLUE, GREEN, ORANGE, PURPLE, RED, SKY

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
COLORS = (BLUE, GREEN, ORANGE, PURPLE, RED, SKY)
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
PAPERS = [2, 3]  # hidden layers of the paper's student
DELETED = r"^layer_(\d+)_deleted_increase$"  # the columns of trials that tell what a layer's deletion costs


def name(layer: int) -> str:
    """A hidden layer's name; the paper counts the input as layer 1."""
    place = layer - 2
    return f"{ORDINALS[place]} hidden layer" if place < len(ORDINALS) else f"hidden layer {place + 1}"


def color(layer: int) -> str:
    """Its colour in all figures."""
    return COLORS[(layer - 2) % len(COLORS)]


def eigenvalues(layer: int) -> str:
    """The symbol of its eigenvalues."""
    return f"λ{str(layer).translate(SUBSCRIPTS)}"


def hidden(trials: pd.DataFrame) -> list[int]:
    """The hidden layers that networks have, by the columns in which any of them has a value."""
    columns = trials.dropna(axis="columns", how="all").filter(regex=DELETED).columns
    return sorted(columns.str.extract(DELETED, expand=False).astype(int))
