"""The row of links and the theme that the documentation shares with the site and the reports, and links out of it."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx

from replication.report import shell

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "docs/html"  # where these pages lie, in a checkout and on GitHub's Pages; links to the rest start there


def surround(app: Sphinx, page: str, template: str, context: dict[str, Any], document: Any) -> None:
    """Give a page's template what those of the site have."""
    around = shell.surroundings(BUILT / f"{page}.html", ROOT / "results/published/site")
    context.update(around | {"current": "docs"})


def lead_out(app: Sphinx, document: nodes.document) -> None:
    """Links to files outside of docs lead from the built page to where they lie, not to copies."""
    page = ROOT / "docs" / app.env.docname
    for link in [*document.findall(download_reference), *document.findall(pending_xref)]:
        suffix = ".md" if link.get("refdomain") == "doc" else ""  # Markdown is taken for a page
        name = f"{link['reftarget']}{suffix}"
        path = Path(os.path.normpath(page.parent / name))
        if path.is_file() and not path.is_relative_to(ROOT / "docs"):
            address = shell.relative(path, (BUILT / app.env.docname).parent)
            link.replace_self(nodes.reference("", "", *link.children, refuri=address, internal=True))


def source(domain: str, info: dict[str, str]) -> str | None:
    """Where the source of a documented object lies, seen from a page of the reference."""
    documented = getattr(import_module(info["module"]), info["fullname"].partition(".")[0])
    path = f"src/{documented.__module__.replace('.', '/')}"
    found = next((file for file in (f"{path}.py", f"{path}/__init__.py") if (ROOT / file).is_file()), None)
    return found and f"../../../{found}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect it to Sphinx."""
    app.connect("html-page-context", surround)
    app.connect("doctree-read", lead_out, priority=400)  # before what is linked is copied
    for sheet in ("navigation.css", "docs.css"):
        app.add_css_file(sheet)
    for script in ("theme.js", "mode.js"):
        app.add_js_file(script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
