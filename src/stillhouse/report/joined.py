"""Rows from end to end: what each table of the pipeline holds of them, joined by id."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stillhouse.config.dataset import RATING, Answer
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.tables import (
    COMPLETIONS,
    EXAMPLES,
    EXEMPLAR,
    EXEMPLARS,
    FEEDBACK_PREDICTIONS,
    PARSED,
    PROMPTS,
    RATINGS,
    TRAINING,
    VERDICTS,
    Row,
)
from stillhouse.kinds.measures import measure_of
from stillhouse.kinds.registry import kind_of
from stillhouse.rate.rate import conversation_ratings

Rows = Sequence[Row]


@dataclass(frozen=True)
class Tables:
    """The rows of a run's tables, in key order; of a stage that has not run there are none."""

    examples: Rows
    exemplars: Rows = ()
    prompts: Rows = ()
    completions: Rows = ()
    parsed: Rows = ()
    training: Rows = ()
    feedback: Rows = ()
    """What the student predicted of the training rows, where it gives feedback."""
    verdicts: Rows = ()
    ratings: Rows = ()
    predictions: Mapping[str, Rows] | None = None
    """Those of each model, by its name."""


def joined(tables: Tables, answer: Answer) -> list[Row]:
    """All rows in the order of their ids, exemplars written by people last, with what each stage
    that has run made of them.

    A row has `id`, `split`, `group`, `query`, `choices`, `gold`, `exemplars` (`id`, `label`,
    `distance`, the nearest first), `prompt` (messages or None), `completions` (`text`, `reasoning`,
    `finish_reason`, and once they are parsed `status`, `label`, `rationale`), `agrees` (whether the
    first one's label is the gold one; None where either is missing, or scores are graded),
    `feedback` (what the student said of a training row, or None), `verdicts` (`asked`,
    `teacher_score`, `student_score`), `trained` (`label`, `rationale`, or None) and `predictions`
    (`prediction` and `score` by model). Raises StillhouseError where tables are of different runs.
    """
    examples = by_id(tables.examples, EXAMPLES.name)

    def checked(rows: Rows, table: str) -> Rows:
        require_ids((row["id"] for row in rows), examples, table, EXAMPLES.name)
        return rows

    def indexed(rows: Rows, table: str) -> dict[str, Mapping[str, Any]]:
        return by_id(checked(rows, table), table)

    exemplars = _grouped(checked(tables.exemplars, EXEMPLARS.name))
    named = (row["exemplar_id"] for row in tables.exemplars)
    require_ids(named, examples, EXEMPLARS.name, EXAMPLES.name)
    prompts = indexed(tables.prompts, PROMPTS.name)
    completions = _grouped(checked(tables.completions, COMPLETIONS.name))
    parsed = {(row["id"], row["sample"]): row for row in checked(tables.parsed, PARSED.name)}
    training = by_id(tables.training, TRAINING.name)  # synthetic rows are no rows of the dataset
    feedback = indexed(tables.feedback, FEEDBACK_PREDICTIONS.name)
    verdicts = _grouped(checked(tables.verdicts, VERDICTS.name))
    predicted = {
        name: indexed(rows, f"predictions {name}")
        for name, rows in (tables.predictions or {}).items()
    }
    if answer.metric == RATING:
        ratings = conversation_ratings(checked(tables.ratings, RATINGS.name))
        predicted = {name: _rated(rows, ratings.get(name, {})) for name, rows in predicted.items()}
    found, graded = [], measure_of(answer.metric).graded
    for id_, example in sorted(examples.items(), key=lambda item: item[1]["split"] == EXEMPLAR):
        written = [
            {name: row[name] for name in ("text", "reasoning", "finish_reason")}
            | _of(parsed.get((id_, row["sample"])), "status", "label", "rationale")
            for row in completions.get(id_, ())
        ]
        label = written[0].get("label") if written else None
        kind = kind_of(answer.metric, example["choices"])
        known = label is not None and example["label"] is not None and not graded
        found.append(
            {
                "id": id_,
                "split": example["split"],
                "group": example["group"],
                "query": example["query"],
                "choices": example["choices"],
                "gold": example["label"],
                "exemplars": [
                    {
                        "id": row["exemplar_id"],
                        "label": examples[row["exemplar_id"]]["label"],
                        "distance": row["distance"],
                    }
                    for row in exemplars.get(id_, ())
                ],
                "prompt": prompts[id_]["messages"] if id_ in prompts else None,
                "completions": written,
                "agrees": kind.score(str(label), example["label"]) == 1 if known else None,
                "feedback": feedback[id_]["prediction"] if id_ in feedback else None,
                "verdicts": [
                    _of(row, "asked", "teacher_score", "student_score")
                    for row in verdicts.get(id_, ())
                ],
                "trained": _of(training.get(id_), "label", "rationale") or None,
                "predictions": {
                    name: _of(rows[id_], "prediction", "score")
                    for name, rows in predicted.items()
                    if id_ in rows
                },
            }
        )
    return found


def by_model(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The predictions of each model of a table that has a column `model`."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["model"], []).append(row)
    return found


def _rated(
    rows: Mapping[str, Mapping[str, Any]], ratings: Mapping[str, float]
) -> dict[str, Mapping[str, Any]]:
    """Predictions with the judge's ratings of these conversations as their scores, None where it
    gave none.
    """
    return {id_: {**row, "score": ratings.get(id_)} for id_, row in rows.items()}


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each id, in the order of their keys."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["id"]].append(row)
    return dict(groups)


def _of(row: Mapping[str, Any] | None, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names} if row else {}
