"""Executed notebooks as HTML pages that need nothing but themselves: no font, no CDN, no file beside them."""

import ast
import html
import os
import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader
from latex2mathml.converter import convert
from nbclient.exceptions import DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.filters import strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

from replication.records.io import read_json
from replication.report import shell
from replication.report.provenance_text import ANALYSED_BY
from sparcs.io import ArtifactError, atomic


def render(executed_notebook: Path, page: Path, analysed_by: str = "") -> None:
    """Write an executed notebook as one self-contained HTML file, formulas as MathML, code folded.

    analysed_by: commit and fingerprint of what was executed, for those who read the page by program. It links to the
    site beside its folder, which tells it its neighbours. Raises ArtifactError if the file is no notebook.
    """
    notebook = read_notebook(executed_notebook)
    notebook.cells = [cell for cell in notebook.cells if not _PARAMETERS & set(cell.metadata.get("tags", []))]
    body, _ = _Exporter().from_notebook_node(notebook)
    text = _PAGES.get_template("report.html").render(
        **shell.surroundings(page, page.parent.parent / "site") | {"current": "reports"},
        title=_title(notebook),
        analysed_by=analysed_by,
        neighbours=None,
        style=_style(),
        script=shell.THEME.read_text(encoding="utf-8"),
        body=framed(body),
    )
    with atomic(page) as partial:
        partial.write_text(shell.with_contents(text), encoding="utf-8")


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """A notebook. Raises ArtifactError if the file is none."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        raise ArtifactError(f"{path} is no notebook: {str(error).splitlines()[0]}") from None
    return notebook


class CellError(Exception):
    """A notebook's cell has failed; the text shows where in the cell, and the error."""


def execute(notebook: Path, executed: Path, parameters: dict[str, str], analysed_by: str = "") -> None:
    """Run a notebook with these parameters; ``executed`` is written cell by cell, so it shows what has failed, too.

    analysed_by: commit and fingerprint of what is executed, told to the notebook's ``Notebook`` without its doing.
    Jupyter names a kernel's ports before the kernel takes them, and another kernel can be quicker. So a kernel that
    did not start is started once more. Raises CellError if a cell fails.
    """
    from papermill import PapermillExecutionError, execute_notebook  # takes a second to load

    os.environ[ANALYSED_BY] = analysed_by  # the kernel has this process's variables
    for is_last in (False, True):
        try:
            execute_notebook(notebook, executed, parameters, progress_bar=False)
            return
        except DeadKernelError:  # it had started
            raise
        except PapermillExecutionError as error:
            raise CellError(_in_short(error, notebook)) from None
        except RuntimeError:
            if is_last:
                raise


def _in_short(error, notebook: Path) -> str:
    """The failing line of a cell among its neighbours, and the error; not the libraries that it went through."""
    frames = [frame for frame in map(strip_ansi, error.traceback) if "Cell In[" in frame]
    return "\n".join([f"{notebook}: a cell has failed", *frames, f"{error.ename}: {error.evalue}"])


def check_parameters(notebook: Path, names: Iterable[str]) -> None:
    """Raise ValueError unless the cell tagged ``parameters`` sets exactly these names (papermill accepts any)."""
    cells = read_json(notebook).get("cells", [])
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise ValueError(f"{notebook}: {len(tagged)} cells are tagged parameters, allowed is one")
    statements = ast.parse("".join(tagged[0]["source"])).body
    parameters = {target.id for line in statements if isinstance(line, ast.Assign) for target in line.targets}
    if parameters != set(names):
        raise ValueError(f"{notebook}: its parameters are {sorted(parameters)}, expected are {sorted(names)}")


CELL = re.compile(r"<(t[hd])\b([^>]*)>(.*?)</\1>", re.DOTALL)
PHONE, FEW, WORDS = 42, 5, 28  # letters in a line of a table on a phone; columns; letters of a cell that holds words
MANY = 8  # rows, from more of which numbers are compared down a column
PICTURE, GALLERY = re.compile(r"(<img\b[^>]*>)"), re.compile(r'href="([^"]*figures\.html#[^"]*)"')
RELATION = re.compile(r"(?<![\w.])(?:\w{1,2}|\w_\d|R²) (?:=|:=|[<>≤≥≠]|&[lg]t;) (?=[\d−½])")
OWN_TAG = re.compile(r'<span class="verdict [a-z-]+">|</span>|</?code>')  # of a verdict, and of a cell's name


class _Renderer(IPythonRenderer):
    """Renders Markdown to HTML with formulas as MathML, and tables that scroll where they are wider than the page."""

    def table(self, text: str) -> str:
        rows = stacked(text)
        return f'<div class="wide" role="group" tabindex="0" aria-label="Table">\n<table>\n{rows}</table>\n</div>\n'

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        """A cell; one without text heads nothing, wherever it stands."""
        tag = "th" if head and text.strip() else "td"
        return f"  <{tag}>{text}</{tag}>\n"

    def text(self, text: str) -> str:
        return indexed(super().text(text))

    def strong(self, text: str) -> str:
        return super().strong(indexed(text))  # the parser parts its text at each underscore

    def emphasis(self, text: str) -> str:
        return super().emphasis(indexed(text))

    def inline_html(self, text: str) -> str:
        """A tag that this project writes in Markdown; any other, which may be a stranger's, stays a text."""
        return text if OWN_TAG.fullmatch(text) else html.escape(text)

    def block_html(self, text: str) -> str:
        return f"<p>{html.escape(text)}</p>\n"

    def inline_math(self, body: str) -> str:
        return mathml(body, "inline")

    def block_math(self, body: str) -> str:
        return mathml(body, "block").replace("<math", '<math tabindex="0"', 1)  # a wide one scrolls, by keyboard too


class _Exporter(HTMLExporter):
    """nbconvert's basic template with folded code and without prompts."""

    def __init__(self):
        super().__init__(
            template_name="basic",
            raw_template=_TEMPLATE,
            exclude_input_prompt=True,
            exclude_output_prompt=True,
        )

    def default_filters(self):
        yield from super().default_filters()
        yield "markdown2html", to_html


def indexed(text: str) -> str:
    """HTML with the index of λ_2, W_ij below the line and the power of (−1)^ρ above it; other underscores stay.

    A number keeps its "%" and a symbol its "= 3" on the same line.
    """
    text = re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", text)
    text = RELATION.sub(lambda of: of[0].replace(" ", "\N{NO-BREAK SPACE}"), text)
    text = re.sub(
        r"(?<![A-Za-z])([λφΓΦWLNA])_(\w{1,3}(?!\w)|\([^)]*\)(?:,\w(?!\w))?)",
        lambda index: f"{index[1]}<sub>{re.sub('[()]', '', index[2])}</sub>",
        text,
    )
    return re.sub(r"\^(\w+|\([^)]*\))", lambda power: f"<sup>{power[1].strip('()')}</sup>", text)


def stacked(table: str) -> str:
    """An HTML table's rows, labelled by column where a phone shows each cell on a line of its own.

    So it does if the table is wider than a phone, and has few columns, few rows, or words in them. Many rows of numbers
    in many columns are compared down a column: these scroll sideways.
    """
    head, mark, body = table.partition("<tbody>")
    names = [_words(cell[3]) for cell in CELL.finditer(head)]
    rows = [[_words(cell[3]) for cell in CELL.finditer(row)] for row in body.split("</tr>")]
    rows = [row for row in rows if len(row) == len(names)]
    columns = list(zip(names, *rows, strict=True))
    wide = sum(max(map(len, " ".join(column).split()), default=0) + 2 for column in columns) > PHONE
    worded = any(len(cell) > WORDS for column in columns for cell in column)
    if not wide or (len(columns) > FEW and len(rows) > MANY and not worded):
        return table

    def labelled(row: str) -> str:
        labels = iter(names)
        return CELL.sub(
            lambda cell: f'<{cell[1]}{cell[2]} data-label="{next(labels, "")}"><div>{cell[3]}</div></{cell[1]}>', row
        )

    return head + mark + "</tr>".join(labelled(row) for row in body.split("</tr>"))


def framed(body: str) -> str:
    """A report's pictures on their sheets, each a link to where the gallery opens it large, if its caption has one.

    On a phone a figure's letters are too small to read; there it opens as a drawing.
    """
    parts = PICTURE.split(body)
    for place in range(1, len(parts), 2):
        link = GALLERY.search(parts[place + 1])
        start, end = (
            (f'<a class="picture" href="{link[1]}">', "</a>") if link else ('<span class="picture">', "</span>")
        )
        parts[place] = f"{start}{parts[place]}{end}"
    return "".join(parts)


def _words(cell: str) -> str:
    return re.sub(r"<[^>]*>", "", cell).strip().replace('"', "&quot;")


def mathml(formula: str, display: str = "inline") -> str:
    """A TeX formula as MathML; display: "inline" or "block".

    The bars of a norm are paired, for the converter lowers one with an index; := is one sign.
    """
    formula = formula.replace(r"\lVert", r"\left\|").replace(r"\rVert", r"\right\|")
    made = convert(formula, display=display).replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "", 1)
    return made.replace("<mi>:</mi><mo>&#x0003D;</mo>", "<mo>:&#x0003D;</mo>")


def to_html(source: str) -> str:
    """Markdown as HTML with formulas as MathML."""
    renderer = _Renderer(escape=False, allow_harmful_protocols=False, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(source)


def _title(notebook: nbformat.NotebookNode) -> str:
    first = next(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return first.splitlines()[0].lstrip("# ")


def _style() -> str:
    """The shell's style, and the colours of code on light and on dark paper."""
    light = HtmlFormatter(style="xcode").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark")
    by_system, chosen = (dark.get_style_defs(f":root{theme} .highlight") for theme in (NOT_LIGHT, DARK))
    sheets = (shell.NAVIGATION, shell.STYLE, shell.TEMPLATES / "report.css")
    shells = "\n".join(path.read_text(encoding="utf-8") for path in sheets)
    return f"{shells}\n{light}\n@media (prefers-color-scheme: dark) {{\n{by_system}\n}}\n{chosen}"


NOT_LIGHT, DARK = ':not([data-theme="light"])', '[data-theme="dark"]'
_PAGES = Environment(loader=FileSystemLoader(shell.TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
_PARAMETERS = {"parameters", "injected-parameters"}

_TEMPLATE = """{%- extends 'basic/index.html.j2' -%}
{% block input %}<details class="code"><summary>code</summary>{{ super() }}</details>{% endblock input %}
{% block stream_stdout %}<div class="output_subarea output_stream output_stdout output_text">
<pre role="group" tabindex="0" aria-label="Printed">{{ output.text | ansi2html }}</pre></div>
{% endblock stream_stdout %}
"""
