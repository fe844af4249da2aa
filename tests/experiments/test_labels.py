"""What must be read in a drawing lies within it."""

from pathlib import Path

from replication.experiments.baselines import figures
from replication.records.io import read_table
from replication.report.captions import plain

PUBLISHED = Path(__file__).parents[2] / "results/published"


def test_the_names_of_a_family_of_many_methods_are_not_cut():
    drawn = figures.fig_baselines_table(read_table(PUBLISHED / "baselines/trials.parquet"))
    figure = figures.fig_baselines(drawn)
    figure.draw_without_rendering()
    legends = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    assert legends and min(legend.get_window_extent().y0 for legend in legends) >= 0


def test_a_plain_caption_has_a_minus():
    assert plain("from $\\lambda_3 = -1$, 2025-03-03") == "from λ_3 = −1, 2025-03-03"
