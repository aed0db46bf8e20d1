"""Messages from templates, messages as plain text (`format: plain`), texts cut at stop strings."""

from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.core.templates import render
from stillhouse.teacher_generate.protocol import Message


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


def cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The text before the earliest stop string, and whether there was one."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return (text[: min(places)], True) if places else (text, False)
