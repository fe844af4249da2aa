"""What every report opens with: the answer, what is not tested, what was run. No number of a notebook is typed."""

from collections.abc import Mapping

import pandas as pd

from replication.report.provenance_text import duration
from replication.report.tables import VERDICTS
from replication.report.template import line, sections
from replication.report.text import counted

ANSWERS = {
    "replicated": "yes",
    "partly": "in part",
    "inconclusive": "neither yes nor no",
    "not replicated": "no",
    "untested": "not tested",
}
IN_A_SENTENCE = {"partly": "partly replicated"}  # verdicts that are no predicate as they are
NOTHING = "No trial finished."


def answer(claims: pd.DataFrame, deciding: str) -> str:
    """The answer to the notebook's question, then the verdict of every claim treated in it.

    claims: rows of claims.csv; deciding: the id of the claim that the question asks for.
    """
    rows = claims.set_index("id")
    verdicts = rows.loc[rows.index.str[-1].str.isdigit(), "verdict"]  # a claim's parts end in a letter
    by_verdict = {name: list(verdicts.index[verdicts == name]) for name in VERDICTS}
    return _SECTIONS.answer(
        word=ANSWERS[verdicts[deciding]],
        claim=deciding,
        statement=rows.at[deciding, "statement"],
        verdicts={IN_A_SENTENCE.get(name, name): ids for name, ids in by_verdict.items() if ids},
    ).strip()


def illustrative(claims: pd.DataFrame) -> str:
    """The warning of a run that is too small to test claims, with each reason; empty if all are tested."""
    untested = claims[claims["verdict"] == "untested"]
    of_claims = untested["id"].str.rstrip("abcdefghijklmnopqrstuvwxyz")
    whole = untested["id"].isin(of_claims[of_claims != untested["id"]])  # what is said of their parts is said of them
    by_reason = untested[~whole].fillna({"reason": "no reason is given"}).groupby("reason", sort=False)["id"]
    return _SECTIONS.illustrative(untested={reason: list(ids) for reason, ids in by_reason}).strip()


def run(provenance: Mapping, size: str) -> str:
    """The table of what was run, where, on what data, when and how long.

    provenance: of the experiment, with its data and its share by device; size: a sentence about its n and epochs.
    """
    known = {name: provenance[name] for name in ("scale", "machine", "device", "data", "date")}
    return _SECTIONS.run(size=line(size), duration=duration(provenance), **known).strip()


def diverged(trials: pd.DataFrame) -> str:
    """How many trials diverged, for the line on a run's size."""
    count = int((trials["diverged_epoch"] >= 0).sum())
    if count == 0:
        return "no trial diverged"
    of, are = counted(len(trials), "trial"), "is" if count == 1 else "are"
    return f"{count:,} of {of} diverged and {are} left out of the means"


def epochs(settings: Mapping, experiment: str) -> str:
    """How many epochs an experiment trains, and the paper, for the line on a run's size."""
    run, paper = (settings[side][experiment]["training"]["epochs"] for side in ("run", "paper"))
    return f"{counted(run, 'epoch')} (the paper: {paper})"


_SECTIONS = sections(__package__)
