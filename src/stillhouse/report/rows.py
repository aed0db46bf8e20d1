"""`stillhouse rows`: rows from end to end in the terminal, as JSON and as CSV."""

import csv
import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from stillhouse.config.dataset import Answer
from stillhouse.core import paths
from stillhouse.core.conversation import (
    ASSISTANT,
    NoConversationError,
    read_query,
    read_replies,
    transcript,
)
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.messages import Message, as_text
from stillhouse.core.tables import (
    COMPLETIONS,
    EXAMPLES,
    EXEMPLARS,
    FEEDBACK_PREDICTIONS,
    PARSED,
    PROMPTS,
    RATINGS,
    TRAINING,
    VERDICTS,
    Row,
    Table,
    predictions,
)
from stillhouse.kinds.measures import ACCURACY, RATED, Measure
from stillhouse.report.joined import Tables, joined
from stillhouse.report.summary import models

SHOWN = 300
"""Characters of a value in the terminal, unless all of it is asked for."""


@dataclass(frozen=True)
class Filter:
    """Which rows are wanted: those that pass everything that is given."""

    ids: Sequence[str] = ()
    split: str | None = None
    label: str | None = None
    """The gold label."""
    status: str | None = None
    """That of any of the row's completions."""
    disagree: bool = False
    """The teacher's label is not the gold one."""
    wrong: bool = False
    """A trained student's prediction is not wholly right."""

    def passes(self, row: Row) -> bool:
        """Whether a row is wanted."""
        return (
            (not self.ids or row["id"] in self.ids)
            and self.split in (None, row["split"])
            and self.label in (None, row["gold"])
            and (self.status is None or self.status in _statuses(row))
            and (not self.disagree or row["agrees"] is False)
            and (not self.wrong or any(found["score"] < 1 for found in _trained(row)))
        )


def joined_rows(answer: Answer, seeds: Sequence[int]) -> list[Row]:
    """All rows of the project, as `report.joined` joins them."""
    return joined(read_tables(models(seeds)), answer)


def read_tables(wanted: Iterable[str], root: Path = Path()) -> Tables:
    """The tables of the project at `root`, with the predictions of the models that are wanted.

    A table whose stage has not run is empty, but for the examples.
    """
    return Tables(
        examples=EXAMPLES.of(root).read_rows(),
        exemplars=read_if_any(EXEMPLARS, root),
        prompts=read_if_any(PROMPTS, root),
        completions=read_if_any(COMPLETIONS, root),
        parsed=read_if_any(PARSED, root),
        training=read_if_any(TRAINING, root),
        feedback=read_if_any(FEEDBACK_PREDICTIONS, root),
        verdicts=read_if_any(VERDICTS, root),
        ratings=read_if_any(RATINGS, root),
        predictions={name: read_if_any(predictions(name), root) for name in wanted},
    )


def filtered(rows: Sequence[Row], wanted: Filter, measure: Measure = ACCURACY) -> list[Row]:
    """The wanted rows; a value that no row has is an error with the near ones."""
    if measure.graded and (wanted.wrong or wanted.disagree):
        raise StillhouseError(
            f"Nothing is right or wrong here: scores are graded ({measure.title.lower()}). `--csv` "
            "has the score of each row, to sort by."
        )
    known = {
        "id": dict.fromkeys(row["id"] for row in rows),
        "split": dict.fromkeys(row["split"] for row in rows),
        "label": dict.fromkeys(row["gold"] for row in rows if row["gold"] is not None),
        "status": dict.fromkeys(status for row in rows for status in _statuses(row)),
    }
    given = {"split": wanted.split, "label": wanted.label, "status": wanted.status}
    asked = [(name, value) for name, value in given.items() if value is not None]
    for name, value in [*asked, *(("id", id_) for id_ in wanted.ids)]:
        if value not in known[name]:
            near = did_you_mean(value, known[name]) if len(known[name]) < 50 else ""
            raise StillhouseError(f"No row has the {name} {value!r}.{near}")
    return [row for row in rows if wanted.passes(row)]


def as_lines(row: Row, *, whole: bool, measure: Measure = ACCURACY) -> Iterator[str]:
    """A row for the terminal; long values are cut unless they are wanted whole."""
    shares = sum(exemplar["label"] == row["gold"] for exemplar in row["exemplars"])
    read = _spoken if measure is RATED else str
    yield f"# {row['id']}  {row['split']}"
    yield from _entry("query", read(row["query"]), whole)
    yield from _entry("choices", " | ".join(row["choices"]), whole)
    yield from _entry("gold", row["gold"] and read(row["gold"]), whole)
    if row["exemplars"]:
        ids = ", ".join(exemplar["id"] for exemplar in row["exemplars"])
        yield from _entry("exemplars", f"{ids} ({shares} with the gold label)", whole)
    if whole and row["prompt"]:
        yield from _entry("prompt", _prompt(row), whole)
    for completion in row["completions"]:
        yield from _entry("reasoning", completion["reasoning"], whole)
        yield from _entry("completion", read(completion["text"].strip()) or "(empty)", whole)
        if "status" in completion:
            yield from _entry("status", completion["status"], whole)
            label = completion["label"]
            yield from _entry("label", label and read(label), whole)
            yield from _entry("rationale", completion["rationale"], whole)
    if row["agrees"] is not None:
        yield from _entry("teacher", "agrees" if row["agrees"] else "disagrees", whole)
    if row["trained"]:
        yield from _entry("trained on", read(row["trained"]["label"]), whole)
        yield from _entry("with", row["trained"]["rationale"], whole)
    said = ("right", "wrong") if row["gold"] else ("as the teacher", "unlike the teacher")
    for name, found in row["predictions"].items():
        score = found["score"]
        right = "no rating"
        if score is not None:
            right = dict(zip((1.0, 0.0), said, strict=True)).get(score, f"score {score:g}")
            right = f"{measure.lead}{measure.shown(score)}" if measure.graded else right
        yield from _entry(name, f"{read(found['prediction'])} ({right})", whole)


def as_json_lines(rows: Iterable[Row]) -> Iterator[str]:
    """A JSON object a row."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False)


def as_csv(rows: Sequence[Row]) -> str:
    """A table of texts, with the first completion of each row."""
    names = dict.fromkeys(name for row in rows for name in row["predictions"])
    lines = []
    for row in rows:
        first = row["completions"][0] if row["completions"] else {}
        trained = row["trained"] or {}
        line = {
            "id": row["id"],
            "split": row["split"],
            "query": row["query"],
            "choices": " | ".join(row["choices"]),
            "gold": row["gold"],
            "exemplars": " ".join(exemplar["id"] for exemplar in row["exemplars"]),
            "prompt": _prompt(row),
            "completion": first.get("text"),
            "reasoning": first.get("reasoning"),
            "finish_reason": first.get("finish_reason"),
            "status": first.get("status"),
            "label": first.get("label"),
            "rationale": first.get("rationale"),
            "agrees": row["agrees"],
            "trained_label": trained.get("label"),
            "trained_rationale": trained.get("rationale"),
        }
        for name in names:
            found = row["predictions"].get(name, {})
            line[f"prediction {name}"] = found.get("prediction")
            line[f"score {name}"] = found.get("score")
        lines.append(line)
    text = StringIO()
    writer = csv.DictWriter(text, list(lines[0]) if lines else ["id"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _spoken(text: str) -> str:
    """A conversation's messages, or its replies, as people read them; another text as it is."""
    try:
        said = [*transcript(read_query(text))]
    except NoConversationError:
        said = [(ASSISTANT, reply) for reply in read_replies(text) or ()]
    return "\n".join(f"{role}: {content}" for role, content in said) or text


def _trained(row: Row) -> list[dict[str, Any]]:
    return [found for name, found in row["predictions"].items() if name != paths.BASELINE]


def read_if_any(table: Table, root: Path) -> list[Row]:
    """A table's rows; none where its stage has not run."""
    here = table.of(root)
    return here.read_rows() if here.path.exists() else []


def _statuses(row: Row) -> set[str]:
    return {each["status"] for each in row["completions"] if "status" in each}


def _prompt(row: Row) -> str:
    turns = [Message(turn["role"], turn["content"]) for turn in row["prompt"] or ()]
    return as_text(turns).removesuffix("\n\nAssistant:") if turns else ""


def _entry(name: str, value: str | None, whole: bool) -> Iterator[str]:
    value = (value or "").strip()
    if not value:
        return
    text = value if whole or len(value) <= SHOWN else value[:SHOWN].rstrip() + " ..."
    lines = [
        piece
        for line in text.splitlines() or [""]
        for piece in textwrap.wrap(line, 66, break_on_hyphens=False) or [""]
    ]
    for place, line in enumerate(lines):
        yield f"  {name if place == 0 else '':<12}{line}".rstrip()
