"""Numbers, intervals and lists as they stand in sentences."""

import numpy as np
import pytest

from replication.report.text import interval, listing, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.12345, "0.123"),
        (-2.5e-5, "−2.5 × 10⁻⁵"),
        (1e-6, "10⁻⁶"),
        (12345.6, "12,300"),
        (-1000.4, "−1,000"),
        (np.nan, "–"),
    ],
)
def test_numbers_read_well(value, text):
    assert number(value) == text


def test_intervals_and_lists_read_well():
    assert interval(0.5, 0.4, 0.6) == "0.5 [0.4, 0.6]"
    assert interval(0.5, 0.5, 0.5) == interval(0.5, np.nan, np.nan) == "0.5"
    assert listing(["a"]) == "a" and listing(["a", "b", "c"]) == "a, b and c"
