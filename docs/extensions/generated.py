"""The directive ``generated``: Markdown that a function of this project returns, in place of numbers typed by hand."""

from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Generated(SphinxDirective):
    """``{generated} module:function``: the function takes no argument."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The Markdown as nodes of the page."""
        module, _, function = self.arguments[0].partition(":")
        made = import_module(module)
        self.env.note_dependency(Path(made.__file__))
        return self.parse_text_to_nodes(getattr(made, function)(), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("generated", Generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
