"""A teacher that a function of the project's own opens."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.hooks.hook import OPEN
from stillhouse.hooks.load import load, users_code
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.protocol import Failure, Outcome, Request

KEY = "compute.backend"
METHODS = ("prompt_tokens", "generate", "close")


def open_teacher(conf: TeacherConf) -> "OwnTeacher":
    """What the function that `compute.backend` names opens, looked after."""
    said = f"`{KEY}: {conf.compute.backend}`"
    function = load(KEY, conf.compute.backend, OPEN)
    with users_code(f"{said} cannot be opened"):
        opened = function(conf=conf)
    missing = [name for name in METHODS if not callable(getattr(opened, name, None))]
    if missing:
        raise StillhouseError(
            f"{said} returned a {type(opened).__name__} without {' and '.join(missing)}; "
            f"{function.place} has to return a teacher (docs/extending.md)."
        )
    return OwnTeacher(opened, said)


class OwnTeacher:
    """Hands everything on; what the user's teacher raises names the user's line."""

    def __init__(self, teacher: Any, said: str) -> None:
        self._teacher, self._said = teacher, said

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int] | None:
        """What the user's teacher counts."""
        counted = self._call("counting tokens", lambda: self._teacher.prompt_tokens(requests))
        if counted is None:
            return None
        tokens = list(counted)
        if len(tokens) != len(requests) or not all(isinstance(each, int) for each in tokens):
            raise StillhouseError(
                f"{self._said}: prompt_tokens gave no whole number for each of {len(requests)} "
                "requests; it may return None where nobody counts."
            )
        return tokens

    def generate(self, requests: Iterable[Request]) -> Iterator[list[Outcome]]:
        """The outcomes, as the protocol says, each looked at."""
        outcomes = self._call("generating", lambda: iter(self._teacher.generate(requests)))
        end = object()
        while (found := self._call("generating", lambda: next(outcomes, end))) is not end:
            if not isinstance(found, list) or not all(map(_is_outcome, found)):
                raise StillhouseError(
                    f"{self._said}: generate yielded {str(found)[:80]!r}; it has to yield lists of "
                    "Outcome, each with its request and a Completion or a Failure."
                )
            yield found

    def close(self) -> None:
        """Close the user's teacher."""
        self._call("closing", self._teacher.close)

    def _call(self, what: str, function: Callable[[], Any]) -> Any:
        with users_code(f"{self._said} failed when {what}"):
            return function()


def _is_outcome(value: object) -> bool:
    return isinstance(value, Outcome) and isinstance(value.result, Completion | Failure)
