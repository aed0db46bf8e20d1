"""Where a judge of pairs leans, whatever it is asked; a lead is the first answer's score minus the
second's.
"""

from collections import Counter
from collections.abc import Iterable
from statistics import fmean


def order_agreement(pairs: Iterable[tuple[float, float]]) -> float:
    """The share of pairs of which both orders decide alike: better, worse or equal.

    A pair has two leads, one for each order.
    """
    return fmean(sign(lead) == sign(-swapped) for lead, swapped in pairs)


def position_metrics(leads: Iterable[float]) -> dict[str, float]:
    """How often each place is preferred, and the mean lead of the first, in points."""
    found = list(leads)
    signs = Counter(map(sign, found))
    return {
        "prefers_first": signs[1] / len(found),
        "prefers_second": signs[-1] / len(found),
        "position_bias": fmean(found),
    }


def sign(value: float) -> int:
    """1, 0 or -1."""
    return (value > 0) - (value < 0)
