"""A prompt's messages: from templates, and as plain text (`format: plain`)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stillhouse.core.templates import render


class Message(NamedTuple):
    """One turn of a prompt; `role` is system, user or assistant."""

    role: str
    content: str


def messages_from(
    system: str, prompt: str, values: Mapping[str, Any], where: str
) -> list[dict[str, str]]:
    """The system's and the user's message from their templates; a blank one is left out."""
    parts = (("system", system), ("user", prompt))
    texts = [(role, render(part, values, f"{where}, {role}")) for role, part in parts]
    return [{"role": role, "content": text.strip("\n")} for role, text in texts if text.strip()]


def as_text(messages: Sequence[Message]) -> str:
    """One message stays verbatim; several become titled turns, the last one left to the model."""
    if len(messages) == 1:
        return messages[0].content
    turns = [f"{message.role.capitalize()}: {message.content}" for message in messages]
    return "\n\n".join([*turns, "Assistant:"])
