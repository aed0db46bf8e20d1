"""Raw rows that are conversations, or the turns of one."""

from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.config.dataset import Fields
from stillhouse.core.conversation import Conversation, NoConversationError, read_messages
from stillhouse.core.templates import evaluate_expression, of_row, render
from stillhouse.ingest.files import RawRow

TURNS = "_turns"
"""The name under which the first row of a conversation has the columns of all its rows."""


def gathered(rows: Sequence[RawRow], fields: Fields) -> Sequence[RawRow]:
    """One row for each conversation, where `fields.conversation` says which rows are one.

    It stands where the first of its rows does, and has that one's columns.
    """
    if fields.conversation is None:
        return rows
    found: dict[str, list[RawRow]] = {}
    for row in rows:
        where = f"{row.where}, fields.conversation"
        found.setdefault(render(fields.conversation, of_row(row.values), where), []).append(row)
    return [
        RawRow(first.where, first.values | {TURNS: [row.values for row in (first, *others)]})
        for first, *others in found.values()
    ]


def conversation_of(fields: Fields, values: Mapping[str, Any], where: str) -> Conversation:
    """The conversation of a raw row, which has `values`. Raises NoConversationError."""
    assert fields.messages is not None
    said: list[Any] = []
    for columns in values.get(TURNS, [values]):
        given = values if columns is values else of_row(columns)
        found = evaluate_expression(fields.messages, given, f"{where}, fields.messages")
        if not isinstance(found, list | tuple):
            raise NoConversationError("no list of messages")
        said += found
    return read_messages(said)


def problem_of(fields: Fields, values: Mapping[str, Any], where: str) -> str | None:
    """Why a raw row is no conversation, where it should be one."""
    if fields.messages is None:
        return None
    try:
        conversation_of(fields, values, where)
    except NoConversationError as error:
        return str(error)
    return None
