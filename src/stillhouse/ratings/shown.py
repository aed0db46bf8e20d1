"""What a rater is shown: conversations and replies as plain text, safe in a spreadsheet's cell."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stillhouse.core.conversation import (
    Conversation,
    NoConversationError,
    read_query,
    read_replies,
    transcript,
)
from stillhouse.core.errors import StillhouseError
from stillhouse.core.text import whole

EMPTY = "(empty)"
"""What stands for a text of nothing, so that a rater sees that there is nothing."""
LONGEST_CELL = 32_767
"""Characters that Excel and its like keep of a cell."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# What a spreadsheet takes for a formula, in either width (OWASP, CSV Injection), also behind what
# it may trim; and quotes before such, so that one that stands there already is told from ours.
_FORMULA = re.compile("'*(?:[\t\r\n]|\\s*[=+\\-@＝＋－＠])")


def conversation(row: Mapping[str, Any], *, generated: bool) -> str:
    """What is replied to: a row's `messages` up to the last that is not the assistant's, or else
    its `query`, of a conversation the messages that this holds.

    `generated`: the replies hold all turns of the assistant, so the row's own are left out.
    """
    messages = row.get("messages")
    if not messages:
        own = _conversation_of(row)
        return plain(row["query"]) if own is None else _transcript([*transcript(own)])
    turns = _turns(messages, f"the messages of row {row['id']!r}")
    while turns and turns[-1][0] == "assistant":
        turns.pop()
    return _transcript([turn for turn in turns if not generated or turn[0] != "assistant"])


def reply(value: object, where: str, row: Mapping[str, Any] | None = None) -> str:
    """A reply as text: a text, a number, or a list of messages as a transcript.

    Of a `row` that is a conversation a text is the list of its replies.
    """
    if isinstance(value, str):
        own = _conversation_of(row) if row else None
        said = read_replies(value) if own else None
        if own is None or not said:
            return plain(value)
        spoken = replace(own, system=None, turns=own.turns[: len(said)])
        return plain(said[0]) if len(own.turns) == 1 else _transcript([*transcript(spoken, said)])
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return _transcript(_turns(value, where))


def _conversation_of(row: Mapping[str, Any]) -> Conversation | None:
    """The conversation that a row's query holds, if it does."""
    try:
        return read_query(row["query"]) if row.get("query") else None
    except NoConversationError:
        return None


def plain(text: str) -> str:
    """Text without what no spreadsheet keeps: control characters become their codes.

    Line breaks are newlines, and there is no white space around the whole.
    """
    lines = whole(text).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], lines).strip() or EMPTY


def fingerprint(text: str) -> str:
    """A hash of a text as it is shown, whatever a spreadsheet did to its white space."""
    words = " ".join(unicodedata.normalize("NFC", text).split())
    return hashlib.sha256(words.encode()).hexdigest()


def guarded(text: str) -> str:
    """The text for a cell: a quote is put before what would be a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """The text of a cell; where the spreadsheet took the quote for its own, it is gone already."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _turns(messages: object, where: str) -> list[tuple[str, str]]:
    if isinstance(messages, Sequence) and not isinstance(messages, str):
        turns = [_turn(message) for message in messages]
        if turns and None not in turns:
            return [turn for turn in turns if turn is not None]
    raise StillhouseError(
        f"{where} should be a text or a list of messages with `role` and `content`, found "
        f"{messages!r:.80}."
    )


def _turn(message: object) -> tuple[str, str] | None:
    if not isinstance(message, Mapping):
        return None
    role, content = message.get("role"), message.get("content")
    return (role, content) if isinstance(role, str) and isinstance(content, str) else None


def _transcript(turns: Sequence[tuple[str, str]]) -> str:
    """The turns under their roles; a single one needs none."""
    if len(turns) == 1:
        return plain(turns[0][1])
    return "\n\n".join(f"{role.capitalize()}: {plain(content)}" for role, content in turns)
