"""The comparison with other ways to search for a small network: error against size (Figure R1), gates over time."""

from collections.abc import Sequence
from textwrap import fill

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from replication.data.names import NEW_TEACHERS, TEACHER
from replication.experiments.baselines.comparison import (
    FEW,
    GOOD_R2,
    KEYS,
    LEAST,
    METHODS,
    OWN,
    REFERENCE,
    TARGETS,
    name_of,
    networks,
)
from replication.judging.statistics import LEVEL
from replication.report.intervals import FEWEST, count_range, over_logarithms, over_trials
from replication.report.style import BLUE, GREEN, GREY, INK, ORANGE, PAGE, PURPLE, RED, SKY, styled
from replication.report.template import capital
from replication.report.text import number

FAMILIES = {  # methods that share a column, in their order
    "SPARCS, other": [method for method in OWN if method != REFERENCE],
    "pruned, linear": ["mlp_magnitude", "mlp_spectral", "linear"],
    "group lasso": ["lasso_half", "lasso_random", "lasso_zero"],
    "gates": ["darts", "fairdarts", "pc_darts", "gdas", "reinforce"],
    "GAEA": ["gaea", "gaea_bilevel"],
    "sampled": ["optuna", "random", "neat"],
}
OTHERS = "others"  # the column of methods of no family
GATE_COLORS = {
    "darts": GREEN,
    "fairdarts": ORANGE,
    "pc_darts": PURPLE,
    "gdas": SKY,
    "reinforce": GREY,
    "gaea": RED,
    "gaea_bilevel": BLUE,
}
GATE_DASHES = {"gaea_bilevel": (0, (4, 2)), "reinforce": (0, (1, 1))}  # both GAEA lie on each other
GATES = {
    "entropy": ("entropy of the gates", over_trials),
    "decided": ("share decided", over_trials),
    "expected_size": ("expected size", over_trials),
    "validation_mse": ("validation loss", over_logarithms),
}
COLORS = (RED, GREEN, PURPLE, ORANGE, INK)  # of a family's methods; SPARCS with the paper's penalty is pale blue
HEAD, PANEL, LINE = 0.5, 1.15, 0.085  # inches: the titles, a row of panels, a line of the legends below
LETTERS = 18  # of a method's name below a panel, in a line
SHAPES = {"loss_budget": "o", "min_r2": "+", "max_30_neurons": "o"}  # the marks of a target
HOLLOW = "max_30_neurons"


def title_of(task: str) -> str:
    """A task's name for the reader."""
    names = {TEACHER: "teacher 20-100-100-20", NEW_TEACHERS: "other teachers 20-100-100-20"}
    return names.get(task, f"experiment 1, α = {task.rpartition('alpha')[2]}")


def fig_baselines_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Every small network as it is, one a row: task, method, trial, strength, target, size and error.

    ``unexplained`` is 1 − R² on the test points. No diverged search has a row.
    """
    points = networks(trials)
    points = points[~points["retrained"]].drop(columns="retrained")
    return points.assign(unexplained=1 - points["test_r2"])


@styled
def fig_baselines(drawn: pd.DataFrame) -> Figure:
    """Figure R1: error against size of the networks that each method finds.

    What is left unexplained on the test points against the parameters after the same compaction: a row for each task, a
    column for each family of methods, SPARCS with the paper's penalty behind all; all seeds and strengths.

    Beyond the paper: it says that SPARCS needs fewer parameters than “other viable alternatives” and runs none of them
    (claim G2).
    """
    tasks, families = _tasks_of(drawn), _families_of(drawn)
    foot = LINE * max(sum(name.count("\n") + 2 for name in _wrapped(methods)) for methods in families.values())
    figure = Figure(figsize=(PAGE, HEAD + PANEL * len(tasks) + foot), layout="constrained")
    panels = figure.subplots(len(tasks), len(families), sharex="row", sharey="row", squeeze=False)
    for row, task in zip(panels, tasks, strict=True):
        of_task = drawn[drawn["task"] == task]
        for axes, methods in zip(row, families.values(), strict=True):
            _draw_family(axes, of_task, methods)
        _name_task(row[0], of_task)
    for above, below, (family, methods) in zip(panels[0], panels[-1], families.items(), strict=True):
        above.set_title(family)
        _name_methods(below, methods)
    figure.legend(handles=_legend(), loc="outside upper left", ncols=5, columnspacing=1, handletextpad=0.3)
    figure.get_layout_engine().set(rect=(0, foot / figure.get_figheight(), 1, 1 - foot / figure.get_figheight()))
    return figure


def fig_baselines_result(drawn: pd.DataFrame) -> str:
    """The smallest network that fits, of any method and of the paper's SPARCS, on the teacher or the last task."""
    task = _task_of(drawn)
    fitting = drawn[(drawn["task"] == task) & (drawn["unexplained"] <= 1 - GOOD_R2)]
    where = "the paper's teacher" if task == TEACHER else title_of(task)
    if fitting.empty:
        return f"No method finds a network with R² ≥ {GOOD_R2} on {where}."
    sizes = fitting.groupby("method")["parameters"].min()
    ours = f"has {number(sizes[REFERENCE])}" if REFERENCE in sizes else "is none"
    return (
        f"The smallest network with R² ≥ {GOOD_R2} on {where} has {number(sizes.min())} parameters; that of SPARCS "
        f"with the paper's penalty {ours}."
    )


def fig_baselines_caption(drawn: pd.DataFrame) -> str:
    """Figure R1 in words."""
    counts = drawn.groupby(["task", "method"])["trial"].nunique()
    beyond = sum(int((part["parameters"] < _least_size(part)).sum()) for _, part in drawn.groupby("task"))
    edge = f" Off the scale, at its left end: {beyond} of {len(drawn):,} networks." if beyond else ""
    return (
        f"**Figure R1.** {fig_baselines_result(drawn)} Upright: what is left unexplained on the test points; across: "
        "the number of parameters; lower left is better. Pale blue in every panel: SPARCS with the paper's penalty. "
        "Each mark: one seed and one strength of the size penalty, after the same compaction, not retrained; n = "
        f"{count_range(counts)} seeds a method. Filled: the fewest neurons within the loss budget. Crosses: the fewest "
        f"for R² ≥ {GOOD_R2}, with a margin, on the points for choosing. Hollow: the {FEW} most important neurons. "
        f"Dashed: R² = {GOOD_R2}. Errors below {number(LEAST)} are drawn there.{edge} *The paper* has no such figure: "
        "it counts, and runs no baseline."
    )


def fig_gates_table(history: pd.DataFrame) -> pd.DataFrame:
    """Entropy, share decided, size and loss over time: over the seeds of each task and method, at one strength.

    The strength is the middle one, the larger of two. The loss spans decades: its mean and interval are those of the
    logarithm. There are no rows if no method with gates ran.
    """
    if history.empty:
        return history
    by = ["task", "method", "gradient_evaluations"]
    strengths = sorted(history["strength"].unique())
    strength = strengths[len(strengths) // 2]
    seeds = history[history["strength"] == strength]
    parts = [summary(seeds, measure, by).assign(measure=measure) for measure, (_, summary) in GATES.items()]
    return pd.concat(parts, ignore_index=True).assign(strength=strength)


@styled
def fig_gates(drawn: pd.DataFrame) -> Figure:
    """How decided the gates get during a search.

    Mean entropy of the gates, the share of them that is decided, the expected size of the network and its validation
    loss over the gradient evaluations, for the methods that search by gates.

    Beyond the paper: its search has no gates, an eigenvalue of each neuron stands in their place.
    """
    of_task = drawn[drawn["task"] == _task_of(drawn)]
    figure = Figure(figsize=(PAGE, 4.2), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True).ravel()
    for axes, (measure, (label, _)) in zip(panels, GATES.items(), strict=True):
        for method in methods_of(of_task):
            rows = of_task[(of_task["measure"] == measure) & (of_task["method"] == method)]
            color, dashes = GATE_COLORS.get(method, INK), GATE_DASHES.get(method, "-")
            thousands = rows["gradient_evaluations"] / 1000
            axes.fill_between(thousands, rows["low"], rows["high"], color=color, alpha=0.2, linewidth=0)
            axes.plot(thousands, rows["mean"], linestyle=dashes, color=color, linewidth=1.5, label=name_of(method))
        axes.set_ylabel(label)
    for axes in panels[2:]:
        axes.set_xlabel("gradient evaluations (thousands)")
    panels[-1].set_yscale("log")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=7, columnspacing=1)
    return figure


def fig_gates_result(drawn: pd.DataFrame) -> str:
    """Which method has decided most of its gates at the end, and which fewest."""
    last = drawn[(drawn["task"] == _task_of(drawn)) & (drawn["measure"] == "decided")].dropna(subset=["mean"])
    last = last.loc[last.groupby("method")["gradient_evaluations"].idxmax()].set_index("method")["mean"]
    if last.empty:
        return "No search by gates ended."
    most, least = last.idxmax(), last.idxmin()
    end = f"{capital(name_of(most))} has decided {100 * last[most]:.0f} % of its gates when the search ends"
    return f"{end}." if most == least else f"{end}, {name_of(least)} {100 * last[least]:.0f} %."


def fig_gates_caption(drawn: pd.DataFrame) -> str:
    """The gates over time in words."""
    task = _task_of(drawn)
    n = drawn.loc[drawn["task"] == task, "n"]
    band = f"; band: its {100 * LEVEL:g} % t interval" if n.max() >= FEWEST else "; no interval is given for n < 3"
    return (
        f"**Gates.** {fig_gates_result(drawn)} How the gates settle ({title_of(task)}, strength "
        f"{drawn['strength'].iloc[0]:g}), on equal gradient evaluations. A step of the gates and one of the weights "
        "count two; in REINFORCE, whose gates take no gradient, one. Entropy: 1 where all choices weigh the same. "
        "Decided: one choice weighs 0.9 or more. Size: expected parameters over those of the maximal network. Loss: on "
        f"the validation points, with these gates. Line: mean of n = {count_range(n)} seeds, of the loss the mean "
        f"logarithm{band}. *The paper* has no such figure."
    )


def _task_of(drawn: pd.DataFrame) -> str:
    """The teacher if it is there, else the last task."""
    return TEACHER if (drawn["task"] == TEACHER).any() else drawn["task"].iloc[-1]


def methods_of(drawn: pd.DataFrame) -> list[str]:
    """The methods that are drawn, in the order of their names here, others last."""
    known = list(METHODS)
    return sorted(drawn["method"].unique(), key=lambda name: known.index(name) if name in known else len(known))


def _tasks_of(drawn: pd.DataFrame) -> list[str]:
    """The teacher, which decides, first."""
    return sorted(drawn["task"].unique(), key=lambda task: task != TEACHER)


def _families_of(drawn: pd.DataFrame) -> dict[str, list[str]]:
    """The families of the methods drawn, SPARCS with the paper's penalty in none; it alone if there is no other."""
    present = [method for method in methods_of(drawn) if method != REFERENCE]
    known = {method for methods in FAMILIES.values() for method in methods}
    families = FAMILIES | {OTHERS: [method for method in present if method not in known]}
    found = {name: [method for method in methods if method in present] for name, methods in families.items()}
    return {name: methods for name, methods in found.items() if methods} or {name_of(REFERENCE): []}


def _pairs(methods: Sequence[str]) -> list[tuple[str, str]]:
    """A family's methods with their colours."""
    return [(method, COLORS[place % len(COLORS)]) for place, method in enumerate(methods)]


def _least_size(part: pd.DataFrame) -> float:
    """Where a task's axis of sizes starts: a few empty networks would stretch it by decades."""
    return 0.7 * max(1.0, part["parameters"].quantile(0.01))


def _draw_family(axes: Axes, of_task: pd.DataFrame, methods: Sequence[str]) -> None:
    least = _least_size(of_task)
    axes.axhline(1 - GOOD_R2, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
    for method, color in [(REFERENCE, SKY), *_pairs(methods)]:
        for target in SHAPES:
            rows = of_task[(of_task["method"] == method) & (of_task["target"] == target)]
            sizes, errors = rows["parameters"].clip(lower=least), rows["unexplained"].clip(lower=LEAST)
            axes.plot(sizes, errors, rasterized=True, **_mark(color, target))  # thousands of curves are megabytes


def _name_task(axes: Axes, of_task: pd.DataFrame) -> None:
    """The scales that a row of panels shares, with the task's name and the error's."""
    axes.set(xscale="log", yscale="log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(_least_size(of_task) / 1.2, 1.5 * of_task["parameters"].max())
    errors = of_task["unexplained"]
    axes.set_ylim(errors.clip(lower=LEAST).min() / 2, max(3.0, 1.5 * errors.max()))
    title = title_of(of_task["task"].iloc[0]).replace(" 20-", "\n20-").replace(", ", ",\n")
    axes.set_ylabel(f"{title}\n1 − R², test")


def _wrapped(methods: Sequence[str]) -> list[str]:
    """The methods' names in lines that fit below a panel."""
    return [fill(name_of(method), LETTERS, break_on_hyphens=False) for method in methods]


def _name_methods(axes: Axes, methods: Sequence[str]) -> None:
    """A family's methods below its column."""
    names = dict(zip(methods, _wrapped(methods), strict=True))
    marks = [Line2D([], [], label=names[method], **_mark(color, TARGETS[0])) for method, color in _pairs(methods)]
    look = {"fontsize": 6, "handletextpad": 0.1, "borderaxespad": 0}
    axes.legend(handles=marks, loc="upper left", bbox_to_anchor=(-0.15, -0.45), **look).set_in_layout(False)
    axes.set_xlabel("parameters")


def _mark(color: str, target: str) -> dict:
    look = {"marker": SHAPES[target], "linestyle": "", "markersize": 2.6, "markeredgewidth": 0.5, "alpha": 0.6}
    return {"markeredgecolor": color, "markerfacecolor": "none" if target == HOLLOW else color} | look


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], label=name_of(REFERENCE), **_mark(SKY, "loss_budget")),
        Line2D([], [], label="within the loss budget", **_mark(INK, "loss_budget")),
        Line2D([], [], label=f"for R² ≥ {GOOD_R2}", **_mark(INK, "min_r2")),
        Line2D([], [], label=f"{FEW} neurons", **_mark(INK, "max_30_neurons")),
        Line2D([], [], label=f"R² = {GOOD_R2}", color=GREY, linewidth=0.8, linestyle=(0, (4, 2))),
    ]


def searches(trials: pd.DataFrame) -> int:
    """How many searches the table holds."""
    return len(trials[KEYS].drop_duplicates())
