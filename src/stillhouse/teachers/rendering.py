"""Messages as plain text, for teachers whose `format` is `plain`, and texts cut at stop strings."""

from collections.abc import Sequence

from stillhouse.teachers.protocol import Message


def as_text(messages: Sequence[Message]) -> str:
    """One message stays verbatim; several become titled turns that end where the reply begins."""
    if len(messages) == 1:
        return messages[0].content
    turns = [f"{message.role.capitalize()}: {message.content}" for message in messages]
    return "\n\n".join([*turns, "Assistant:"])


def cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The text before the earliest stop string, and whether there was one."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return (text[: min(places)], True) if places else (text, False)
