"""What is around every page's content: navigation, theme, contents, links; the documentation shares the first two."""

import html
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from replication.records.git import ROOT

TEMPLATES = Path(__file__).parent / "templates"
NAVIGATION, STYLE, THEME = (TEMPLATES / name for name in ("navigation.css", "shell.css", "theme.js"))
PAPER = "https://arxiv.org/abs/2504.00885"
SECTIONS = (  # pages of the site, in their order, with their names in the navigation
    ("scorecard", "Scorecard"),
    ("figures", "Figures"),
    ("alpha", "Explore α"),
    ("explore", "Budget and start"),
    ("trials", "Trials"),
    ("tables", "Tables"),
    ("reports", "Reports"),
    ("misprints", "Misprints"),
    ("missing", "Missing"),
    ("provenance", "Provenance"),
    ("reliability", "Reliability"),
)
FEWEST_HEADINGS = 3  # of a page with a table of contents
CONTENTS = "<!-- contents -->"

Link = tuple[str, str]  # address and text


def relative(path: Path, folder: Path) -> str:
    """The address of a file, or of a folder with a slash behind it, on a page in a folder."""
    address = quote(Path(os.path.relpath(path, folder)).as_posix())
    return f"{address}/" if path.is_dir() else address


def surroundings(page: Path, site: Path) -> dict[str, object]:
    """What the shell's template needs of a page, except its neighbours: where it stands, and what it links to."""
    return {
        "site": relative(site, page.parent).rstrip("/") + "/" if site != page.parent else "",
        "root": relative(ROOT, page.parent),
        "paper": PAPER,
        "sections": SECTIONS,
        "current": page.stem if page.parent == site else "",
    }


def around(pages: Sequence[Link], place: int) -> tuple[Link | None, Link | None]:
    """The pages before and behind one in a row."""
    return pages[place - 1] if place else None, pages[place + 1] if place + 1 < len(pages) else None


def with_contents(page: str) -> str:
    """The page with its table of contents, from its headings of the second level, where it has a few.

    Headings without an id get one.
    """
    page = re.sub(r"<h2>(.*?)</h2>", lambda heading: f'<h2 id="{_slug(heading[1])}">{heading[1]}</h2>', page)
    headings = [
        (name, _plain(text))
        for name, text in re.findall(r'<h2[^>]* id="([^"]+)"[^>]*>(.*?)</h2>', page, flags=re.DOTALL)
    ]
    items = "".join(f'<li><a href="#{name}">{html.escape(text)}</a></li>' for name, text in headings)
    listed = f'<nav aria-label="On this page"><ol>{items}</ol></nav>'
    made = f'<details class="contents"><summary>On this page</summary>{listed}</details>'
    return page.replace(CONTENTS, made if len(headings) >= FEWEST_HEADINGS else "", 1)


def _plain(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", text)).strip()


def _slug(heading: str) -> str:
    return re.sub(r"\W+", "-", _plain(heading).lower()).strip("-")
