"""Results of two runs, compared byte for byte."""

import pandas as pd

TIMED = {"costs.parquet"}  # tables of seconds and bytes: never twice the same


def same_bytes(one, other, pattern, besides=()):
    """The files that match in both folders, all of which must be alike."""
    names = [sorted(path.relative_to(folder) for path in folder.glob(pattern)) for folder in (one, other)]
    assert names[0] == names[1] != []
    compared = [name for name in names[0] if name.name not in besides]
    assert [str(name) for name in compared if (one / name).read_bytes() != (other / name).read_bytes()] == []
    return compared


def same_results(one, other):
    """The tables and the figures of two runs of the smoke scale, alike as its claims are, that of costs apart."""
    tables = same_bytes(one, other, "results/smoke/*/*.parquet", TIMED)
    figures = same_bytes(one, other, "figures/smoke/*.*")
    assert len(tables) >= 20 and {path.suffix for path in figures} == {".svg", ".png", ".csv"}
    claims = [pd.read_csv(folder / "results" / "smoke" / "claims.csv") for folder in (one, other)]
    pd.testing.assert_frame_equal(*(table[~table["id"].str.startswith("E2")] for table in claims), check_exact=True)
    return tables, figures
