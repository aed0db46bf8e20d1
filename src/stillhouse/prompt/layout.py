"""Rendered parts to messages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Message = dict[str, str]


@dataclass(frozen=True)
class Exemplar:
    """A rendered exemplar."""

    query: str
    reply: str


@dataclass(frozen=True)
class Rendered:
    """The rendered parts of one row's prompt, in the order in which they are shown."""

    system: str
    preamble: str
    exemplars: Sequence[Exemplar]
    request: str
    query: str


@dataclass(frozen=True)
class Layout:
    """How parts are put together; see PromptConf."""

    kind: Literal["turns", "text"]
    separator: str
    reply_separator: str

    def messages(self, parts: Rendered) -> list[Message]:
        """The messages of a prompt: the last one is the user's; empty parts leave no trace."""
        system = [_message("system", parts.system)] if parts.system else []
        return system + (self._turns(parts) if self.kind == "turns" else [self._text(parts)])

    def _turns(self, parts: Rendered) -> list[Message]:
        turns = [
            turn
            for exemplar in parts.exemplars
            for turn in (_message("user", exemplar.query), _message("assistant", exemplar.reply))
        ]
        turns.append(_message("user", _joined(self.separator, [parts.request, parts.query])))
        opening = _joined(self.separator, [parts.preamble, turns[0]["content"]])
        return [_message("user", opening), *turns[1:]]

    def _text(self, parts: Rendered) -> Message:
        exemplars = [_joined(self.reply_separator, [e.query, e.reply]) for e in parts.exemplars]
        blocks = [parts.preamble, *exemplars, parts.request, parts.query]
        return _message("user", _joined(self.separator, blocks))


def _joined(separator: str, blocks: Iterable[str]) -> str:
    return separator.join(block for block in blocks if block)


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}
