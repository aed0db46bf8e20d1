"""A teacher that does what a test tells it to, behind the backend name `scripted`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from types import SimpleNamespace

import pytest

from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate import registry
from stillhouse.teacher_generate.protocol import Failure, Outcome, Request

Complete = Callable[[Request], Completion | Failure | None]


class Puppet:
    """Counts what it is asked; `complete` gives a result, and None forgets the request."""

    def __init__(self, complete: Complete, chunk: int = 4) -> None:
        self.complete, self.chunk = complete, chunk
        self.asked: list[Request] = []
        self.opened = self.closed = 0
        self.tokens: Callable[[Request], int] | None = None
        self.charged = 0
        self.fault_after: int | None = None

    def open_teacher(self, conf: TeacherConf) -> "Puppet":
        self.opened += 1
        return self

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int] | None:
        return None if self.tokens is None else [self.tokens(request) for request in requests]

    def generate(self, requests: Iterable[Request]) -> Iterator[list[Outcome]]:
        left = iter(requests)
        while chunk := list(islice(left, self.chunk)):
            self.asked += chunk
            completions = [(request, self.complete(request)) for request in chunk]
            yield [
                Outcome(request, r, 1, self.charged) for request, r in completions if r is not None
            ]
            if self.fault_after is not None and len(self.asked) >= self.fault_after:
                raise StillhouseError("The server is gone.")

    def close(self) -> None:
        self.closed += 1


def completion(text: str, tokens: int = 5) -> Completion:
    return Completion(text, "stop", 10, tokens)


def install(monkeypatch: pytest.MonkeyPatch, puppet: Puppet, *, stored: bool = True) -> None:
    """Let the backend `scripted` be this puppet."""
    module = SimpleNamespace(open_teacher=puppet.open_teacher)
    monkeypatch.setattr(registry, "import_module", lambda _name: module)
    monkeypatch.setitem(registry.BACKENDS, "scripted", registry.Backend("puppet", stored=stored))
