"""The row of links and the theme that the documentation shares with the site and the reports."""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from replication.report import shell

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "docs/html"  # where these pages lie, in a checkout and on GitHub's Pages; links to the rest start there


def surround(app: Sphinx, page: str, template: str, context: dict[str, Any], document: Any) -> None:
    """Give a page's template what those of the site have."""
    around = shell.surroundings(BUILT / f"{page}.html", ROOT / "results/published/site")
    context.update(around | {"current": "docs"})


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect it to Sphinx."""
    app.connect("html-page-context", surround)
    for sheet in ("navigation.css", "docs.css"):
        app.add_css_file(sheet)
    for script in ("theme.js", "mode.js"):
        app.add_js_file(script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
