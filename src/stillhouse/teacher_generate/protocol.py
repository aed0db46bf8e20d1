"""What every backend is: a stream of outcomes to a stream of requests."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.messages import Message
from stillhouse.store.completion import Completion


@dataclass(frozen=True, slots=True)
class Request:
    """One completion asked for: sample number `sample` of row `id`.

    `seed` is the random seed of a sampled completion (a function of the prompt, the sample index
    and the teacher's seed, below 2**31), and None when decoding is greedy.
    """

    id: str
    sample: int
    messages: tuple[Message, ...]
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no completion, in words that repeat (they are counted), with no secret."""

    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one request.

    `retries` counts the attempts before the last. `charged` counts failed attempts that the server
    may have billed all the same (timeouts, responses cut off): a budget takes them as spent.
    """

    request: Request
    result: Completion | Failure
    retries: int = 0
    charged: int = 0


class UnbilledError(StillhouseError):
    """The run is given up before a server took any request, so nothing can have been billed."""


class Teacher(Protocol):
    """An opened backend. It is closed once, also after an error."""

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int] | None:
        """Tokens of each request's prompt, template included; None without a tokenizer at hand."""

    def generate(self, requests: Iterable[Request]) -> Iterator[list[Outcome]]:
        """The outcome of every request, in any order, as lists of what arrived together.

        `requests` is lazy and may end early (a budget): pull a request only when it will be asked,
        and hold no more of them than one chunk. Each yielded list is stored before the next is
        made; an empty list is a tick that lets the caller write what is due. A request that fails
        for itself gives a Failure; a fault of the whole run (no such model, a wrong key) raises
        StillhouseError.
        """

    def close(self) -> None:
        """Free what the backend holds."""


class OpenTeacher(Protocol):
    """The function `open_teacher` of every backend module."""

    def __call__(self, conf: TeacherConf) -> Teacher:
        """Load or connect; `conf` has model, format, context, decoding and compute."""
