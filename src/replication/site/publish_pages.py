"""The verb that puts what was made from the published tables beside them."""

import shutil
from pathlib import Path

import click

from replication.account.scorecard import with_verdicts
from replication.judging.table import read_claims
from replication.records.io import remove_others
from replication.records.verbs import INPUT, PATH
from sparcs.io import atomic

CAPTION = ".rst"  # for Snakemake's report alone
Names = tuple[str, ...]


@click.command()
@click.option("--results", type=INPUT, required=True, help="what was made from the published tables")
@click.option("--figures", type=INPUT, required=True, help="figures made from them")
@click.option("--published", type=PATH, required=True, help="output folder of claims and pages")
@click.option("--published-figures", type=PATH, required=True, help="output folder of figures")
@click.option("--report", "reports", multiple=True, required=True, help="name of a notebook")
@click.option("--figure", "drawn", multiple=True, required=True, help="name of a figure")
@click.option("--readme", type=INPUT, required=True, help="its answer and scorecard are written anew")
def publish_pages(
    results: Path, figures: Path, published: Path, published_figures: Path, reports: Names, drawn: Names, readme: Path
) -> None:
    """Copy claims, reports and figures that were made from the published tables; write the site and README's verdicts.

    Pages and figures of other names are removed from what is published.
    """
    from replication.site.pages import build
    from replication.site.run import Run

    pages = [results / "claims.csv", *(results / f"reports/{name}.html" for name in reports)]
    places = {path: published / path.relative_to(results) for path in pages if path.is_file()}
    pictures = [path for name in drawn for path in figures.glob(f"{name}.*") if path.suffix != CAPTION]
    places |= {path: published_figures / path.name for path in pictures}
    for path, place in sorted(places.items()):
        with atomic(place) as partial:
            shutil.copyfile(path, partial)
    kept = {*places.values(), *(published / f"reports/{name}.ipynb" for name in reports)}  # of publish-notebooks
    for folder in (published / "reports", published_figures):
        remove_others(folder, kept)
    build(
        Run(published, published / "claims.csv", published / "reports", published_figures, published, reports),
        published / "site",
    )
    text = with_verdicts(readme.read_text(encoding="utf-8"), read_claims(published / "claims.csv"))
    with atomic(readme) as partial:
        partial.write_text(text, encoding="utf-8")
