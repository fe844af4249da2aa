"""Marks for everything made from stand-in images, and the name of a backbone that is not the paper's."""

from collections.abc import Callable
from functools import wraps

import pandas as pd
from matplotlib.figure import Figure

from replication.report.style import RED
from replication.report.template import sections

STAMP = "STAND-IN DATA"
PAPERS_BACKBONE = "EfficientNetV2-S at 224 px"
BACKBONE = ["backbone", "input_size", "substitute_backbone"]  # columns that tell what made the features


def stands_in(rows: pd.DataFrame) -> bool:
    """Whether rows with a column ``stand_in`` come from stand-in images; no rows, which may lack it, do not."""
    return bool(len(rows) and rows["stand_in"].any())


def mark(rows: pd.DataFrame) -> str:
    """The stamp in brackets behind a number, where it is due."""
    return f" ({STAMP})" if stands_in(rows) else ""


def stamped(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Write the stamp across a figure that is drawn from rows of stand-in images."""

    @wraps(draw)
    def wrapper(drawn: pd.DataFrame, *args, **kwargs) -> Figure:
        figure = draw(drawn, *args, **kwargs)
        if stands_in(drawn):
            size = 6 * figure.get_figwidth()
            look = {"color": RED, "alpha": 0.3, "fontweight": "bold", "fontsize": size, "zorder": 10}
            figure.text(0.5, 0.5, STAMP, ha="center", va="center", rotation=15, **look)
        return figure

    return wrapper


def title(name: str, rows: pd.DataFrame) -> str:
    """The bold start of a caption or of a table's title, with the stamp where it is due."""
    return f"**{name} ({STAMP}).**" if stands_in(rows) else f"**{name}.**"


def warning(trials: pd.DataFrame) -> str:
    """The warning with which a report on stand-in images begins; empty if they are not."""
    return _SECTIONS.warning(STAMP) if stands_in(trials) else ""


def approximate(trials: pd.DataFrame) -> str:
    """The sentence on how many images are not the official pixels; empty if all are, or none is of the data set."""
    return _SECTIONS.approximate(
        count=0 if stands_in(trials) else int(max(trials.get("approximate_images", ()), default=0))
    )


def backbone_of(trials: pd.DataFrame) -> dict[str, object]:
    """The backbone behind the features of trials, by the columns of BACKBONE; None in each where there is no trial."""
    return next(iter(trials[BACKBONE].to_dict("records")), dict.fromkeys(BACKBONE))


def backbone_note(rows: pd.DataFrame) -> str:
    """The sentence that names the backbone of experiment 4, and says so if it is a substitute.

    rows: with the columns of BACKBONE.
    """
    used = rows[BACKBONE].dropna(subset=["backbone"]).drop_duplicates()
    return _SECTIONS.backbone(
        names=[f"{row.backbone} at {row.input_size} px" for row in used.itertuples()],
        papers=PAPERS_BACKBONE if used["substitute_backbone"].any() else "",
    )


_SECTIONS = sections(__package__)
