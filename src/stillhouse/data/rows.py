"""One raw row to one example, by the templates of the dataset's conf."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from stillhouse.config.dataset import Fields
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import Row
from stillhouse.core.templates import evaluate_expression, render
from stillhouse.data.files import RawRow
from stillhouse.data.problems import Problems

UNLABELLED = "unlabelled"
CONTENT = ("query", "label", "choices", "gold_rationale", "group", "meta")

_ADVICE_TEMPLATE = (
    "Correct the template in the dataset's conf; of what only some rows have, it can write "
    "`{{ name | default('') }}`."
)
_ADVICE_REJECT = (
    "Correct the template in the dataset's conf or, where it is right, the rows; or leave them out "
    "with a `reject`."
)


def make_example(fields: Fields, raw: RawRow, split: str, problems: Problems) -> Row | None:
    """The example of a raw row, its id still None without an `id` template.

    All texts are stripped of outer white space; empty optional ones become None. What is wrong
    goes to `problems`; a row whose templates fail gives None.
    """
    values = raw.values
    try:
        row: Row = {
            "id": _optional(fields.id, values, f"{raw.where}, fields.id"),
            "split": split,
            "query": _text(fields.query, values, f"{raw.where}, fields.query"),
            "label": None,
            "choices": _choices(fields, values, f"{raw.where}, fields.choices"),
            "gold_rationale": None,
            "group": _optional(fields.group, values, f"{raw.where}, fields.group"),
            "meta": _meta(fields, values, raw.where),
        }
        if split != UNLABELLED:
            row["label"] = _optional(fields.label, values, f"{raw.where}, fields.label")
            where = f"{raw.where}, fields.rationale"
            row["gold_rationale"] = _optional(fields.rationale, values, where)
    except StillhouseError as error:
        said = str(error).removeprefix(f"{raw.where}, ")
        problems.add("a template fails", _ADVICE_TEMPLATE, said, place=raw.where)
        return None
    _check(row, fields, raw.where, problems)
    return row


def _check(row: Row, fields: Fields, where: str, problems: Problems) -> None:
    if not row["query"]:
        problems.add("the query is empty", _ADVICE_REJECT, where)
    if fields.id and not row["id"]:
        problems.add("the id is empty", _ADVICE_TEMPLATE, where)
    if not all(row["choices"]):
        problems.add("a choice is empty", _ADVICE_REJECT, f"{where}: {row['choices']!r}")
    if row["split"] == UNLABELLED:
        return
    if not row["label"]:
        advice = f"{_ADVICE_REJECT} Rows without labels may form the split `{UNLABELLED}`."
        problems.add("the label is empty", advice, where)
    elif row["choices"] and row["label"] not in row["choices"]:
        example = f"{where}: label {row['label']!r}, choices {row['choices']!r}"
        problems.add("the label is not among the choices", _ADVICE_REJECT, example)


def _text(template: str, values: Mapping[str, Any], where: str) -> str:
    return render(template, values, where).strip()


def _optional(template: str | None, values: Mapping[str, Any], where: str) -> str | None:
    return (_text(template, values, where) or None) if template is not None else None


def _choices(fields: Fields, values: Mapping[str, Any], where: str) -> list[str]:
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
