"""The requests of a run, handed out as the backend asks for them."""

import math
import random
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from stillhouse.store.claims import Claims
from stillhouse.store.store import Store
from stillhouse.store.writer import Writer
from stillhouse.teacher_generate.plan import Plan
from stillhouse.teacher_generate.protocol import Outcome, Request
from stillhouse.teacher_generate.spending import Ledger, Tokens, most_prompt_tokens

LOOK_SECONDS = 1.0
TRIES = 10
"""How often a process draws back from rows that another claimed in the same instant."""
TRY_SECONDS = 0.05


class Elsewhere:
    """The completions that other processes have put into the store since the plan was made.

    Opening a teacher takes a while, so the plan is not new when the first request goes out.
    """

    def __init__(self, store: Store, writer: Writer, plan: Plan) -> None:
        self._store, self._writer, self._max_tokens = store, writer, plan.decoding.max_tokens
        self._keys = pa.array(list(plan.missing), pa.binary(32))
        self._seen = set(plan.looked_through)
        self._known: set[bytes] = set()
        self._looked = -math.inf

    def has(self, key: bytes) -> bool:
        """Whether the completion has arrived from elsewhere, as of a look at most seconds ago."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self.look()
        return key in self._known

    def look(self) -> None:
        """Look for completions that have arrived since the last look."""
        new = [path for path in self._store.paths() if path.name not in self._seen]
        self._seen |= {path.name for path in new}
        others = [path for path in new if path.name not in self._writer.written]
        if others:
            self._known |= self._store.known(others, self._keys, self._max_tokens)
        self._looked = time.monotonic()


@dataclass(frozen=True)
class Portions:
    """How many requests a process takes for itself at a time.

    A share of what is left, so that large portions come first, and small ones share out the end
    among the processes that run at once; but never fewer than `least`.
    """

    streams: bool
    """The backend takes a request when it asks it; others take all they get before they begin."""
    least: int
    most: int = 8_192

    def size(self, left: int) -> int:
        """The next portion, of so many requests that are left."""
        share = -(-left // (8 if self.streams else 4))
        return max(self.least, min(share, 256 if self.streams else self.most))


@dataclass(frozen=True)
class _Item:
    index: int
    """Its place among the plan's missing completions."""
    key: bytes
    position: int


class Feed:
    """Hands out requests within the budget, leaving out what others have completed meanwhile.

    Rows are claimed in portions. What another process has claimed is kept for later: its completion
    comes, or its process ends. Iterating again goes on where the last iteration stopped, which is
    at the end of a portion (unless the backend streams), at the budget (which open requests hold
    back until they have come back for less), or at rows that others are asking.

    The order is that of the plan or, where prompts are counted, the longest first: so that the
    portions of a run, and with them the batches of a local model, follow from its rows alone.
    """

    def __init__(
        self,
        plan: Plan,
        prompt_tokens: Sequence[int] | None,
        ledger: Ledger,
        *,
        elsewhere: Elsewhere,
        claims: Claims,
        portions: Portions,
    ) -> None:
        self.completed_elsewhere = 0
        self.left = len(plan.missing)
        """How many requests were not handed out."""
        self.unaffordable: Tokens | None = None
        """The most that the request may cost which the budget held back last."""
        self._plan, self._prompt_tokens = plan, prompt_tokens
        self._ledger, self._elsewhere = ledger, elsewhere
        self._claims, self._portions = claims, portions
        self._open: dict[tuple[str, int], tuple[bytes, Tokens]] = {}
        self._settled: set[bytes] = set()
        """Keys of completions that may not be on the disk yet, so that nobody else can see them."""
        items = [_Item(n, key, at) for n, (key, at) in enumerate(plan.missing.items())]
        if prompt_tokens is not None:
            items.sort(key=lambda item: (-prompt_tokens[item.index], item.key))
        self._queue = deque(items)
        self._claimed_elsewhere: list[_Item] = []
        self._portion: deque[tuple[_Item, Request]] = deque()

    @property
    def open(self) -> int:
        """How many requests are handed out and have no outcome."""
        return len(self._open)

    @property
    def waits(self) -> bool:
        """Whether all that is left is being asked by other processes."""
        return bool(self._claimed_elsewhere) and not self._queue and not self._portion

    def __iter__(self) -> Iterator[Request]:
        self._queue.extend(self._claimed_elsewhere)
        self._claimed_elsewhere = []
        fresh = True
        while self._portion or ((fresh or self._portions.streams) and self._take_portion()):
            fresh = False
            item, request = self._portion.popleft()
            if self._elsewhere.has(item.key):
                self._count_elsewhere(1)
                continue
            if self._prompt_tokens is None:
                prompt = most_prompt_tokens(request.messages)
            else:
                prompt = self._prompt_tokens[item.index]
            most = Tokens(prompt, self._plan.decoding.max_tokens)
            if not self._ledger.admits(most):
                self._portion.appendleft((item, request))
                self.unaffordable = most
                return
            self._ledger.reserve(most)
            self._open[request.id, request.sample] = item.key, most
            self.left -= 1
            yield request

    def _take_portion(self) -> bool:
        """Claim the next rows that nobody has completed or claimed; whether there are any."""
        for tried in range(TRIES):
            wanted = self._next_unclaimed(self._claims.others())
            self._hold(wanted)
            # Again, now that all can see the claim: another may have made the same one meanwhile.
            # And the store is looked at after that: who gives up a claim has written its
            # completion.
            others = self._claims.others()
            self._elsewhere.look()
            raced = [item for item in wanted if item.key in others]
            mine = [item for item in wanted if item.key not in others]
            if raced:
                self._hold(mine)
            asked = [item for item in mine if not self._elsewhere.has(item.key)]
            self._count_elsewhere(len(mine) - len(asked))
            if asked or not wanted or tried == TRIES - 1:
                self._claimed_elsewhere += raced
                requests = self._plan.requests(item.position for item in asked)
                self._portion.extend(zip(asked, requests, strict=True))
                break
            # Both draw back from what both claimed at once; one of them comes first again.
            self._queue.extendleft(reversed(raced))
            time.sleep(random.random() * TRY_SECONDS)  # noqa: S311 - no secret
        return bool(self._portion)

    def _next_unclaimed(self, others: set[bytes]) -> list[_Item]:
        wanted: list[_Item] = []
        size = self._portions.size(len(self._queue))
        while self._queue and len(wanted) < size:
            item = self._queue.popleft()
            if self._elsewhere.has(item.key):
                self._count_elsewhere(1)
            else:
                (self._claimed_elsewhere if item.key in others else wanted).append(item)
        return wanted

    def _hold(self, wanted: Iterable[_Item]) -> None:
        asking = {key for key, _ in self._open.values()}
        self._claims.hold(asking | self._settled | {item.key for item in wanted})

    def _count_elsewhere(self, count: int) -> None:
        self.completed_elsewhere += count
        self.left -= count

    def settle(self, outcome: Outcome) -> bytes:
        """Close the request of an outcome; returns its key. One that nobody asked is a KeyError."""
        key, most = self._open.pop((outcome.request.id, outcome.request.sample))
        self._settled.add(key)
        self._ledger.settle(most, outcome)
        return key

    def take_forgotten(self) -> list[tuple[str, int]]:
        """The requests handed out that got no outcome; they are closed."""
        forgotten = list(self._open)
        for _key, most in self._open.values():
            self._ledger.reserved -= most
        self._open.clear()
        return forgotten

    def release(self) -> None:
        """The completions so far are on the disk: their rows need no claim any more."""
        self._settled.clear()
        self._hold(item for item, _ in self._portion)
