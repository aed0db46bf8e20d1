"""Conversations: what a user says turn by turn, and what an assistant replies.

Tables keep two texts of one, both JSON: its *query*, the messages that a model sees when it begins
(the system's, if any, and all the user's turns), and its *replies*, a list of texts, one for each
turn that has one. The query holds no reply, so no model can see one that is not its own.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

SYSTEM, USER, ASSISTANT = "system", "user", "assistant"
ROLES = (SYSTEM, USER, ASSISTANT)


class NoConversationError(ValueError):
    """Why some messages are no conversation, in a few words that are alike for rows alike."""


@dataclass(frozen=True)
class Conversation:
    """The turns of the user, at least one, and the replies to as many of the first ones."""

    system: str | None
    turns: tuple[str, ...]
    replies: tuple[str, ...] = ()

    @property
    def said(self) -> list[str]:
        """All that a model is told: the system's text, if any, and the turns."""
        return [*([self.system] if self.system else []), *self.turns]

    @property
    def query(self) -> str:
        """The messages without the replies."""
        opening = [_message(SYSTEM, self.system)] if self.system else []
        return canonical([*opening, *(_message(USER, turn) for turn in self.turns)])

    @property
    def label(self) -> str | None:
        """The replies, where every turn has one."""
        return canonical(self.replies) if len(self.replies) == len(self.turns) else None

    def asked(self, system: str, turn: Callable[[str], str]) -> "Conversation":
        """The conversation as a prompt asks it: the prompt's system text before its own, and each
        turn as the prompt writes it.
        """
        opening = "\n\n".join(text for text in (system, self.system) if text)
        return Conversation(opening or None, tuple(map(turn, self.turns)))

    def messages(self, replies: Sequence[str]) -> list[dict[str, str]]:
        """What is asked after some replies: all up to the turn that has none yet."""
        found = [_message(SYSTEM, self.system)] if self.system else []
        for place, turn in enumerate(self.turns[: len(replies) + 1]):
            found.append(_message(USER, turn))
            if place < len(replies):
                found.append(_message(ASSISTANT, replies[place]))
        return found


def canonical(value: Sequence[object]) -> str:
    """The one JSON text of a list."""
    return json.dumps(list(value), ensure_ascii=False, separators=(",", ":"))


def read_messages(messages: object) -> Conversation:
    """The conversation that messages with `role` and `content` are, outer white space taken off.

    After the system's, if any, user and assistant take turns, and the user begins; a last message
    of the assistant that is empty is none. Raises NoConversationError with the reason.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise NoConversationError("no list of messages")
    said = [
        _said(message, last=place == len(messages)) for place, message in enumerate(messages, 1)
    ]
    if said[-1] == (ASSISTANT, ""):
        said.pop()
    system = said[0][1] if said and said[0][0] == SYSTEM else None
    turns = said[system is not None :]
    if any(role == SYSTEM for role, _ in turns):
        raise NoConversationError("a system message that is not the first")
    if not any(role == USER for role, _ in turns):
        raise NoConversationError("no message of the user")
    for place, (role, _) in enumerate(turns):
        expected = (USER, ASSISTANT)[place % 2]
        if role != expected and place == 0:
            raise NoConversationError("the assistant begins")
        if role != expected:
            raise NoConversationError(f"two messages of the {role} in a row")
    texts = [content for _, content in turns]
    return Conversation(system, tuple(texts[::2]), tuple(texts[1::2]))


def _said(message: object, *, last: bool = False) -> tuple[str, str]:
    if not isinstance(message, Mapping) or not {"role", "content"} <= message.keys():
        raise NoConversationError("a message without `role` and `content`")
    role, content = message["role"], message["content"]
    if role not in ROLES:
        raise NoConversationError(f"the unknown role {role!r:.40}")
    if not isinstance(content, str):
        raise NoConversationError("a message that is no text")
    if not content.strip() and not (last and role == ASSISTANT):
        raise NoConversationError(f"an empty message of the {role}")
    return role, content.strip()


def read_query(query: str) -> Conversation:
    """The conversation of a row's query. Raises NoConversationError where it is something else."""
    try:
        messages = json.loads(query)
    except json.JSONDecodeError as error:
        raise NoConversationError("a query that is no JSON") from error
    return of_turns(messages)


def of_turns(messages: object) -> Conversation:
    """The conversation of the messages of a query: the user's turns, perhaps behind the system's.

    Raises NoConversationError where they are something else.
    """
    if not isinstance(messages, list) or not messages:
        raise NoConversationError("no list of messages")
    said = [_said(message) for message in messages]
    system = said[0][1] if said[0][0] == SYSTEM else None
    turns = said[system is not None :]
    if not turns or any(role != USER for role, _ in turns):
        raise NoConversationError("a query with other messages than the user's")
    return Conversation(system, tuple(content for _, content in turns))


def read_replies(text: str) -> list[str] | None:
    """The replies that a label or a prediction holds; None where it is something else."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        return None
    return found


def transcript(
    conversation: Conversation, replies: Sequence[str] = ()
) -> Iterator[tuple[str, str]]:
    """Roles and texts in turn, as people read them; turns without a reply stand alone."""
    if conversation.system:
        yield SYSTEM, conversation.system
    for place, turn in enumerate(conversation.turns):
        yield USER, turn
        if place < len(replies):
            yield ASSISTANT, replies[place]


def _message(role: str, content: str | None) -> dict[str, str]:
    return {"role": role, "content": content or ""}
