"""Sphinx's settings: pages of the layer and of the runs that open from disk, without a network."""

import sys
from importlib import import_module, metadata
from pathlib import Path

HERE = Path(__file__).parent
SHELL = "../src/replication/report/templates"  # what these pages share with the site and the reports
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent / "src")]

project = "SPARCS, reproduced"
author = "The SPARCS reproduction maintainers"
release = metadata.version("sparcs")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.linkcode"]
extensions += ["docstrings", "formulas", "navigation", "pages"]
exclude_patterns = ["extensions", "html"]
nitpicky = False

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4
html_math_renderer = "mathml"  # of `formulas`; the browser draws it, no script

autodoc_member_order = "bysource"
autodoc_typehints = "description"  # which `docstrings` sets as a table
autodoc_default_options = {"members": True, "exclude-members": "extra_repr"}
autodoc_preserve_defaults = True
toc_object_entries_show_parents = "hide"
linkcode_resolve = import_module("navigation").source

html_theme = "pydata_sphinx_theme"
html_title = project
html_favicon = "../src/replication/site/assets/icon.svg"
templates_path = ["templates", SHELL]
html_static_path = ["static", f"{SHELL}/navigation.css", f"{SHELL}/theme.js"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "show_prev_next": True,
    "logo": {"text": "Documentation"},
    "navbar_end": [],  # the button of light and dark stands in the row of links above
    "footer_start": ["elsewhere"],
    "footer_end": [],
}
