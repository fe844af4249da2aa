"""The pages: templates filled with a run, and beside them everything that they link to."""

import json
import re
import shutil
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from replication.records.io import remove_others
from replication.report.pages import mathml
from replication.report.text import number
from replication.site.account import counted, data_sources, experiments, misprints, paper_tables
from replication.site.explorer import explorer
from replication.site.gallery import gallery
from replication.site.run import Run
from replication.site.scorecard import scorecard, tally
from sparcs.io import atomic

ASSETS = Path(__file__).parent / "assets"
BACK = '<main>\n<p><a href="../index.html">← scorecard and figures</a></p>'


def build(run: Run, output: Path) -> None:
    """Write the pages into ``output`` with copies of all that they need; index.html comes last.

    Raises ArtifactError if a claim has no row or a file is not what it should be.
    """
    groups, rows = gallery(run), scorecard(run)
    for folder in ("figures", "reports"):
        remove_others(output / folder, set())
    for picture in (picture for group in groups for picture in group.pictures):
        for file in picture.files.values():
            _copy(file, output / "figures" / file.name)
    for report in run.reports.values():
        _write(output / "reports" / f"{report.name}.html", report.text.replace("<main>", BACK, 1))
    for asset in sorted(ASSETS.iterdir()):
        _copy(asset, output / asset.name)
    _copy(run.verdicts, output / "claims.csv")
    about = {"run": run, "stand_in": any("stand-in" in text for text in run.claims["data"])}
    _write(output / "alpha.html", _render("alpha.html", **about, data=explorer(run)))
    _write(output / "reliability.html", _render("reliability.html", **about, counted=counted(run.reliability)))
    filled = _render(
        "index.html",
        **about,
        rows=rows,
        tally=tally([row for row in rows if row.paper]),
        beyond=tally([row for row in rows if not row.paper]),
        groups=groups,
        tables=paper_tables(run),
        misprints=misprints(run),
        sources=data_sources(run.claims),
        experiments=experiments(run.provenance),
        costs=run.core_minutes.to_dict("records"),
    )
    _write(output / "index.html", filled)


def _render(name: str, **values: object) -> str:
    environment = Environment(
        loader=PackageLoader("replication.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"json": _json, "number": _number, "subscripts": subscripts}
    environment.globals["math"] = mathml
    return environment.get_template(name).render(**values)


def subscripts(text: str) -> Markup:
    """λ_2, W_ij and (−1)^ρ with the index below and the power above the line; other underscores stay."""
    text = re.sub(r"([λφΓΦWLNA])_(\w+|\([^)]*\))", r"\1<sub>\2</sub>", str(escape(text)))
    return Markup(re.sub(r"\^(\w+|\([^)]*\))", r"<sup>\1</sup>", text))


def _number(value: float | None) -> str:
    return number(float("nan") if value is None else value)


def _json(value: object) -> str:
    """A value as JSON that can stand in a script element."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace("</", "<\\/")


def _write(path: Path, text: str) -> None:
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    with atomic(target) as partial:
        shutil.copyfile(source, partial)
