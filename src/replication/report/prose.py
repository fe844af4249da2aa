"""What every report opens with: the answer, what is not tested, what was run. No number of a notebook is typed."""

from collections.abc import Mapping

import pandas as pd

from replication.report.provenance_text import duration
from replication.report.tables import VERDICTS
from replication.report.template import line, sections

NOTHING = "No trial finished."


def answer(claims: pd.DataFrame, deciding: str) -> str:
    """The answer to the notebook's question, then the verdict of every claim treated in it.

    claims: rows of claims.csv; deciding: the id of the claim that the question asks for.
    """
    whole = claims[claims["id"].str[-1].str.isdigit()]  # a claim's parts end in a letter
    decides = whole.set_index("id").loc[deciding]
    return _SECTIONS.answer(
        verdict=decides["verdict"], claim=deciding, statement=decides["statement"], verdicts=by_verdict(whole)
    ).strip()


def by_verdict(claims: pd.DataFrame) -> dict[str, list[str]]:
    """The ids of claims by verdict, in the order of VERDICTS; only verdicts that one of them has."""
    ids = {verdict: list(claims.loc[claims["verdict"] == verdict, "id"]) for verdict in VERDICTS}
    return {verdict: of_verdict for verdict, of_verdict in ids.items() if of_verdict}


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


def diverged(trials: pd.DataFrame) -> int:
    """The number of trials that diverged, for the line on a run's size."""
    return int((trials["diverged_epoch"] >= 0).sum())


def epochs(settings: Mapping, experiment: str) -> dict[str, int]:
    """How many epochs an experiment trains, and the paper, for the line on a run's size."""
    return {side: settings[side][experiment]["training"]["epochs"] for side in ("run", "paper")}


_SECTIONS = sections(__package__)
