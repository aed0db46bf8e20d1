"""One raw row to one row of the dataset, by the templates of its entry."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from stillhouse.config.dataset import UNLABELLED, Fields, Metric
from stillhouse.core.conversation import NoConversationError
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import Row
from stillhouse.core.templates import evaluate_expression, of_row, render
from stillhouse.ingest.conversations import conversation_of
from stillhouse.ingest.files import RawRow
from stillhouse.ingest.gold import has_value
from stillhouse.ingest.problems import Problems

CONTENT = ("query", "label", "choices", "gold_rationale", "group", "meta")

_ADVICE_TEMPLATE = (
    "Correct the template in the dataset's entry; of what only some rows have, it can write "
    "`{{ name | default('') }}`."
)
_ADVICE_REJECT = (
    "Correct the template in the dataset's entry or, where it is right, the rows; or leave them "
    "out with a `reject`."
)
_ADVICE_VALUE = (
    "No answer could ever be right. Correct the rows or `fields.label`, choose another "
    "`answer.metric`, or leave them out with a `reject`, such as "
    "`{when: not _has_value(answer), reason: no value}` where the label is in a column `answer`."
)
SHOWN = 200
"""Characters of a value that a message shows."""


def make_row(
    fields: Fields, raw: RawRow, split: str, problems: Problems, metric: Metric | None = None
) -> Row | None:
    """The dataset's row of a raw row, its id still None without an `id` template.

    All texts are stripped of outer white space; empty optional ones become None. What is wrong
    goes to `problems`, a label without a value under `metric`, too; a row whose templates fail
    gives None.
    """
    values = of_row(raw.values)
    try:
        row: Row = {
            "id": _optional(fields.id, values, f"{raw.where}, fields.id"),
            "split": split,
            "query": query_of(fields, values, f"{raw.where}, fields.query"),
            "label": None,
            "choices": choices_of(fields, values, f"{raw.where}, fields.choices"),
            "gold_rationale": None,
            "group": _optional(fields.group, values, f"{raw.where}, fields.group"),
            "meta": _meta(fields, values, raw.where),
        }
        if split != UNLABELLED and fields.messages is not None:
            row["label"] = conversation_of(fields, values, raw.where).label
        elif split != UNLABELLED and fields.label is not None:
            row["label"] = _optional(fields.label, values, f"{raw.where}, fields.label")
            where = f"{raw.where}, fields.rationale"
            row["gold_rationale"] = _optional(fields.rationale, values, where)
    except NoConversationError as error:
        problems.add(str(error), _ADVICE_REJECT, raw.where)
        return None
    except StillhouseError as error:
        said = str(error).removeprefix(f"{raw.where}, ")
        problems.add("a template fails", _ADVICE_TEMPLATE, said, place=raw.where)
        return None
    _check(row, fields, raw.where, problems)
    if metric:
        _check_label(row, metric, raw.where, problems)
    return row


def _check(row: Row, fields: Fields, where: str, problems: Problems) -> None:
    if not row["query"]:
        problems.add("the query is empty", _ADVICE_REJECT, where)
    if fields.id and not row["id"]:
        problems.add("the id is empty", _ADVICE_TEMPLATE, where)
    if not all(row["choices"]):
        problems.add("a choice is empty", _ADVICE_REJECT, f"{where}: {_shown(row['choices'])}")
    if row["split"] == UNLABELLED or fields.label is None:
        return
    if not row["label"]:
        advice = f"{_ADVICE_REJECT} Rows without labels may form the split `{UNLABELLED}`."
        problems.add("the label is empty", advice, where)
    elif row["choices"] and row["label"] not in row["choices"]:
        example = f"{where}: label {_shown(row['label'])}, choices {_shown(row['choices'])}"
        problems.add("the label is not among the choices", _ADVICE_REJECT, example)


def _check_label(row: Row, metric: Metric, where: str, problems: Problems) -> None:
    label, choices = row["label"], row["choices"]
    if label and (not choices or label in choices) and not has_value(label, metric, choices):
        kind = f"the label has no value under the metric `{metric}`"
        problems.add(kind, _ADVICE_VALUE, f"{where}: label {_shown(label)}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _text(template: str, values: Mapping[str, Any], where: str) -> str:
    return render(template, values, where).strip()


def _optional(template: str | None, values: Mapping[str, Any], where: str) -> str | None:
    return (_text(template, values, where) or None) if template is not None else None


def query_of(fields: Fields, values: Mapping[str, Any], where: str) -> str:
    """The query of a raw row, which has `values`; of a conversation its messages without replies,
    or NoConversationError.
    """
    if fields.messages is not None:
        return conversation_of(fields, values, where.removesuffix(", fields.query")).query
    return _text(fields.query, values, where)


def choices_of(fields: Fields, values: Mapping[str, Any], where: str) -> list[str]:
    """The choices of a raw row, which has `values`."""
    if not isinstance(fields.choices, str):
        return [_text(template, values, where) for template in fields.choices]
    found = evaluate_expression(fields.choices, values, where)
    if not isinstance(found, list | tuple):
        raise StillhouseError(
            f"{where}: the expression {fields.choices!r} gives {type(found).__name__}, not a list."
        )
    return ["" if choice is None else str(choice).strip() for choice in found]


def _meta(fields: Fields, values: Mapping[str, Any], where: str) -> str | None:
    if not fields.meta:
        return None
    texts = {
        name: _text(template, values, f"{where}, fields.meta.{name}")
        for name, template in fields.meta.items()
    }
    return json.dumps(texts, sort_keys=True, ensure_ascii=False)


def content_key(row: Row) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of what a row says, whatever its id and split."""
    content = json.dumps([row[name] for name in CONTENT], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
