"""A notebook's access to the tables of one run, and to the place where its figures go."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
from IPython.display import Image, Markdown, display
from matplotlib.figure import Figure

from replication import processes
from replication.data.description import data_of
from replication.experiment import Experiment
from replication.judging.table import read_claims
from replication.records import provenance
from replication.records.io import read_csv, read_json, read_measures
from replication.report.captions import as_rst, caption_of, plain, room_of
from replication.report.io import save
from replication.report.provenance_text import ANALYSED_BY, by_device, trained_by
from replication.report.style import COLUMN, styled
from sparcs.io import atomic

SCREEN_PIXELS_PER_INCH = 118  # a full-width figure fills the page's column
TITLE = re.compile(r"\*\*(.*?)\*\*")  # of a caption


class Notebook:
    """Tables in, sentences and figures out.

    tables: results/<scale>; claims: claims.csv of its experiment, or of all; figures: figures/<scale>; published:
    results/published. It says what trained and what analysed, whatever else the notebook says.
    """

    def __init__(self, tables: str, claims: str, figures: str, published: str):
        processes.die_with_parent()
        self._tables, self._claims = Path(tables), Path(claims)
        self._figures, self._published = Path(figures), Path(published)
        self._analysed_by = os.environ.get(ANALYSED_BY) or f"commit {provenance.commit()}, by hand"
        self._read: dict[str, None] = {}  # experiments whose tables were read, in this order
        self._said_origin = False
        self.settings = read_json(self._tables / "settings.json")

    def table(self, name: str, optional: bool = False) -> pd.DataFrame:
        """A table of the run, for instance "regression/trials"; empty if it is optional and was not made."""
        self._read[name.partition("/")[0]] = None
        path = self._tables / f"{name}.parquet"
        if optional and not path.exists():
            return pd.DataFrame()
        return read_measures(path).drop(columns="fingerprint", errors="ignore")  # the origin of rows, no measure

    def published(self, name: str) -> pd.DataFrame:
        """A published table that is not this run's, for instance "benchmark/depth"."""
        return read_csv(self._published / f"{name}.csv")

    def published_parts(self, pattern: str) -> pd.DataFrame:
        """Published tables of one kind together, for instance "benchmark/full_size_*"; empty if there are none."""
        tables = [read_csv(path) for path in sorted(self._published.glob(f"{pattern}.csv"))]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    def provenance(self, experiment: Experiment) -> dict[str, object]:
        """The origin of an experiment's trials: scale, commit, machine, device, date, data; and by device."""
        record = read_json(self._record_of(experiment.name))
        paths = [self._tables / experiment.name / f"{name}.parquet" for name in experiment.trained]
        tables = [read_measures(path) if path.exists() else pd.DataFrame() for path in paths]
        data = data_of(experiment, tables[0], self.settings["run"])
        return record | {"data": data, "by_device": by_device(record, tables)}

    def experiments(self, experiments: Iterable[Experiment]) -> dict[str, dict[str, object]]:
        """The origin of the trials of those experiments that have any, by name."""
        recorded = [each for each in experiments if self._record_of(each.name).exists()]
        return {each.name: self.provenance(each) for each in recorded}

    def claims(self, *names: str) -> pd.DataFrame:
        """The rows of these claims and of their parts: B1, B1a, B1b …; all rows without names."""
        claims = read_claims(self._claims)
        return claims[claims["id"].str.extract(r"^([A-Z]\d+)", expand=False).isin(names)] if names else claims

    def say(self, *paragraphs: str) -> None:
        """Show paragraphs of Markdown; below the first ones, the answer, what trained and what analysed."""
        origin = "" if self._said_origin else self.origin()
        self._said_origin = True
        display(Markdown("\n\n".join(filter(None, map(str.strip, (*paragraphs, origin))))))

    def origin(self) -> str:
        """What trained the trials of the tables read so far, and what analyses them, in a line."""
        paths = filter(Path.exists, map(self._record_of, self._read))
        trained = trained_by(map(read_json, paths)) or "what left no record"
        return f"*Trained by* {trained}. *Analysed by* {self._analysed_by}."

    def show(
        self,
        name: str,
        drawn: pd.DataFrame,
        draw: Callable[[pd.DataFrame], Figure],
        describe: Callable[[pd.DataFrame], str],
        optional: bool = False,
    ) -> None:
        """Draw a table, save figure, table and caption, show the figure with what ``describe`` says of it below.

        That text's first sentence is the alternative text, and its title links to the figure in the site's gallery, as
        from the folder of reports. Without rows, no trial having finished or none having what is drawn, it says so, or,
        if it is ``optional``, nothing. The caption, for Snakemake's report, has the figure's own docstring besides, see
        ``replication.report.captions``.
        """
        words = caption_of(room_of(describe), name)
        figure = nothing() if drawn.empty else draw(drawn)
        caption = (
            f"**{words.title}.** Nothing to draw: no finished trial has such data." if drawn.empty else describe(drawn)
        )
        image = save(figure, self._figures, name, drawn)
        with atomic(self._figures / f"{name}.rst") as partial:
            partial.write_text(as_rst(words, caption), encoding="utf-8")
        if optional and drawn.empty:
            return
        width = round(figure.get_figwidth() * SCREEN_PIXELS_PER_INCH)
        display(Image(image), metadata={"image/png": {"alt": alternative_text(caption), "width": width}})
        self.say(caption if drawn.empty else TITLE.sub(rf"**[\1](../site/figures.html#{name})**", caption, count=1))

    def _record_of(self, experiment: str) -> Path:
        return self._tables / experiment / "provenance.json"


@styled
def nothing() -> Figure:
    """The sentence that stands in for a figure without data."""
    figure = Figure(figsize=(COLUMN, 0.5))
    figure.text(0.5, 0.5, "nothing to draw: no finished trial has such data", ha="center", va="center")
    return figure


def alternative_text(caption: str) -> str:
    """Title and first sentence of a caption without Markdown and TeX marks."""
    title, _, rest = plain(caption).partition(". ")
    return f"{title}. {rest.partition('. ')[0].rstrip('.')}."
