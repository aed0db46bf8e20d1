"""A limit per minute, kept by spacing: no bursts that a server's own window could refuse."""

import asyncio


class RateLimit:
    """At most so much a minute; None is no limit."""

    def __init__(self, per_minute: int | None) -> None:
        self._seconds_each = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def take(self, amount: int = 1) -> None:
        """Wait until `amount` more is allowed."""
        if not self._seconds_each:
            return
        now = asyncio.get_running_loop().time()
        start = max(now, self._next)
        self._next = start + amount * self._seconds_each
        await asyncio.sleep(start - now)
