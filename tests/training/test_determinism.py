"""The same numbers with one core or two, in other chunks, with trials added later, in another order."""

import pytest

from compared import same_results

pytestmark = [pytest.mark.pipeline, pytest.mark.artifacts, pytest.mark.reliability]


def test_tables_claims_and_figures_do_not_depend_on_cores_chunks_or_order(built, one_core, evidence):
    tables, figures = same_results(built, one_core())
    subject = "One core or two, other chunks, another order, trials added later"
    evidence(subject, "tables compared", len(tables))
    evidence(subject, "figures and their source tables compared", len(figures))
    evidence(subject, "bytes compared", sum((built / path).stat().st_size for path in [*tables, *figures]))
    evidence(subject, "files or claims that differ", 0)
