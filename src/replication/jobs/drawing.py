"""A drawing of the workflow by experiment, from the registry: data, stages, claims, reports, and what takes what."""

from collections.abc import Iterator
from html import escape
from typing import NamedTuple

import click

from replication.experiment import Experiment
from replication.experiments import EXPERIMENTS
from replication.jobs.dvc import DRAWN, SHARED

HEADINGS = {
    "data": (10, 190),
    "experiment and its stages; a bold frame: the paper's": (260, 330),
    "claims": (650, 110),
    "report": (820, 190),
}
DATA, JOBS, CLAIMS, REPORT = HEADINGS.values()  # x and width of each column
ROW, HEIGHT, TOP, GAP = 60, 44, 34, 60
END = 1050  # of the picture, right of the line that gathers all reports
STYLE = """\
text{font:12px 'DejaVu Sans',Verdana,sans-serif;fill:#222}.title{font-weight:bold}.small{font-size:11px;fill:#555}\
rect{fill:#fff;stroke:#767676;rx:5px}.data{fill:#e6f1f8;stroke:#0072b2}.claims{fill:#fdf3dc;stroke:#e69f00}\
.paper{stroke:#222;stroke-width:2}path{fill:none;stroke:#767676;marker-end:url(#tip)}"""
HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>The workflow by experiment</title>
<style>{style}</style>
<defs><marker id="tip" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" orient="auto">\
<path d="M0 0L6 3L0 6z" style="fill:#767676;stroke:none;marker-end:none"/></marker></defs>
<rect width="100%" height="100%" style="stroke:none;rx:0"/>
"""


class Box(NamedTuple):
    """A box of the drawing: its column's x and width, the middle of its row, its class, one or two lines of text."""

    x: int
    width: int
    y: int
    kind: str
    lines: tuple[str, ...]


@click.command()
def draw_workflow() -> None:
    """Draw the workflow by experiment, as SVG on standard output."""
    click.echo(drawing(), nl=False)


def arrows() -> Iterator[tuple[str, str]]:
    """What takes what, by the names of boxes: data/<folder>, <experiment>, claims/<experiment>, reports/<notebook>."""
    for name, experiment in EXPERIMENTS.items():
        report = f"reports/{experiment.notebook}"
        reader = f"claims/{name}" if experiment.claims else report
        for folder in filter(SHARED.__contains__, experiment.data):
            yield f"data/{folder}", name
        for source in dict.fromkeys([name, *(table.split("/")[0] for table in experiment.beside)]):
            yield source, reader
        if experiment.claims:
            yield reader, report


def boxes() -> dict[str, Box]:
    """Every box by its name: a row for each experiment, its data in the row of the first that is trained on them."""
    found: dict[str, Box] = {}
    for row, (name, experiment) in enumerate(EXPERIMENTS.items()):
        y = TOP + ROW * row + ROW // 2
        for folder in filter(SHARED.__contains__, experiment.data):
            found.setdefault(f"data/{folder}", Box(*DATA, y, "data", (told(folder), f"data/<scale>/{folder}")))
        kind = "paper" if experiment.paper else ""
        found[name] = Box(*JOBS, y, kind, (experiment.title, " · ".join(steps(experiment))))
        if experiment.claims:
            ids = (claim.id for claim in experiment.load(experiment.claims))
            found[f"claims/{name}"] = Box(*CLAIMS, y, "claims", (" ".join(ids),))
        found[f"reports/{experiment.notebook}"] = Box(*REPORT, y, "", (experiment.notebook,))
    return found


def told(folder: str) -> str:
    """A folder of data for readers: what it is drawn from, or the data sets of images that are trained on."""
    if folder in DRAWN:
        return EXPERIMENTS[folder].trained_on.removeprefix("generated: ")
    return ", ".join(dict.fromkeys(each.trained_on for each in EXPERIMENTS.values() if folder in each.data))


def steps(experiment: Experiment) -> list[str]:
    """What an experiment makes: data that are its own, then its stages."""
    own = [folder for folder in experiment.data if folder not in SHARED]
    return [name.replace("_", " ") for name in (*own, *(stage.name for stage in experiment.stages))]


def drawing() -> str:
    """The SVG."""
    placed = boxes()
    last = TOP + ROW * len(EXPERIMENTS) + ROW // 2
    parts = [HEAD.format(width=END, height=last + ROW // 2, style=STYLE)]
    parts += [f'<text class="small" x="{x}" y="22">{name}</text>\n' for name, (x, _) in HEADINGS.items()]
    parts += [curve(placed[source], placed[target]) for source, target in arrows()]
    bus = END - 18  # all reports go down it to the last row
    reports = [box for name, box in placed.items() if name.startswith("reports/")]
    parts += [f'<path style="marker-end:none" d="M{box.x + box.width} {box.y}H{bus}"/>\n' for box in reports]
    parts.append(f'<path d="M{bus} {reports[0].y}V{last}H{REPORT[0] + REPORT[1]}"/>\n')
    ends = Box(JOBS[0], sum(REPORT) - JOBS[0], last, "", ("00_summary and the site", "all tables, claims and reports"))
    return "".join([*parts, *map(drawn, (*placed.values(), ends)), "</svg>\n"])


def curve(source: Box, target: Box) -> str:
    """An arrow from the right of a box to the left of another: to its row in the first gap, then along the row."""
    start = source.x + source.width
    half, row = start + GAP // 2, start + GAP
    return f'<path d="M{start} {source.y}C{half} {source.y} {half} {target.y} {row} {target.y}H{target.x}"/>\n'


def drawn(box: Box) -> str:
    """A box with its text."""
    parts = [f'<rect class="{box.kind}" x="{box.x}" y="{box.y - HEIGHT // 2}" width="{box.width}" height="{HEIGHT}"/>']
    first = box.y + 4 - 9 * (len(box.lines) - 1)
    for line, (text, kind) in enumerate(zip(box.lines, ("title", "small"), strict=False)):
        parts.append(f'<text class="{kind}" x="{box.x + 10}" y="{first + 18 * line}">{escape(text)}</text>')
    return "".join(parts) + "\n"
