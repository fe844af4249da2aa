"""Sphinx's settings: pages of the layer and of the runs that open from disk, without a network."""

import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent / "src")]

project = "SPARCS, reproduced"
author = "The SPARCS reproduction maintainers"
release = metadata.version("sparcs")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docstrings", "formulas", "pages"]
exclude_patterns = ["extensions"]
nitpicky = False

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4
html_math_renderer = "mathml"  # of `formulas`; the browser draws it, no script

autodoc_member_order = "bysource"
autodoc_typehints = "description"  # which `docstrings` sets as a table
autodoc_default_options = {"members": True, "exclude-members": "extra_repr"}
autodoc_preserve_defaults = True

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["static"]
html_css_files = ["docs.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "show_prev_next": True,
    "external_links": [{"url": "https://arxiv.org/abs/2504.00885", "name": "The paper"}],
    "footer_start": [],
    "footer_end": [],
}
