"""Rules that were changed when results were known: both are judged, and the account shows both."""

from dataclasses import replace

import numpy as np

from replication.account import scorecard
from replication.judging.table import read_claims
from replication.judging.verdicts import CHANGES, INCONCLUSIVE, RULES_CHANGED, Claim, Measured, judge
from replication.report.tables import rule_change
from replication.report.template import line, sections

REPORT = sections(scorecard.__package__)


def one_claim(*parts):
    """A claim X of these parts, judged, by id."""
    return judge([Claim("X1", "", "", "", "", lambda _: iter(parts))], {}, {}).set_index("id")


def said_of(claims):
    """The account's section on rules that were changed."""
    return REPORT.rules_changed(**scorecard.rules_changed(claims)).strip()


def test_a_rule_that_was_changed_is_still_judged_by_the_old_one():
    old = Measured("", "of one", (0.8, 0.7, 0.9), 5, (0, 1))
    new = Measured("", "of all", (0.5, 0.4, 0.6), 5, (0.9, 1), changed="one is not all", before=old)
    row = one_claim(new).loc["X1"]
    assert row[["verdict", "old_verdict", "old_rule"]].tolist() == ["not replicated", "replicated", "of one: <= 1"]
    assert row[["old_measured", "old_low", "old_high"]].tolist() == [0.8, 0.7, 0.9]
    assert row["changed"] == f"{RULES_CHANGED}: one is not all"
    said = rule_change(row)
    assert said.endswith("old rule: of one: ≤ 1; by it measured: 0.8 [0.7, 0.9]; old verdict: replicated")
    few = one_claim(replace(new, before=replace(old, n=2))).loc["X1"]
    assert few[["verdict", "old_verdict"]].tolist() == ["not replicated", "untested"]
    plain = one_claim(old).loc["X1"]
    assert plain[CHANGES].replace("", np.nan).isna().all() and rule_change(plain) == ""


def test_an_inconclusive_part_was_called_partly():
    part = Measured("", "of one", (0.5, -1.0, 2.0), 5, (0, 1))
    row = one_claim(part).loc["X1"]
    assert row[["verdict", "old_verdict"]].tolist() == ["inconclusive", "partly"] and INCONCLUSIVE in row["changed"]
    before = one_claim(replace(part, interval=(0.5, 0.4, 0.6), changed="why", before=part)).loc["X1"]
    assert before[["verdict", "old_verdict"]].tolist() == ["replicated", "partly"]


def test_a_claim_of_parts_has_the_old_verdict_of_those_that_were_judged():
    kept = Measured("a", "kept", (0.5, 0.4, 0.6), 5, (0, 1))
    added = Measured("b", "added", (5.0, 4.0, 6.0), 5, (0, 1), changed="it is a part, too")
    rows = one_claim(kept, added)
    assert rows["verdict"].tolist() == ["not replicated", "replicated", "not replicated"]
    assert rows["old_verdict"].tolist() == ["replicated", "", ""]
    assert rows.loc["X1", "changed"] == f"{RULES_CHANGED}: the rule of X1b"
    assert rule_change(rows.loc["X1b"]).endswith("it is a part, too; old verdict: none")
    account = said_of(rows.reset_index().replace({"changed": {"": np.nan}}))
    assert (
        "| **X1** | its worst part | not replicated | the worst of X1a alone, each by its old rule | replicated |"
        in account
    )
    assert one_claim(kept, replace(kept, part="b")).loc["X1", "changed"] == ""
    assert one_claim(replace(added, part="a"), added)["old_verdict"].tolist() == ["", "", ""]


def test_rules_that_changed_stand_in_the_account_with_the_verdicts_that_moved(tmp_path):
    kept = Measured("a", "kept", (0.5, 0.4, 0.6), 5, (0, 1))
    claim = Claim("X1", "", "", "", "", lambda _: iter([kept, replace(kept, part="b", interval=(0.5, -1.0, 2.0))]))
    judged = judge([claim], {}, {})
    judged.to_csv(tmp_path / "claims.csv", index=False)
    said = said_of(read_claims(tmp_path / "claims.csv"))
    assert said.startswith("Verdicts that moved: X1 from partly to inconclusive.") and "**X1b**" in said
    assert (
        "| **X1** | its worst part | inconclusive | the worst of X1a and X1b, each by its old rule | partly |" in said
    )
    assert "**X1a**" not in said
    judged.drop(columns=CHANGES).to_csv(tmp_path / "claims.csv", index=False)
    assert said_of(read_claims(tmp_path / "claims.csv")).startswith("No rule that was changed")


def test_a_wider_region_stands_beside_the_region():
    part = Measured("", "a gain", (1.5, 1.0, 2.0), 5, (2.85, np.inf), partly=(0, np.inf))
    assert one_claim(part).loc["X1", ["region", "verdict"]].tolist() == [">= 2.85; partly: >= 0", "partly"]


def test_shorter_trainings_that_are_judged_all_the_same_are_said():
    part = Measured("c", "swept", (0.5, 0.4, 0.6), 5, (0, 1))
    verdicts = judge(
        [Claim("G1", "", "", "", "", lambda _: iter([replace(part, part="a"), replace(part, part="b"), part]))], {}, {}
    )
    run, paper = {"cifar10": {"sweep": {"epochs": 60}}}, {"cifar10": {"training": {"epochs": 300}}}
    said, full, untested = (
        line(REPORT.shorter_sweep(**scorecard.shorter_sweep(of, swept, paper)))
        for of, swept in (
            (verdicts, run),
            (verdicts, {"cifar10": {"sweep": {"epochs": 300}}}),
            (verdicts.assign(verdict="untested"), run),
        )
    )
    assert said == "The sweep of G1 has 60 epochs of the paper's 300; it is judged all the same."
    assert full == "" == untested
