"""Formulas without a script: TeX becomes MathML, and W_ij or (−1)^{i−j} in a text gets its indices set low or high."""

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.addnodes import desc_signature
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

BEFORE = r"(?:(?<![A-Za-z0-9_]{2})(?<=[\w)\]‖])|(?<=\bin)|(?<=\bout)|(?<=\bsources))"  # one sign, or one of these words
INDEX = re.compile(BEFORE + r"([_^])(\{[^{}]*\}|[A-Za-zℓ0-9·]{1,2}(?![A-Za-zℓ0-9_]))")
RELATION = re.compile(r"(?<=\S) (=|:=|[≤≥<>≈≠]) (?=\S)|(?<=\d) (?=%)")  # no line ends beside these
AS_TYPED = (nodes.literal, nodes.FixedTextElement, nodes.math, nodes.raw, desc_signature)


def with_indices(text: str) -> list[nodes.Node]:
    """A text as nodes, what stands behind _ and ^ as sub- and superscripts: a group in braces, or at most two signs."""
    made: list[nodes.Node] = []
    end = 0
    for index in INDEX.finditer(text):
        kind = nodes.subscript if index[1] == "_" else nodes.superscript
        content = index[2].strip("{}")
        made += [nodes.Text(text[end : index.start()]), kind("", content)]
        end = index.end()
    return [*made, nodes.Text(text[end:])]


def set_indices(app: Sphinx, document: nodes.document) -> None:
    """Set the indices of every text except code, signatures and formulas, and keep "n = 3" and "5 %" in one line."""
    for text in list(document.findall(nodes.Text)):
        joined = RELATION.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), text.astext())
        if (INDEX.search(text) or joined != text) and not _is_as_typed(text):
            text.parent.replace(text, with_indices(joined))


def _is_as_typed(node: nodes.Node) -> bool:
    return node is not None and (isinstance(node, AS_TYPED) or _is_as_typed(node.parent))


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """A formula within a line."""
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def visit_display(translator: HTML5Translator, node: nodes.math_block) -> None:
    """A formula in a line of its own, with its number in the paper, \\tag{4.3}, behind it."""
    formula, tag = re.fullmatch(r"(.*?)\s*(?:\\tag\{(.*?)\})?\s*", node.astext(), re.DOTALL).groups()
    number = f'<span class="eqno">({tag})</span>' if tag else ""
    frame = '<div class="formula" role="group" tabindex="0" aria-label="Formula">'  # it scrolls where it is too wide
    translator.body.append(f"{frame}{convert(formula, display='block')}{number}</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect both to Sphinx."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    app.connect("doctree-read", set_indices, priority=400)  # before a page's headings are listed
    return {"parallel_read_safe": True, "parallel_write_safe": True}
