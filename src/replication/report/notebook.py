"""A notebook's access to the tables of one run, and to the place where its figures go."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from IPython.display import Image, Markdown, display
from matplotlib.figure import Figure

from replication import processes
from replication.data.description import data_of
from replication.records.io import read_csv, read_json, read_measures
from replication.report.io import save
from replication.report.provenance_text import TIMED, by_device
from replication.report.style import COLUMN, styled

SCREEN_PIXELS_PER_INCH = 118  # a full-width figure fills the page's column


class Notebook:
    """Tables in, sentences and figures out.

    tables: results/<scale>; claims: its claims.csv; figures: figures/<scale>; published: results/published.
    """

    def __init__(self, tables: str, claims: str, figures: str, published: str):
        processes.die_with_parent()
        self._tables, self._claims = Path(tables), Path(claims)
        self._figures, self._published = Path(figures), Path(published)
        self.settings = read_json(self._tables / "settings.json")
        self._provenance = read_json(self._tables / "provenance.json")

    def table(self, name: str, optional: bool = False) -> pd.DataFrame:
        """A table of the run, for instance "regression/trials"; empty if it is optional and was not made."""
        path = self._tables / f"{name}.parquet"
        if optional and not path.exists():
            return pd.DataFrame()
        return read_measures(path).drop(columns="fingerprint", errors="ignore")  # of published rows

    def published(self, name: str) -> pd.DataFrame:
        """A published table that is not this run's, for instance "benchmark/depth"."""
        return read_csv(self._published / f"{name}.csv")

    def published_parts(self, pattern: str) -> pd.DataFrame:
        """Published tables of one kind together, for instance "benchmark/full_size_*"; empty if there are none."""
        tables = [read_csv(path) for path in sorted(self._published.glob(f"{pattern}.csv"))]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    def provenance(self, experiment: str) -> dict[str, object]:
        """The origin of an experiment's trials: scale, commit, machine, device, date, data; and by device."""
        record = self._provenance["experiments"][experiment]
        tables = {name: self.table(f"{experiment}/{name}", optional=True) for name in TIMED}
        data = data_of(experiment, tables["trials"], self.settings["run"])
        return record | {"data": data, "by_device": by_device(record, tables.values())}

    def experiments(self) -> dict[str, dict[str, object]]:
        """The origin of each experiment's trials, by its name."""
        return {name: self.provenance(name) for name in self._provenance["experiments"]}

    def claims(self, *names: str) -> pd.DataFrame:
        """The rows of these claims and of their parts: B1, B1a, B1b …; all rows without names."""
        claims = read_csv(self._claims, ["id", "verdict"])
        return claims[claims["id"].str.extract(r"^([A-Z]\d+)", expand=False).isin(names)] if names else claims

    def say(self, *paragraphs: str) -> None:
        """Show paragraphs of Markdown."""
        display(Markdown("\n\n".join(filter(None, paragraphs))))

    def show(
        self,
        name: str,
        drawn: pd.DataFrame,
        draw: Callable[[pd.DataFrame], Figure],
        describe: Callable[[pd.DataFrame], str],
    ) -> None:
        """Draw a table, save figure and table, show the figure with its caption below.

        The caption's first sentence is the alternative text. Without rows, no trial having finished or none having
        what is drawn, it says so.
        """
        figure = nothing() if drawn.empty else draw(drawn)
        caption = f"**{name}.** Nothing to draw: no finished trial has such data." if drawn.empty else describe(drawn)
        image = save(figure, self._figures, name, drawn)
        width = round(figure.get_figwidth() * SCREEN_PIXELS_PER_INCH)
        display(Image(image), metadata={"image/png": {"alt": alternative_text(caption), "width": width}})
        self.say(caption)


@styled
def nothing() -> Figure:
    """The sentence that stands in for a figure without data."""
    figure = Figure(figsize=(COLUMN, 0.5))
    figure.text(0.5, 0.5, "nothing to draw: no finished trial has such data", ha="center", va="center")
    return figure


def alternative_text(caption: str) -> str:
    """Title and first sentence of a caption without Markdown and TeX marks."""
    plain = re.sub(r"\\mathbf|[*$\\{}]", "", caption.replace("\\|", "‖"))
    title, _, rest = plain.partition(". ")
    return f"{title}. {rest.partition('. ')[0].rstrip('.')}."
