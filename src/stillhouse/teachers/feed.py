"""The requests of a run, handed out one by one as the backend asks for them."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from stillhouse.core.sampling import shuffled
from stillhouse.teachers.plan import Plan
from stillhouse.teachers.protocol import Answer, Request
from stillhouse.teachers.spending import Ledger, Tokens, most_prompt_tokens
from stillhouse.teachers.store.store import Store
from stillhouse.teachers.store.writer import Writer

LOOK_SECONDS = 1.0
BLOCK = 64


class Elsewhere:
    """The answers that other processes put into the store while this run goes on."""

    def __init__(
        self, store: Store, writer: Writer, keys: Iterable[bytes], max_tokens: int
    ) -> None:
        self._store, self._writer, self._max_tokens = store, writer, max_tokens
        self._keys = pa.array(list(keys), pa.binary(32))
        self._seen = {path.name for path in store.paths()}
        self._known: set[bytes] = set()
        self._looked = time.monotonic()

    def has(self, key: bytes) -> bool:
        """Whether the answer has arrived from elsewhere, as of a look at most seconds ago."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._look()
        return key in self._known

    def _look(self) -> None:
        new = [path for path in self._store.paths() if path.name not in self._seen]
        self._seen |= {path.name for path in new}
        others = [path for path in new if path.name not in self._writer.written]
        self._known |= self._store.known(others, self._keys, self._max_tokens)
        self._looked = time.monotonic()


def block_order(rows: int) -> list[int]:
    """Blocks of neighbouring rows, in an order of this process's own.

    Two processes that run at once so meet each other's answers, instead of asking for the same
    ones in step; within a block rows stay together, since neighbours may share a prefix.
    """
    blocks = shuffled(map(str, range(0, rows, BLOCK)), os.getpid())
    return [index for start in map(int, blocks) for index in range(start, min(start + BLOCK, rows))]


class Feed:
    """Hands out requests within the budget, leaving out what others have answered meanwhile.

    Iterating again goes on where the last iteration stopped, so that a budget held back by open
    requests can be used up when they have come back for less.
    """

    def __init__(
        self,
        plan: Plan,
        prompt_tokens: Sequence[int] | None,
        max_tokens: int,
        ledger: Ledger,
        elsewhere: Elsewhere,
    ) -> None:
        self.answered_elsewhere = 0
        self.left = len(plan.missing)
        """How many requests were not handed out."""
        self._prompt_tokens, self._max_tokens = prompt_tokens, max_tokens
        self._ledger, self._elsewhere = ledger, elsewhere
        self._open: dict[tuple[str, int], tuple[bytes, Tokens]] = {}
        order = block_order(self.left)
        missing = list(plan.missing.items())
        keys = (missing[index][0] for index in order)
        requests = plan.requests(missing[index][1] for index in order)
        self._waiting = zip(order, keys, requests, strict=True)
        self._held: tuple[int, bytes, Request] | None = None

    def __iter__(self) -> Iterator[Request]:
        while (item := self._next()) is not None:
            index, key, request = item
            most = self._most(index, request)
            if not self._ledger.admits(most):
                self._held = item
                return
            self._ledger.reserve(most)
            self._open[request.id, request.sample] = key, most
            self.left -= 1
            yield request

    def _next(self) -> tuple[int, bytes, Request] | None:
        """The next request that nobody has answered."""
        item = self._held or next(self._waiting, None)
        self._held = None
        while item is not None and self._elsewhere.has(item[1]):
            self.answered_elsewhere += 1
            self.left -= 1
            item = next(self._waiting, None)
        return item

    def _most(self, index: int, request: Request) -> Tokens:
        if self._prompt_tokens is not None:
            return Tokens(self._prompt_tokens[index], self._max_tokens)
        return Tokens(most_prompt_tokens(request.messages), self._max_tokens)

    def settle(self, answer: Answer) -> bytes:
        """Close the request of an answer; returns its key. An unasked answer is a KeyError."""
        key, most = self._open.pop((answer.request.id, answer.request.sample))
        self._ledger.settle(most, answer)
        return key

    def take_unanswered(self) -> list[tuple[str, int]]:
        """The requests handed out that got no answer; they are closed."""
        forgotten = list(self._open)
        for _key, most in self._open.values():
            self._ledger.reserved -= most
        self._open.clear()
        return forgotten
