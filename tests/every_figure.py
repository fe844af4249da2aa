"""Every experiment's figures in one place, as tests draw them."""

from importlib import import_module
from types import SimpleNamespace

from replication.experiments import NAMES
from replication.report.io import save


def every_figure() -> SimpleNamespace:
    """``fig01`` to ``fig18`` and the project's own, with their tables and captions, and ``save``."""
    modules = [import_module(f"replication.experiments.{name}.figures") for name in (*NAMES, "cost")]
    return SimpleNamespace(save=save, **{name: value for module in modules for name, value in vars(module).items()})
