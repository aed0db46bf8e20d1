"""A student's replies to conversations: turn by turn, on its own earlier replies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from stillhouse.config.student import StudentCompute, StudentDecoding
from stillhouse.core.conversation import read_query
from stillhouse.students.predict import Reply, predict_replies

if TYPE_CHECKING:
    from stillhouse.students.folder import Student


@dataclass(frozen=True)
class Answered:
    """A student's replies to a conversation, one for each turn but those that do not fit."""

    replies: tuple[Reply, ...]
    turns: int
    """Of the user."""
    truncated: bool = False
    """Whether the end of the first turn was cut off."""
    tokens: tuple[int, int] = (0, 0)
    """Of all prompts, and of the replies with their end tokens."""

    @property
    def texts(self) -> list[str]:
        """The replies as texts."""
        return [reply.text for reply in self.replies]

    @property
    def answered(self) -> int:
        """How many turns have a reply that is not empty and that the student ended by itself."""
        return sum(bool(reply.text) and reply.ended for reply in self.replies)


def converse(
    student: "Student",
    queries: Mapping[str, str],
    decoding: StudentDecoding,
    compute: StudentCompute,
    *,
    before: Mapping[str, Sequence[str]] = MappingProxyType({}),
    quiet: bool = False,
) -> dict[str, Answered]:
    """The student's replies to each conversation, by id; never the dataset's own.

    `before`: the replies that somebody in a chat with it has had to the first turns. A reply that
    the token limit cuts stands as it is. A conversation ends before the turn that has
    more than `max_query_tokens` before it.
    """
    text = student.text
    turns = {id_: len(read_query(query).turns) for id_, query in queries.items()}
    found = {id_: [Reply(reply, True) for reply in before.get(id_, ())] for id_ in queries}
    tokens = dict.fromkeys(queries, 0)
    waiting = set(queries)
    for number in range(max(turns.values(), default=0)):
        waiting = {id_ for id_ in waiting if turns[id_] > number}
        asked = {
            id_: text.next_turn(queries[id_], [reply.text for reply in found[id_]])
            for id_ in sorted(waiting)
            if len(found[id_]) == number
        }
        prompts = {id_: prompt for id_, prompt in asked.items() if prompt is not None}
        title = None if quiet else f"Turn {number + 1}"
        for id_, reply in predict_replies(student, prompts, decoding, compute, title).items():
            found[id_].append(reply)
            tokens[id_] += len(prompts[id_])
        waiting -= asked.keys() - prompts.keys()
    return {
        id_: Answered(
            tuple(replies),
            turns[id_],
            text.prompt(queries[id_], "label")[1],
            (tokens[id_], sum(len(text.target(reply.text)) for reply in replies)),
        )
        for id_, replies in found.items()
    }
