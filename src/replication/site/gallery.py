"""The gallery: every figure with its caption, what the paper shows there, and its files."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from replication.experiment import Experiment
from replication.experiments import EXPERIMENTS
from replication.records.git import ROOT
from replication.report.captions import Caption, caption_of, rooms_of
from replication.site.run import Run

PAPERS = r"fig\d\d"  # the names of the paper's own figures
KINDS = ("png", "svg", "csv")
PIXELS_PER_INCH = 118  # on the page, as in the reports; text then has the size of a caption's
COLUMN_PIXELS = 480  # what is wider takes the whole page


@dataclass(frozen=True)
class Picture:
    """A figure on the page with its size there in pixels; it has no files if the run did not draw it.

    trained_by, analysed_by: commits and fingerprints of its trials and of the notebook that drew it, empty if unknown;
    result: the sentence with which its caption begins in the report, empty without a report.
    """

    name: str
    caption: Caption
    alternative_text: str
    size: tuple[int, int]
    files: dict[str, Path]
    trained_by: str = ""
    analysed_by: str = ""
    result: str = ""

    @property
    def short_title(self) -> str:
        """Its number, "Figure 7", or its title where it has none."""
        number, _, _ = self.caption.title.partition(": ")
        return number if number.startswith("Figure") else self.caption.title

    @property
    def wide(self) -> bool:
        """Whether it takes the whole width of the page."""
        return self.size[0] > COLUMN_PIXELS


@dataclass(frozen=True)
class Group:
    """The figures of one report, whose page may be missing."""

    name: str
    title: str
    report: Path | None
    pictures: list[Picture]


def gallery(run: Run) -> list[Group]:
    """The figures that every experiment's notebook shows, by name; the paper's even where the run did not draw them."""
    groups = [_group(experiment, run) for experiment in EXPERIMENTS.values()]
    return [group for group in groups if group.pictures]


def _group(experiment: Experiment, run: Run) -> Group:
    name = experiment.notebook
    report = run.reports.get(name)
    rooms = rooms_of(ROOT / f"notebooks/{name}.ipynb")
    pictures = [_picture(figure, rooms[figure], experiment, run) for figure in sorted(rooms) if _is_shown(figure, run)]
    title = report.title if report else experiment.title
    return Group(name, title, report.path if report else None, pictures)


def _is_shown(figure: str, run: Run) -> bool:
    """Whether it is the paper's, or has something to show: at least a row below the names of its columns."""
    table = run.figure(figure, "csv")
    return bool(re.fullmatch(PAPERS, figure)) or bool(table and table.read_text(encoding="utf-8").count("\n") > 1)


def _picture(figure: str, room: str, experiment: Experiment, run: Run) -> Picture:
    """room: the package of its function; what is drawn elsewhere than in its experiment does not show its trials."""
    caption = caption_of(room, figure)
    files = {kind: run.figure(figure, kind) for kind in KINDS}
    files = {kind: file for kind, file in files.items() if file}
    if "png" not in files:
        return Picture(figure, caption, "", (0, 0), {})
    digest = hashlib.sha256(files["png"].read_bytes()).hexdigest()
    texts = {key: text for report in run.reports.values() for key, text in report.alternative_texts.items()}
    said = texts.get(digest, "")  # a title and the result
    with Image.open(files["png"]) as image:
        size = tuple(round(length * PIXELS_PER_INCH / image.info["dpi"][0]) for length in image.size)
    trained_by = run.trained_by(experiment) if room == experiment.package else ""
    report = run.reports.get(experiment.notebook)
    analysed_by = report.analysed_by if report else ""
    text, result = said or f"{caption.title}. {caption.shows}", said.partition(". ")[2]
    return Picture(figure, caption, text, size, files, trained_by, analysed_by, result)
