"""The site: the findings as pages that open from disk without a network.

Everything on them comes from the tables, figures and reports of one run; nothing is trained or measured here.
"""

from replication.site.pages import build

__all__ = ["build"]
