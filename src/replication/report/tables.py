"""Tables for the reader, as Markdown: claims with their verdicts, hyperparameters, ensembles, linear fits."""

import math
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from replication.report.text import interval, number, penalty_name

VERDICTS = ("replicated", "partly", "inconclusive", "not replicated", "untested")


def markdown(frame: pd.DataFrame) -> str:
    """A table of texts in Markdown, a sentence if it has no rows; a bar in a cell is escaped."""
    if frame.empty:
        return "There is no table: no trial has what it shows."
    rows = [list(frame.columns), ["---"] * frame.shape[1], *frame.itertuples(index=False)]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows)


def numbers(frame: pd.DataFrame) -> str:
    """A table of numbers with three significant digits, the levels of its index first."""
    return markdown(frame.reset_index().map(lambda cell: number(cell) if isinstance(cell, float) else str(cell)))


def claims_table(claims: pd.DataFrame) -> str:
    """Claims and their parts: what the paper says, what was measured with its 95 % interval, n and the verdict.

    A claim links to its page on the site, as from the folder of reports.
    """
    rows = [
        {
            "claim": f"**[{claim.id}](../site/claims/{claim.id}.html)**" if claim.id[-1].isdigit() else claim.id,
            "statement": claim.statement,
            "the paper; region": _paper(claim),
            "measured [95 % interval]": _measured(claim),
            "n": "" if pd.isna(claim.n) else f"{int(claim.n):,}",
            "verdict": verdict(claim.verdict),
            "remark": ". ".join(filter(None, (_text(claim.reason), rule_change(claim)))),
        }
        for claim in claims.itertuples()
    ]
    return markdown(pd.DataFrame(rows))


def verdict(name: str) -> str:
    """A verdict, marked so that the report's style sheet can colour it."""
    return f'<span class="verdict {name.replace(" ", "-")}">{name}</span>'


def rule_change(claim: Any) -> str:
    """What a claim's or part's rule was before it was changed, and what it gave; empty if it is the first one."""
    if not _text(claim.changed):
        return ""
    old = interval(claim.old_measured, claim.old_low, claim.old_high)
    parts = (
        f"Rule changed {claim.changed}",
        f"old rule: {printed(claim.old_rule)}" if _text(claim.old_rule) else "",
        f"by it measured: {old}" if old else "",
        f"old verdict: {_text(claim.old_verdict) or 'none'}",
    )
    return "; ".join(filter(None, parts))


def _measured(claim: Any) -> str:
    """The measured value with its interval; a claim of one part names the quantity, its statement names a part."""
    measured = interval(claim.measured, claim.low, claim.high)
    return f"{claim.quantity}: {measured}" if measured and claim.id[-1].isdigit() else measured


def hyperparameter_table(settings: Mapping, number_in_paper: int, finished: Mapping[str, int] | None = None) -> str:
    """Table 3, 4 or 5: the paper's value beside this run's; what differs is bold.

    finished: how many trials of an experiment there are, where that may be fewer than the settings ask for.
    """
    columns = TABLES[number_in_paper]
    for experiment, count in (finished or {}).items():
        run = settings["run"]
        settings = settings | {"run": run | {experiment: run[experiment] | {"trials": count or "not run"}}}
    rows = []
    for label in dict.fromkeys(label for experiment in columns.values() for label in experiment):
        row = {"hyperparameter": label}
        for title, experiment in columns.items():
            paper, run = (_text(experiment[label](settings[side])) for side in ("paper", "run"))
            row |= {f"{title}paper": paper, f"{title}this run": run if run == paper else f"**{run}**"}
        rows.append(row)
    return markdown(pd.DataFrame(rows))


def finished_trials(tables: Mapping[str, pd.DataFrame | None]) -> dict[str, int]:
    """The number of trials by experiment: of experiment 2's default penalty, of the head that has fewest.

    tables: of the trials, by experiment; None or empty if it was not run, which counts 0. Of others the settings know.
    """
    counts = {name: _finished(trials) for name, trials in tables.items()}
    return {name: count for name, count in counts.items() if count is not None}


def _finished(trials: pd.DataFrame | None) -> int | None:
    if trials is None or trials.empty:
        return 0
    if "ensemble" in trials:
        return int((trials["ensemble"] == "l2").sum())
    return int(trials.groupby("head")["trial"].count().min()) if "head" in trials else None


def _paper(claim: Any) -> str:
    said, region = _text(claim.paper), region_of(claim)
    if claim.id[-1].isalpha():
        return region
    return f"{said} ({claim.source}){f'; region {region}' if region else ''}"


def region_of(claim: Any) -> str:
    """The region in which a claim or a part counts as replicated, as text; empty for a claim of several parts."""
    return printed(_text(claim.region))


def printed(rule: str) -> str:
    """A rule or a region with the signs of print: "≤ 10⁻⁶"."""
    rule = re.sub(r"\d\S*e-\d+", lambda power: number(float(power[0])), rule)
    return re.sub(r"(?<!\w)-(?=\d)", "−", rule).replace("<=", "≤").replace(">=", "≥")


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)


def _common(experiment: str, loss: str) -> dict:
    training = {
        "learning rate": "learning_rate",
        "batch size": "batch_size",
        "epochs": "epochs",
        "regularization type": "penalty",
        "regularization strength": "rho",
    }
    from_training = {
        label: lambda settings, key=key: settings[experiment]["training"][key] for label, key in training.items()
    }
    from_training["regularization type"] = lambda settings: penalty_name(settings[experiment]["training"]["penalty"])
    fixed = {"optimizer": "Adam", "activation function": "ReLU", "loss function": loss}  # not configurable
    return {
        **from_training,
        "most hidden neurons": lambda settings: " + ".join(str(n) for n in settings[experiment]["widths"][1:-1]),
        **{label: lambda settings, value=value: value for label, value in fixed.items()},
    }


def _leaf(experiment: str, key: str):
    return lambda settings: settings[experiment][key]


def _default_trials(settings: Mapping) -> object:
    """The number of experiment 2's trials of the default penalty: finished where that is known, else asked for."""
    return settings.get("trials", settings["ensembles"]["l2"]["trials"])


def _image_table(experiment: str) -> dict:
    return _common(experiment, "cross-entropy") | {"trials": _leaf(experiment, "trials")}


TABLES = {
    3: {
        "": _common("regression", "MSE")
        | {
            "training points": _leaf("regression", "points"),
            "data sets (α × β)": lambda s: len(s["regression"]["alphas"]) * len(s["regression"]["betas"]),
            "NumPy seed": _leaf("regression", "data_seed"),
            "trials": _leaf("regression", "trials"),
        }
    },
    4: {
        "": _common("teacher_student", "MSE")
        | {
            "teacher's hidden neurons": lambda settings: settings["teacher_student"]["widths"][0],
            "training points": _leaf("teacher_student", "points"),
            "NumPy seed": _leaf("teacher_student", "data_seed"),
            "trials": lambda s: "one shown" if s["scale"] == "paper" else _default_trials(s["teacher_student"]),
        }
    },
    5: {"CIFAR-10, ": _image_table("cifar10"), "CIFAR-100, ": _image_table("cifar100")},
}
