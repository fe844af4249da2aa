"""The same numbers with one core or two, in other chunks, with trials added later, in another order."""

import pandas as pd
import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.artifacts, pytest.mark.reliability]
TIMED = {"costs.parquet"}  # tables of seconds and bytes


def same_bytes(one, other, pattern, besides=()):
    """The files that match in both folders, all of which must be alike."""
    names = [sorted(path.relative_to(folder) for path in folder.glob(pattern)) for folder in (one, other)]
    assert names[0] == names[1] != []
    compared = [name for name in names[0] if name.name not in besides]
    assert [str(name) for name in compared if (one / name).read_bytes() != (other / name).read_bytes()] == []
    return compared


def test_tables_claims_and_figures_do_not_depend_on_cores_chunks_or_order(built, one_core, evidence):
    other = one_core()
    tables = same_bytes(built, other, "results/smoke/*/*.parquet", TIMED)
    figures = same_bytes(built, other, "figures/smoke/*.*")
    assert len(tables) >= 20 and {path.suffix for path in figures} == {".svg", ".png", ".csv"}
    claims = [pd.read_csv(folder / "results" / "smoke" / "claims.csv") for folder in (built, other)]
    pd.testing.assert_frame_equal(*(table[~table["id"].str.startswith("E2")] for table in claims), check_exact=True)
    subject = "One core or two, other chunks, another order, trials added later"
    evidence(subject, "tables compared", len(tables))
    evidence(subject, "figures and their source tables compared", len(figures))
    evidence(subject, "bytes compared", sum((built / path).stat().st_size for path in [*tables, *figures]))
    evidence(subject, "files or claims that differ", 0)
