"""The documentation: its code runs and prints what it says, and the site is built whole and works offline."""

import re
import subprocess
import sys
from contextlib import redirect_stdout
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest

import sparcs

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", ["docs/index", "docs/tutorial", "docs/heads", "README"])
def test_code_blocks_print_what_stands_below_them(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, printed, compared = {}, "", 0
    for kind, text in BLOCK.findall((ROOT / f"{page}.md").read_text()):
        if kind == "text":
            assert printed == text
            compared += 1
            continue
        with redirect_stdout(StringIO()) as output:
            exec(text, names)
        printed = output.getvalue()
    assert compared


class Links(HTMLParser):
    """What a page loads, what it links to, and its anchors."""

    def __init__(self):
        super().__init__()
        self.loaded, self.linked, self.anchors = [], [], set()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.add(attrs.get("id"))
        if tag in ("script", "img", "iframe") and "src" in attrs:
            self.loaded.append(attrs["src"])
        if tag == "link" and attrs.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.append(attrs["href"])
        if tag == "a" and "href" in attrs:
            self.linked.append(attrs["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-d", tmp_path_factory.mktemp("doctrees"), "docs", folder]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert not built.stderr
    pages = {}
    for path in folder.rglob("*.html"):
        pages[path] = Links()
        pages[path].feed(path.read_text())
    return pages


def test_nothing_comes_from_the_network(site):
    assert len(site) >= 9
    for links in site.values():
        assert links.loaded
        assert not [address for address in links.loaded if "//" in address]


def test_every_link_resolves(site):
    for page, links in site.items():
        for address in links.linked:
            if "//" in address or page.name == "404.html":
                continue
            file, _, anchor = address.partition("#")
            target = (page.parent / file).resolve() if file else page
            assert target in site, f"{page.name}: {address}"
            assert not anchor or anchor in site[target].anchors, f"{page.name}: {address}"


def test_every_public_name_is_documented(site):
    anchors = {anchor for links in site.values() for anchor in links.anchors}
    modules = sparcs._PUBLIC
    assert {f"{module}.{name}" for name, module in modules.items()} <= anchors
