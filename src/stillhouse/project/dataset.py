"""A dataset entry for a table of one's own: what was said about it, and else what fits the rows."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stillhouse.config.dataset import OfQueries
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.templates import check_syntax, of_row, render
from stillhouse.ingest.empty import filled
from stillhouse.ingest.files import RawRow
from stillhouse.project.look import LEAST_ROWS_OF_A_LABEL, LONGEST_LABEL, MOST_LABELS

NAMED_CHOICES = 20
"""More of them are not written out in the query."""
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1
LEAST_VALIDATED = 200
"""Of fewer rows a tenth says too little to choose by."""
MARKERS = ["The answer is", "Answer:"]
_PLAIN = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_RESERVED = {"row", "self", "loop", "and", "or", "not", "in", "is", "if", "else", "true", "false",
             "none", "True", "False", "None"}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What the user said of the table. Fields are columns or templates; None: not said."""

    query: str
    label: str
    id: str | None = None
    group: str | None = None
    question: str | None = None
    choices: tuple[str, ...] = ()
    """Columns, one for each option of a multiple choice question."""
    task: OfQueries | None = None


@dataclass(frozen=True)
class File:
    """A file below data/raw, and whether its cells have line breaks."""

    name: str
    spans_lines: bool

    def read(self) -> dict[str, Any]:
        """What a split says to read it."""
        return {"read": [self.name]} | ({"quoting": "double"} if self.spans_lines else {})


def template(column: str, known: Sequence[str]) -> str:
    """A template that shows a column; a text with `{{` that is no column is one already."""
    if column not in known:
        if "{{" not in column and "{%" not in column:
            near = did_you_mean(column, known)
            raise StillhouseError(f"The table has no column {column!r}.{near}")
        try:
            check_syntax(column)
        except ValueError as error:
            raise StillhouseError(f"{column!r} is no template: {error}.") from error
        return column
    plain = _PLAIN.fullmatch(column) and column not in _RESERVED
    quoted = column.replace("\\", "\\\\").replace('"', '\\"')
    return f"{{{{ {column} }}}}" if plain else f'{{{{ row["{quoted}"] }}}}'


def verbatim(text: str) -> str:
    """A template that gives a text back as it is, whatever braces it has."""
    return f"{{{{ {json.dumps(text, ensure_ascii=False)} }}}}" if "{" in text else text


def labels_of(label: str, rows: Sequence[RawRow]) -> Counter[str]:
    """How often each label occurs; rows without one are not counted."""
    labelled = filled(rows, label)
    found = (render(label, of_row(row.values), f"{row.where}, label").strip() for row in labelled)
    return Counter(filter(None, found))


def likely_task(labels: Mapping[str, int], options: Sequence[str]) -> OfQueries:
    """Which kind of task has such labels."""
    if options:
        return "multiple_choice"
    rows, longest = sum(labels.values()), max(map(len, labels), default=0)
    few = len(labels) <= MOST_LABELS and len(labels) * LEAST_ROWS_OF_A_LABEL <= rows
    if few and len(labels) > 1 and longest <= LONGEST_LABEL:
        return "classification"
    return "math" if labels and all(map(_NUMBER.fullmatch, labels)) else "text"


def in_order(labels: Mapping[str, int]) -> list[str]:
    """Labels as choices: numbers by their value, words by the alphabet."""
    if all(map(_NUMBER.fullmatch, labels)):
        return sorted(labels, key=lambda label: (float(label), label))
    return sorted(labels, key=lambda label: (label.casefold(), label))


def require_distinct(labels: Mapping[str, int]) -> None:
    """Raise StillhouseError for labels that differ by case or white space alone."""
    seen: dict[str, str] = {}
    for label in sorted(labels):
        key = " ".join(label.casefold().split())
        if key in seen:
            one, other = seen[key], label
            raise StillhouseError(
                f"The labels {one!r} ({labels[one]:,} rows) and {other!r} ({labels[other]:,} rows) "
                "differ by case or white space alone. Correct them, or give a template that makes "
                "them one, such as --label '{{ rating | lower }}'."
            )
        seen[key] = label


def entry(
    description: str, said: Said, rows: Sequence[RawRow], known: Sequence[str]
) -> dict[str, Any]:
    """The entry's values but for its splits, of the training file's rows and columns."""
    label = template(said.label, known)
    labels = labels_of(label, rows)
    if not labels:
        raise StillhouseError(f"No row has a label: {said.label!r} is empty in all of them.")
    task = said.task or likely_task(labels, said.choices)
    fields: dict[str, Any] = {"query": template(said.query, known)}
    if said.choices:
        options = [template(column, known) for column in said.choices]
        fields |= {"choices": options, "label": _named_choice(label, rows, said, options)}
        lettered = [f"({'abcdefghijklmnopqrstuvwxyz'[i]}) {o}" for i, o in enumerate(options)]
        fields["query"] += "\n" + "\n".join(lettered)
    elif task in ("classification", "nli"):
        require_distinct(labels)
        choices = in_order(labels)
        fields |= {"choices": [verbatim(choice) for choice in choices], "label": label}
        fields["query"] += verbatim(_question(said, choices))
    else:
        fields["label"] = label
        fields["query"] += verbatim(f"\n{said.question}") if said.question else ""
    for name, column in (("id", said.id), ("group", said.group)):
        if column is not None:
            fields[name] = template(column, known)
    metric = {"math": "number", "text": "exact"}.get(task, "choice")
    return {
        "description": description,
        "licence": "not stated",
        "source": "file:data/raw",
        "splits": {},
        "task": task,
        "fields": fields,
        "answer": {"metric": metric, "markers": MARKERS},
        "reject": [],
        "human_exemplars": None,
        "exclude_same_group": False,
    }


def _question(said: Said, choices: Sequence[str]) -> str:
    """What a query asks below its text; the choices are named, so that an untrained model could
    answer, too.
    """
    asked = said.question or f"What is the {said.label if '{' not in said.label else 'label'}"
    if said.question and said.question.rstrip().endswith(("?", ".", ":")):
        return f"\n{said.question.strip()}"
    named = f": {', '.join(choices[:-1])} or {choices[-1]}" if len(choices) <= NAMED_CHOICES else ""
    return f"\n{asked}{named}?"


def _named_choice(label: str, rows: Sequence[RawRow], said: Said, options: Sequence[str]) -> str:
    """A template for the text of the right option, where the table may name its column, letter or
    place.
    """
    labels = labels_of(label, rows)
    if all(_is_option(label, options, row) for row in filled(rows, label)):
        return label
    letters = [chr(ord("a") + place) for place in range(len(options))]
    chosen = label.removeprefix("{{ ").removesuffix(" }}")
    for names in (list(said.choices), letters, [letter.upper() for letter in letters]):
        if set(labels) <= set(names):
            cases = "".join(
                f"{{% {'if' if place == 0 else 'elif'} {chosen} | trim == '{name}' %}}{option}"
                for place, (name, option) in enumerate(zip(names, options, strict=True))
            )
            return f"{cases}{{% endif %}}"
    if all(each.isdecimal() and int(each) <= len(options) for each in labels):
        listed = ", ".join(option.removeprefix("{{ ").removesuffix(" }}") for option in options)
        raise StillhouseError(
            f"The label {said.label!r} counts the choices ({', '.join(in_order(labels)[:6])}), and "
            "whether from 0 or from 1 is not known. Say which: "
            f"--label '{{{{ [{listed}][{chosen} | int] }}}}' or "
            f"--label '{{{{ [{listed}][({chosen} | int) - 1] }}}}'."
        )
    return label


def _is_option(label: str, options: Sequence[str], row: RawRow) -> bool:
    """Whether a row's label is the text of one of its options."""
    texts = [
        render(each, of_row(row.values), f"{row.where}, choice").strip()
        for each in (label, *options)
    ]
    return texts[0] in texts[1:]


def splits(
    rows: int, train: File | None, test: File | None, unlabelled: File | None
) -> dict[str, Any]:
    """The splits of so many labelled rows: what has no file of its own is held out."""
    assert train is not None
    found: dict[str, Any] = {"train": train.read()}
    if rows >= LEAST_VALIDATED:
        found["validation"] = {"hold_out_from": "train", "share": VALIDATION_SHARE}
    found["test"] = test.read() if test else {"hold_out_from": "train", "share": TEST_SHARE}
    if unlabelled is not None:
        found["unlabelled"] = unlabelled.read()
    return found
