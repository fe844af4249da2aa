"""Search along an order of importance for the smallest network that is good enough, with few evaluations."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, islice
from math import isfinite

from torch import Tensor

BUDGET = 0.05  # the paper's: the validation loss may rise by 5 %
CALLS = 60


@dataclass(frozen=True)
class Step:
    """One evaluated network of a search.

    call: its number, the whole network's being 1. at_most: of all calls. neurons: hidden ones that it has. value: its
    loss or deviation; allowed: the largest value that is good enough.
    """

    call: int
    at_most: int
    neurons: int
    value: float
    allowed: float

    def __str__(self) -> str:
        return f"{self.call}/{self.at_most}: {self.neurons} neurons, {self.value:.6g} of {self.allowed:.6g} allowed"


def first_good(good: Callable[[int], bool], candidates: int, calls: int | None) -> int | None:
    """The smallest good k of 0 … candidates − 1 among those tried, at most ``calls`` of them; None without one.

    Rounds of evenly spaced tries from k = 0 upwards, each within the gap before the first good one of the round before:
    bisection with more than one try a round, as many as the calls allow. All are tried in order if there are no more of
    them than calls, or if calls is None. Otherwise the calls that are left go to k = 0, then to those below the first
    good one, the nearest first. The result is then the smallest good one if all above it are good. On another curve a
    smaller good one that was not tried may be missed: on trained networks' in 1 of 190 searches, at a budget of 0.

    good: whether candidate k is. candidates: their number. calls: of ``good``, at most; None for any number.
    """
    left = candidates if calls is None else calls
    low, high = 0, candidates  # none tried below low was good; high was, unless it is the number of candidates
    tried = set()
    while low < high and left > 0:
        rounds = next(rounds for rounds in count(1) if rounds >= left or (left // rounds + 1) ** rounds > high - low)
        stride = (high - low) // (left // rounds + 1) + 1
        for k in range(low + stride - 1, high, stride):
            left -= 1
            tried.add(k)
            if good(k):
                high = k
                break
            low = k + 1
    below = (k for k in (0, *range(high - 1, 0, -1)) if k not in tried)
    for k in islice(below, left if high else 0):
        if good(k):
            high = k
        if high == 0:
            break
    return None if high == candidates else high


def smallest_within(
    candidates: int,
    tried: Callable[[int], tuple[int, float]],
    allowed: float,
    max_calls: int | None,
    on_step: Callable[[Step], object] | None,
) -> int | None:
    """The smallest k of 0 … candidates − 1 tried whose value is allowed; None without one.

    tried: hidden neurons and value of candidate k. max_calls: of tries, and of one for the whole network before.
    """
    at_most = 1 + (candidates if max_calls is None else min(candidates, max_calls - 1))
    numbers = count(2)

    def good(k: int) -> bool:
        neurons, value = tried(k)
        if on_step is not None:
            on_step(Step(next(numbers), at_most, neurons, value, allowed))
        return value <= allowed

    return first_good(good, candidates, None if max_calls is None else max_calls - 1)


def allowed_loss(full: float, budget: float | None, absolute_budget: float | None) -> float:
    """(1 + budget) · full + absolute_budget; neither given: a budget of 0.05.

    Raises ValueError if full is not finite.
    """
    if not isfinite(full):
        raise ValueError(f"loss of the network is {full}: it must be finite")
    if budget is None:
        budget = BUDGET if absolute_budget is None else 0.0
    return (1 + budget) * full + (absolute_budget or 0.0)


def checked_loss(value: float | Tensor) -> float:
    """What a loss returned as a number. Raises TypeError if it is none, ValueError if it is negative."""
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        kind = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise TypeError(f"loss returned {kind}: a number is needed") from None
    if number < 0:
        raise ValueError(f"loss returned {number}: a number of at least 0 is needed")
    return number
