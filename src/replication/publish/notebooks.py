"""The verb that puts executed notebooks where Git tracks them."""

from pathlib import Path

import click

from replication.records.io import ArtifactError, write_bytes
from replication.records.verbs import INPUT, PATH


@click.command()
@click.option("--results", type=INPUT, required=True, help="what was made from the published tables")
@click.option("--published", type=PATH, required=True, help="output folder: notebooks go beside its pages")
@click.option("--report", "reports", multiple=True, required=True, help="name of a notebook")
def publish_notebooks(results: Path, published: Path, reports: tuple[str, ...]) -> None:
    """Put the executed notebooks, with their outputs, beside the published pages.

    Nothing is written if one of them is no notebook or too large.
    """
    from replication.report.executed import kept  # loads nbconvert

    executed = [path for name in reports if (path := results / f"reports/{name}.ipynb").exists()]
    if not executed:
        raise ArtifactError(f"{results / 'reports'} holds no executed notebook of {', '.join(reports)}")
    contents = {path: kept(path) for path in executed}
    for path, content in contents.items():
        write_bytes(published / path.relative_to(results), content)
        click.echo(f"{path.stem}: {len(content):,} bytes")
