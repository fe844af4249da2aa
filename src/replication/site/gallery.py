"""The gallery: every figure with its caption, what the paper shows there, and its files."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from replication.records.io import ArtifactError
from replication.site.account import name_of
from replication.site.run import Run

PAPERS = r"fig\d\d"  # the names of the paper's own figures
KINDS = ("png", "svg", "csv")
PIXELS_PER_INCH = 118  # on the page, as in the reports; text then has the size of a caption's
COLUMN_PIXELS = 480  # what is wider takes the whole page


@dataclass(frozen=True)
class Caption:
    """The text of a figure: a heading, what it shows, and what the paper has there."""

    title: str
    shows: str
    paper: str


@dataclass(frozen=True)
class Picture:
    """A figure on the page with its size there in pixels; it has no files if the run did not draw it."""

    name: str
    caption: Caption
    alternative_text: str
    size: tuple[int, int]
    files: dict[str, Path]

    @property
    def wide(self) -> bool:
        """Whether it takes the whole width of the page."""
        return self.size[0] > COLUMN_PIXELS


@dataclass(frozen=True)
class Group:
    """The figures of one report."""

    name: str
    title: str
    report: str | None
    pictures: list[Picture]


def gallery(run: Run) -> list[Group]:
    """The figures by report, in the order of their names; the paper's even where the run did not draw them."""
    groups = [_group(folder, run) for folder in sorted(run.captions.iterdir()) if folder.is_dir()]
    return [group for group in groups if group.pictures]


def read_caption(path: Path) -> Caption:
    """A caption's three paragraphs. Raises ArtifactError unless there are three."""
    paragraphs = [" ".join(text.split()) for text in path.read_text(encoding="utf-8").split("\n\n") if text.strip()]
    if len(paragraphs) != 3:
        raise ArtifactError(
            f"{path} has {len(paragraphs)} paragraphs, expected are a title, what it shows, the paper's"
        )
    return Caption(*paragraphs)


def _group(folder: Path, run: Run) -> Group:
    report = run.reports.get(folder.name)
    experiment = folder.name.partition("_")[2]
    title = report.title if report else name_of(experiment)
    pictures = [_picture(path, run) for path in sorted(folder.glob("fig*.rst"))]
    kept = [picture for picture in pictures if picture.files or re.fullmatch(PAPERS, picture.name)]
    return Group(folder.name, title, f"reports/{folder.name}.html" if report else None, kept)


def _picture(path: Path, run: Run) -> Picture:
    caption = read_caption(path)
    files = {kind: run.figure(path.stem, kind) for kind in KINDS}
    files = {kind: file for kind, file in files.items() if file}
    if "png" not in files:
        return Picture(path.stem, caption, "", (0, 0), {})
    digest = hashlib.sha256(files["png"].read_bytes()).hexdigest()
    texts = {key: text for report in run.reports.values() for key, text in report.alternative_texts.items()}
    with Image.open(files["png"]) as image:
        width, height = (round(length * PIXELS_PER_INCH / image.info["dpi"][0]) for length in image.size)
    return Picture(path.stem, caption, texts.get(digest, f"{caption.title}. {caption.shows}"), (width, height), files)
