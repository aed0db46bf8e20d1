"""When to ask again, and how long to wait before."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_WAIT = 0.25
LONGEST_WAIT = 30.0
LONGEST_LOOK = 2.0
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
"""Statuses that may be gone the next time."""
FATAL = frozenset({301, 302, 303, 307, 308, 401, 402, 403, 404, 405})
"""Statuses that every other request would get too: a wrong address, key or model name."""


def backoff(attempt: int, jitter: float) -> float:
    """Seconds before attempt number `attempt` (the first retry is 1); `jitter` is in [0, 1).

    Doubles up to a cap, and falls between half and all of that, so that clients do not come back
    together (AWS Architecture Blog, "Exponential backoff and jitter", 2015: equal jitter).
    """
    ceiling = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt - 1, 16))
    return ceiling * (0.5 + jitter / 2)


def wait_before(attempt: int, retry_after: float | None) -> float:
    """The back-off, or what the server asked for when that is longer."""
    return max(backoff(attempt, random.random()), retry_after or 0.0)  # noqa: S311 - no secret


def wait_for_server(attempt: int) -> float:
    """The back-off where no server is found: a look costs nothing, so they are close together."""
    return min(LONGEST_LOOK, backoff(attempt, random.random()))  # noqa: S311 - no secret


def parse_retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header: a number, or a date; None when absent or unreadable."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
