"""The verb that builds the site."""

from pathlib import Path

import click

from replication.records.verbs import INPUT, PATH


@click.command()
@click.option("--tables", type=INPUT, required=True, help="folder of tables, settings and records")
@click.option("--claims", type=INPUT, required=True, help="claims.csv")
@click.option("--reports", type=INPUT, required=True, help="folder of executed notebooks")
@click.option("--report", "names", multiple=True, required=True, help="name of a notebook; other pages are old")
@click.option("--figures", type=INPUT, required=True, help="folder of figures")
@click.option("--published", type=PATH, required=True, help="results/published")
@click.option("--output", type=PATH, required=True, help="output folder")
def build_site(
    tables: Path,
    claims: Path,
    reports: Path,
    names: tuple[str, ...],
    figures: Path,
    published: Path,
    output: Path,
) -> None:
    """Write the scorecard, the figures and the reports as pages that open from disk."""
    from replication.site.pages import build
    from replication.site.run import Run

    build(Run(tables, claims, reports, figures, published, names), output)
