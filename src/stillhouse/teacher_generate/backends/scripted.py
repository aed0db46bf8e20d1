"""A teacher without a model: its completions are a template over the prompt, for tests and demos.

`model.source` is `scripted:` and a Jinja2 template that sees `prompt` (the messages as text),
`messages`, `sample`, and `digest`, a number made from the prompt, the seed and the sample index.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.messages import as_text
from stillhouse.core.sampling import digest
from stillhouse.core.templates import render
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.protocol import Outcome, Request

PREFIX = "scripted:"
CHUNK = 64


def open_teacher(conf: TeacherConf) -> "ScriptedTeacher":
    """The teacher whose completions the source's template makes."""
    if not conf.model.source.startswith(PREFIX):
        raise StillhouseError(
            f"The backend `scripted` wants a source like {PREFIX!r} and a template, such as "
            f"'{PREFIX}The answer is {{{{ digest % 10 }}}}.'; found {conf.model.source!r}."
        )
    return ScriptedTeacher(conf)


class ScriptedTeacher:
    """Counts words as tokens, and honours max_tokens and stop strings as a model would."""

    def __init__(self, conf: TeacherConf) -> None:
        self._template = conf.model.source.removeprefix(PREFIX)
        self._decoding = conf.decoding

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Words of each prompt."""
        return [len(as_text(request.messages).split()) for request in requests]

    def generate(self, requests: Iterable[Request]) -> Iterator[list[Outcome]]:
        """The outcomes in order, a chunk at a time."""
        pending = iter(requests)
        while chunk := list(islice(pending, CHUNK)):
            yield [Outcome(request, self._complete(request)) for request in chunk]

    def close(self) -> None:
        """Nothing is held."""

    def _complete(self, request: Request) -> Completion:
        prompt = as_text(request.messages)
        values = {
            "prompt": prompt,
            "messages": [message._asdict() for message in request.messages],
            "sample": request.sample,
            "digest": digest(prompt, request.seed),
        }
        text = render(self._template, values, "the scripted teacher")
        for stop in self._decoding.stop:
            text = text.split(stop, 1)[0]
        words = text.split(" ")
        cut = len(words) > self._decoding.max_tokens
        if cut:
            words = words[: self._decoding.max_tokens]
        return Completion(
            text=" ".join(words),
            finish_reason="length" if cut else "stop",
            prompt_tokens=len(prompt.split()),
            completion_tokens=len(words),
        )
