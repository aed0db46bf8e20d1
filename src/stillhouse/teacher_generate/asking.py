"""Asking a teacher for what is missing, with every completion stored as it arrives."""

import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field

from stillhouse.config.teacher import Price, TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import read_events
from stillhouse.core.progress import Progress, announce, progress
from stillhouse.store.completion import Completion
from stillhouse.store.store import Store
from stillhouse.store.writer import Writer
from stillhouse.teacher_generate import feed
from stillhouse.teacher_generate.context import check_context, count_prompt_tokens
from stillhouse.teacher_generate.estimate import (
    describe,
    expected_seconds,
    expected_tokens,
    has_price,
    money,
)
from stillhouse.teacher_generate.feed import Elsewhere, Feed, Portions
from stillhouse.teacher_generate.parent import Parent
from stillhouse.teacher_generate.plan import Plan
from stillhouse.teacher_generate.protocol import Failure, Outcome, Teacher, UnbilledError
from stillhouse.teacher_generate.registry import backend, open_teacher
from stillhouse.teacher_generate.spending import Ledger, Tokens

NO_COMPLETION = "the backend returned no completion"


@dataclass
class Run:
    """What happened while asking."""

    asked: int = 0
    """Requests that have an outcome."""
    retried: int = 0
    elsewhere: int = 0
    """Completions that another process gave meanwhile."""
    left: int = 0
    """Requests that the budget kept back."""
    failures: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Row ids by reason."""
    spent: Tokens = field(default_factory=Tokens)
    unaffordable: Tokens | None = None
    """The most that one request may cost which the budget did not admit."""
    lost: int = 0
    """Completions that came and could not be written."""
    in_flight: int = 0
    """Requests that were open when the run was given up."""
    seconds: float = 0.0
    error: str | None = None
    """Why the whole run was given up."""

    @property
    def failed(self) -> int:
        """Requests that failed."""
        return sum(len(ids) for ids in self.failures.values())


def ask(plan: Plan, conf: TeacherConf, store: Store, ledger: Ledger | None = None) -> Run:
    """Ask for every missing completion; whatever ends it, the completions so far are in the store.

    A fault of the whole run ends up in `error`; a store that cannot be written, or a prompt that
    exceeds the context, raises before anything is asked.
    """
    store.require_writable()
    with closing(open_teacher(conf)) as teacher:
        tokens = count_prompt_tokens(teacher, plan)
        check_context(plan, conf, tokens)
        expected = expected_tokens(plan, conf, tokens)
        seconds = expected_seconds(len(plan.missing), conf, read_events("teacher"))
        announce(describe(plan, conf, expected, seconds))
        ledger = ledger or Ledger(conf.price, conf.compute.budget)
        limit, name = conf.decoding.max_tokens, conf.compute.backend
        writer = store.writer(max_tokens=limit, model=conf.model.name, backend=name)
        with (
            writer,
            store.claims() as claims,
            progress("teacher", len(plan.missing)) as bar,
        ):
            requests = Feed(
                plan,
                tokens,
                ledger,
                elsewhere=Elsewhere(store, writer, plan),
                claims=claims,
                portions=Portions(backend(name).streams, backend(name).least),
            )
            note = _Note(plan.reused, conf.price, time.monotonic(), ledger.spent)
            run = _Asking(requests, ledger, writer, bar, note, Parent.of_stage()).run(teacher)
        if writer.unwritten:
            run.lost, run.error = writer.unwritten, run.error or str(writer.problem)
        return run


@dataclass(frozen=True)
class _Note:
    """What stands beside the progress bar."""

    reused: int
    price: Price
    started: float
    before: Tokens
    """What the ledger had as spent when the run began."""

    def text(self, failed: int, ledger: Tokens) -> str:
        spent = ledger - self.before
        speed = spent.total / max(1e-9, time.monotonic() - self.started)
        parts = [f"{self.reused:,} reused", f"{failed:,} failed", f"{speed:,.0f} tokens/s"]
        if has_price(self.price):
            parts.append(money(spent.money(self.price), self.price))
        return ", ".join(parts)


@dataclass
class _Asking:
    feed: Feed
    ledger: Ledger
    writer: Writer
    bar: Progress
    note: _Note
    parent: Parent
    so_far: Run = field(default_factory=Run)

    def run(self, teacher: Teacher) -> Run:
        run = self.so_far
        try:
            while self.feed.left and (self._round(teacher) or self._wait()):
                pass
        except StillhouseError as error:
            run.error = str(error)
            run.in_flight = 0 if isinstance(error, UnbilledError) else self.feed.open
        run.left = self.feed.left
        run.unaffordable = self.feed.unaffordable
        run.elsewhere = self.feed.completed_elsewhere
        run.spent = self.ledger.spent - self.note.before
        run.seconds = time.monotonic() - self.note.started
        return run

    def _round(self, teacher: Teacher) -> bool:
        """Ask what is handed out; whether there was anything."""
        before = self.so_far.asked
        for outcomes in teacher.generate(self.feed):
            for outcome in outcomes:
                self._take(outcome)
            if self.writer.flush_if_due():
                self.feed.release()
            note = self.note.text(self.so_far.failed, self.ledger.spent)
            self.bar.advance(len(outcomes), note)
            self.parent.require_alive()
        for id_, _sample in self.feed.take_forgotten():
            self.so_far.asked += 1
            self.so_far.failures[NO_COMPLETION].append(id_)
        self.writer.flush()
        self.feed.release()
        return self.so_far.asked > before

    def _wait(self) -> bool:
        """Wait a moment when all that is left is asked by others; False when it is not."""
        if not self.feed.waits:
            return False
        self.bar.advance(0, "waiting for another process that asks for the rest")
        self.parent.require_alive()
        time.sleep(feed.LOOK_SECONDS)
        return True

    def _take(self, outcome: Outcome) -> None:
        key = self.feed.settle(outcome)
        self.so_far.asked += 1
        self.so_far.retried += outcome.retries
        match outcome.result:
            case Completion() as completion:
                self.writer.add(key, completion)
            case Failure(reason):
                # A server's words may hold terminal escapes: show none of them.
                shown = "".join(c if c.isprintable() else " " for c in reason)
                self.so_far.failures[shown].append(outcome.request.id)
