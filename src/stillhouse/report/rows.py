"""Rows from end to end: what each table of the pipeline holds of them, joined by id."""

import csv
import json
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from stillhouse.config.dataset import RATING, Answer
from stillhouse.core import paths
from stillhouse.core.conversation import (
    ASSISTANT,
    NoConversationError,
    read_query,
    read_replies,
    transcript,
)
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.messages import Message, as_text
from stillhouse.core.tables import (
    COMPLETIONS,
    EXAMPLES,
    EXEMPLAR,
    EXEMPLARS,
    PARSED,
    PROMPTS,
    RATINGS,
    TRAINING,
    Row,
    Table,
    predictions,
)
from stillhouse.kinds.measures import ACCURACY, RATED, Measure, measure_of
from stillhouse.kinds.registry import kind_of
from stillhouse.rate.rate import conversation_ratings
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
    """All rows in the order of their ids, exemplars written by people last, with what each stage
    that has run made of them.

    A row has `id`, `split`, `query`, `choices`, `gold`, `exemplars` (`id`, `label`, `distance`,
    the nearest first), `prompt` (messages or None), `completions` (`text`, `reasoning`,
    `finish_reason`, and once they are parsed `status`, `label`, `rationale`), `agrees` (whether the
    first one's label is the gold one; None where either is missing, or scores are graded),
    `trained` (`label`, `rationale`, or None) and `predictions` (`prediction` and `score` by model).
    """
    examples = by_id(EXAMPLES.read_rows(), EXAMPLES.name)
    exemplars = _grouped(EXEMPLARS, examples)
    prompts = _by_id(PROMPTS, examples)
    completions = _grouped(COMPLETIONS, examples)
    parsed = {(row["id"], row["sample"]): row for row in _read(PARSED, examples)}
    training = _by_id(TRAINING, examples, others=True)  # synthetic rows are no rows of the dataset
    predicted = {name: _by_id(predictions(name), examples) for name in models(seeds)}
    if answer.metric == RATING:
        predicted = {name: _rated(name, rows, examples) for name, rows in predicted.items()}
    found, graded = [], measure_of(answer.metric).graded
    for id_, example in sorted(examples.items(), key=lambda item: item[1]["split"] == EXEMPLAR):
        written = [
            {name: row[name] for name in ("text", "reasoning", "finish_reason")}
            | _of(parsed.get((id_, row["sample"])), "status", "label", "rationale")
            for row in completions[id_]
        ]
        label = written[0].get("label") if written else None
        kind = kind_of(answer.metric, example["choices"])
        known = label is not None and example["label"] is not None and not graded
        found.append(
            {
                "id": id_,
                "split": example["split"],
                "query": example["query"],
                "choices": example["choices"],
                "gold": example["label"],
                "exemplars": [
                    {
                        "id": row["exemplar_id"],
                        "label": examples[row["exemplar_id"]]["label"],
                        "distance": row["distance"],
                    }
                    for row in exemplars[id_]
                ],
                "prompt": prompts[id_]["messages"] if id_ in prompts else None,
                "completions": written,
                "agrees": kind.score(str(label), example["label"]) == 1 if known else None,
                "trained": _of(training.get(id_), "label", "rationale") or None,
                "predictions": {
                    name: _of(rows[id_], "prediction", "score")
                    for name, rows in predicted.items()
                    if id_ in rows
                },
            }
        )
    return found


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


def _rated(
    model: str, rows: Mapping[str, Mapping[str, Any]], examples: Mapping[str, Any]
) -> dict[str, Mapping[str, Any]]:
    """Predictions with the judge's ratings of these conversations as their scores, None where it
    gave none.
    """
    ratings = conversation_ratings(_read(RATINGS, examples)).get(model, {})
    return {id_: {**row, "score": ratings.get(id_)} for id_, row in rows.items()}


def _spoken(text: str) -> str:
    """A conversation's messages, or its replies, as people read them; another text as it is."""
    try:
        said = [*transcript(read_query(text))]
    except NoConversationError:
        said = [(ASSISTANT, reply) for reply in read_replies(text) or ()]
    return "\n".join(f"{role}: {content}" for role, content in said) or text


def _trained(row: Row) -> list[dict[str, Any]]:
    return [found for name, found in row["predictions"].items() if name != paths.BASELINE]


def _read(table: Table, examples: Mapping[str, Any], *, others: bool = False) -> list[Row]:
    """The rows of a table, or none where its stage has not run."""
    rows = table.read_rows() if table.path.exists() else []
    if not others:
        require_ids((row["id"] for row in rows), examples, table.name, EXAMPLES.name)
    return rows


def _by_id(
    table: Table, examples: Mapping[str, Any], *, others: bool = False
) -> dict[str, Mapping[str, Any]]:
    return by_id(_read(table, examples, others=others), table.name)


def _grouped(table: Table, examples: Mapping[str, Any]) -> dict[str, list[Row]]:
    groups = defaultdict(list)
    for row in _read(table, examples):  # in the order of their keys
        groups[row["id"]].append(row)
    return groups


def _of(row: Mapping[str, Any] | None, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names} if row else {}


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
