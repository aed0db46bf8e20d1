"""Queries that come one by one, answered together by one thread."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True)
class _Waiting(Generic[Q, A]):
    query: Q
    kind: bool
    answer: asyncio.Future[A]


class Batches(Generic[Q, A]):
    """Asks `answers(queries, kind)` for up to `size` queries of one kind that come within `wait_s`
    of the first. The model is one, so one thread asks it, a batch after the other.
    """

    def __init__(
        self, answers: Callable[[Sequence[Q], bool], Sequence[A]], size: int, wait_s: float
    ) -> None:
        self._answers, self._size, self._wait = answers, size, wait_s
        self._queue: asyncio.Queue[_Waiting[Q, A]] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="student")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to answer, in the running loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; what has not been answered never will be."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown(wait=True)

    async def ask(self, queries: Sequence[Q], kind: bool) -> list[A]:
        """The answers in order of the queries; what went wrong with a batch is raised."""
        loop = asyncio.get_running_loop()
        waiting = [_Waiting[Q, A](query, kind, loop.create_future()) for query in queries]
        for each in waiting:
            self._queue.put_nowait(each)
        return list(await asyncio.gather(*(each.answer for each in waiting)))

    async def _run(self) -> None:
        while True:
            batch = [await self._queue.get()]
            deadline = asyncio.get_running_loop().time() + self._wait
            with suppress(TimeoutError):
                while len(batch) < self._size:
                    async with asyncio.timeout_at(deadline):
                        batch.append(await self._queue.get())
            for kind in (False, True):
                await self._ask([each for each in batch if each.kind == kind], kind)

    async def _ask(self, batch: Sequence[_Waiting[Q, A]], kind: bool) -> None:
        wanted = [each for each in batch if not each.answer.done()]  # others have hung up
        if not wanted:
            return
        try:
            answers = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._answers, [each.query for each in wanted], kind
            )
        except Exception as error:  # whatever it is, those who wait must hear of it
            for each in wanted:
                if not each.answer.done():
                    each.answer.set_exception(error)
        else:
            for each, answer in zip(wanted, answers, strict=True):
                if not each.answer.done():
                    each.answer.set_result(answer)
