"""The pages: templates filled with a run. Reports, figures and claims stand where they are; the pages link to them."""

import json
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from replication.account.scorecard import count
from replication.records.git import ROOT
from replication.records.io import remove_others
from replication.report import shell
from replication.report.pages import indexed, mathml, stacked, to_html
from replication.report.text import number
from replication.site.account import counted, data_sources, experiments, misprints, paper_tables
from replication.site.answers import budgets, starts
from replication.site.evidence import intervals, pages
from replication.site.explorer import explorer
from replication.site.gallery import gallery
from replication.site.run import Run
from replication.site.scorecard import scorecard, tally
from replication.site.trials import trials
from sparcs.io import atomic

ASSETS = Path(__file__).parent / "assets"
FINDINGS = re.compile(r"^## What was found\n+((?:- .*\n(?: .*\n)*)+)", re.MULTILINE)  # README's, which a test checks


def build(run: Run, output: Path) -> None:
    """Write the pages into ``output``, and what they draw with; index.html comes last.

    Raises ArtifactError if a claim has no row or a file is not what it should be.
    """
    groups = gallery(run)
    rows = scorecard(run, groups)
    evidence, summary = list(pages(run, rows)), intervals(run, rows)
    about = {"run": run, "stand_in": any("stand-in" in text for text in run.claims["data"])}
    written = Written(output, about)
    for asset in (*sorted(ASSETS.iterdir()), shell.NAVIGATION, shell.STYLE, shell.THEME):
        written.copy(asset)
    claims = [(f"{page.row.id}.html", f"{page.row.id}: {page.row.statement}") for page in evidence]
    for place, page in enumerate(evidence):
        written.page(f"claims/{page.row.id}", "claim", shell.around(claims, place), page=page)
    written.page(
        "scorecard",
        rows=rows,
        tally=tally([row for row in rows if row.paper]),
        beyond=tally([row for row in rows if not row.paper]),
    )
    written.page("figures", groups=groups)
    written.page("alpha", data=explorer(run))
    written.page("explore", budgets=budgets(run), starts=starts(run))
    tables = list(trials(run))
    for table in tables:
        written.script(f"trials/{table.name}.js", f"loaded[{_json(table.name)}]={_json(vars(table))}")
    written.page("trials", tables=tables)
    written.page("tables", tables=paper_tables(run))
    written.page("reports")
    written.page("misprints", misprints=misprints(run))
    written.page(
        "provenance",
        sources=data_sources(run.claims),
        experiments=experiments(run.provenance),
        costs=run.core_minutes.to_dict("records"),
    )
    written.page("missing", document=document("limits", output))
    written.page("reliability", counted=counted(run.reliability))
    written.file("reports.js", reports=[[report.path.name, report.title] for report in run.reports.values()])
    written.file("intervals.svg", intervals=summary, style=picture_style())
    written.page("index", intervals=summary, answer=_inline(count(run.claims)), findings=findings())
    remove_others(output, written.files)


@dataclass(frozen=True)
class Written:
    """The folder of the site, and the files that were written there; about: what every page says of the run."""

    output: Path
    about: dict[str, object]

    @cached_property
    def files(self) -> set[Path]:
        """Everything that was written."""
        return set()

    def page(
        self,
        name: str,
        template: str = "",
        neighbours: tuple[shell.Link | None, shell.Link | None] | None = None,
        **values: object,
    ) -> None:
        """Write a page; without other neighbours, those in the order of the navigation."""
        path = self.output / f"{name}.html"
        around = {"neighbours": neighbours or _neighbours(name), **shell.surroundings(path, self.output)}
        text = self._render(f"{template or name}.html", path.parent, **self.about, **around, **values)
        self._write(path, shell.with_contents(text))

    def file(self, name: str, **values: object) -> None:
        """Write something else that a template makes."""
        self._write(self.output / name, self._render(name, self.output, **values))

    def script(self, name: str, text: str) -> None:
        """Write data for a page that loads them when they are asked for."""
        self._write(self.output / name, text)

    def copy(self, file: Path) -> None:
        """Copy a file that pages draw with."""
        self._write(self.output / file.name, file.read_text(encoding="utf-8"))

    def _write(self, path: Path, text: str) -> None:
        with atomic(path) as partial:
            partial.write_text(text, encoding="utf-8")
        self.files.add(path)

    def _render(self, name: str, folder: Path, **values: object) -> str:
        environment = _environment()
        environment.globals["to"] = _addresses(folder, self.output)
        return environment.get_template(name).render(**values)


def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("replication.site"), FileSystemLoader(shell.TEMPLATES)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"json": _json, "lines": textwrap.wrap, "number": _number, "subscripts": subscripts}
    environment.filters |= {"stacked": lambda table: Markup(stacked(str(table))), "code": code}
    environment.globals["math"] = mathml
    return environment


def _addresses(folder: Path, site: Path) -> Callable[[Path | str], str]:
    """The address, on a page in a folder, of a file, or of a page of the site by its address there."""

    def to(target: Path | str) -> str:
        if isinstance(target, Path):
            return shell.relative(target, folder)
        file, mark, anchor = target.partition("#")
        return f"{shell.relative(site / file, folder)}{mark}{anchor}"

    return to


def _neighbours(name: str) -> tuple[shell.Link | None, shell.Link | None]:
    order = [("index.html", "What was found"), *((f"{page}.html", title) for page, title in shell.SECTIONS)]
    return shell.around(order, [address for address, _ in order].index(f"{name}.html"))


def findings() -> str:
    """README's findings as HTML: of the published results, which a test compares with it; empty if it has none."""
    found = FINDINGS.search((ROOT / "README.md").read_text(encoding="utf-8"))
    return indexed(to_html(found[1])) if found else ""


def document(name: str, folder: Path) -> str:
    """A page of the documentation as HTML, with its links as they are from a page in a folder."""
    page = ROOT / f"docs/{name}.md"
    here = lambda link: f"]({shell.relative((page.parent / link[1]).resolve(), folder)}"  # noqa: E731
    return to_html(re.sub(r"\]\((?!https?:)([^)#]+)", here, page.read_text(encoding="utf-8")))


def picture_style() -> str:
    """The colours of all pages for a picture of its own, which follows the reader's system."""
    names = ("paper", "ink", "quiet", "line", "accent", "replicated", "partly", "inconclusive", "not-replicated")
    pairs = dict(re.findall(r"--([\w-]+): light-dark\((#\w+, #\w+)\)", shell.NAVIGATION.read_text(encoding="utf-8")))
    light, dark = (
        "".join(f"--{name}:{pairs[name].split(', ')[side]};" for name in (*names, "untested")) for side in (0, 1)
    )
    verdicts = "".join(
        f"text.{name}{{fill:var(--{name});font-weight:600}}path.{name}{{stroke:var(--{name})}}"
        for name in (*names[5:], "untested")
    )
    return (
        f"svg{{{light}}}@media (prefers-color-scheme:dark){{svg{{{dark}}}}}"
        ".paper{fill:var(--paper)}text{fill:var(--ink)}.quiet,.quiet text{fill:var(--quiet)}"
        ".id{fill:var(--accent);font-weight:600}.line{stroke:var(--line)}.region{fill:var(--replicated);fill-opacity:.22}"
        ".wider{fill:var(--partly);fill-opacity:.16}path{vector-effect:non-scaling-stroke;fill:none}"
        f".interval{{stroke-width:2.5}}.measured{{stroke-width:9;stroke-linecap:round}}{verdicts}"
    )


def _inline(markdown: str) -> str:
    return to_html(markdown).strip().removeprefix("<p>").removesuffix("</p>")


def code(text: str) -> Markup:
    """A text in which what stands between backticks is code."""
    return Markup(re.sub(r"`(.*?)`", r"<code>\1</code>", str(escape(text))))


def subscripts(text: str) -> Markup:
    """λ_2, W_ij and (−1)^ρ with the index below and the power above the line; other underscores stay."""
    return Markup(indexed(str(escape(text))))


def _number(value: float | None) -> str:
    return number(float("nan") if value is None else value)


def _json(value: object) -> str:
    """A value as JSON that can stand in a script element."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).replace("</", "<\\/")
