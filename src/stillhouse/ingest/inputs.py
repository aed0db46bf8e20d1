"""What a trained student's folder says of its inputs: the templates of a row, and an example."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.config.dataset import UNLABELLED, DatasetConf, Fields
from stillhouse.core.conversation import NoConversationError
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import Row
from stillhouse.core.templates import ROW, columns_read, of_row
from stillhouse.ingest.files import RawRow
from stillhouse.ingest.rows import choices_of, query_of
from stillhouse.ingest.splits import TRAIN

GIVEN = frozenset({"_file", "_split", "_row"})
"""What templates see that is no column."""


def inputs(
    conf: DatasetConf, raw: Mapping[str, Sequence[RawRow]], examples: Sequence[Row]
) -> dict[str, Any]:
    """How the dataset makes queries of raw rows; equal rows give equal values in any order.

    `query` and `choices` are the templates of the rows that are trained on (of conversations
    `messages`, and an empty `query`), `columns` what they
    read in the order of the source, `optional` those that may be empty, `quoting` and `separator`
    how their CSV is written. `example` is one of these rows, one of the shorter: its columns,
    without its label, and the `query` and `choices` made of them. It is None where there is none.
    """
    split = TRAIN if TRAIN in conf.splits else UNLABELLED
    fields, rows = conf.fields_of(split), raw.get(split, ())
    columns = columns_of(fields, rows[0].values if rows else ())
    return ({"messages": fields.messages} if fields.messages else {}) | {
        "query": fields.query,
        "choices": fields.choices if isinstance(fields.choices, str) else list(fields.choices),
        "columns": columns,
        "optional": list(fields.optional),
        "quoting": conf.splits[split].quoting,
        "separator": conf.splits[split].separator,
        "example": _example(
            fields, columns, rows, [row for row in examples if row["split"] == split]
        ),
    }


def columns_of(fields: Fields, header: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """The columns that a query and its choices are made of, in the order of the header."""
    choices = fields.choices
    expressions = [f"{{{{ {choices} }}}}"] if isinstance(choices, str) else choices
    read = fields.columns(labelled=False).union(*map(columns_read, expressions)) - GIVEN
    there = [name for name in header if name in read]
    return [*there, *sorted(read - {ROW, *there})]


def _example(
    fields: Fields, columns: Sequence[str], raw: Sequence[RawRow], examples: Sequence[Row]
) -> dict[str, Any] | None:
    """The row at the first quartile of length, as the source has it."""
    by_length = sorted(examples, key=lambda row: (len(row["query"]), row["query"], row["choices"]))
    if not by_length:
        return None
    wanted = by_length[len(by_length) // 4]
    found = []
    for row in raw:
        values = of_row(row.values)
        try:
            if query_of(fields, values, row.where) != wanted["query"]:
                continue
            choices = choices_of(fields, values, row.where)
        except (StillhouseError, NoConversationError):  # a rejected row
            continue
        if choices == wanted["choices"]:
            shown = {name: row.values[name] for name in columns if name in row.values}
            found.append(json.dumps(shown, default=str, ensure_ascii=False))
    if not found:
        return None
    # Of rows that differ in what a template leaves out, one that does not depend on their order.
    return {
        "columns": json.loads(min(found)),
        "query": wanted["query"],
        "choices": list(wanted["choices"]),
    }
