"""A dataset's raw rows to the examples table, checked; every mistake is reported at once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stillhouse.config.dataset import RATING, SPLITS, UNLABELLED, DatasetConf, Fields, Metric
from stillhouse.core.conversation import read_query
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import EXEMPLAR, Row
from stillhouse.core.templates import evaluate_expression, of_row
from stillhouse.ingest import counts
from stillhouse.ingest.conversations import gathered, problem_of
from stillhouse.ingest.empty import Reading
from stillhouse.ingest.files import RawRow
from stillhouse.ingest.gold import has_value
from stillhouse.ingest.labels import move_labelled
from stillhouse.ingest.overlap import Keys, keys_of, overlap, without_scored
from stillhouse.ingest.problems import SHOWN, Problems
from stillhouse.ingest.rows import choices_of, make_row
from stillhouse.ingest.splits import TRAIN, hold_out, kept, permuted, with_ids

HAS_VALUE = "_has_value"
"""What a `reject` asks whether a label has a value under the metric."""
_EXEMPLAR_FIELDS = Fields(
    query="{{ query }}", label="{{ label }}", rationale="{{ rationale }}", choices=()
)


@dataclass(frozen=True)
class Looked:
    """What ingest counted, and where the first row rejected for each reason stands."""

    metrics: dict[str, Any]
    """Numbers, and below `tables` lists: those `dvc metrics diff` passes over."""
    places: dict[str, str]


def build_examples(
    conf: DatasetConf,
    raw: Mapping[str, Sequence[RawRow]],
    exemplars: Sequence[RawRow] = (),
    limit: int | None = None,
    labels: Mapping[str, Sequence[RawRow]] | None = None,
) -> tuple[list[Row], Looked]:
    """Rows of the examples table, and what was counted.

    `raw` holds the rows of every split that is read, `labels` those of the files by people;
    `limit` keeps a nested subset of the train rows, or of the unlabelled ones where there are no
    others to train on.
    """
    problems, sifted = Problems(), _Sifted(conf)
    places: dict[str, str] = {}
    read = {}
    for name, rows in raw.items():
        chosen = list(sifted.chosen(name, rows, problems))
        fields = conf.fields_of(name)
        metric = conf.answer.metric
        made = [(row, make_row(fields, row, name, problems, metric)) for row in chosen]
        _check_ids(made, places, problems)
        read[name] = [row for _, row in made if row]
    written = (make_row(_EXEMPLAR_FIELDS, row, EXEMPLAR, problems) for row in exemplars)
    choices = list(conf.fields.fixed_choices)
    human = [
        row | {"id": f"{EXEMPLAR}-{i:03d}", "choices": choices}
        for i, row in enumerate(written)
        if row
    ]
    problems.fail()
    sifted.require_rows()
    keys = keys_of(row for rows in (*read.values(), human) for row in rows)
    shared = hold_out(read, conf.splits, keys)
    held = move_labelled(shared, labels or {}, conf.answer, problems)
    parts, taken = without_scored(held | {EXEMPLAR: human}, conf.splits, keys)
    human = parts.pop(EXEMPLAR)
    found = {name: with_ids(rows) for name, rows in parts.items()}
    trained = TRAIN if TRAIN in found else UNLABELLED
    splits = {
        name: kept(rows, conf.splits[name], limit if name == trained else None)
        for name, rows in found.items()
    }
    unlimited = min(len(found[trained]), conf.splits[trained].rows or len(found[trained]))
    examples = [row for rows in splits.values() for row in rows] + human
    metrics = {
        "read": sifted.read,
        "rows": {name: len(rows) for name, rows in splits.items() if rows},
        "unlimited": {trained: unlimited},
        "rejects": sifted.rejects,
        "taken_out": taken,
        "overlap": overlap(examples, keys),
    }
    counted = _counted(conf.answer.metric, found, splits, keys)
    counted["tables"]["empty"] = sifted.empty_cells()
    return examples, Looked(metrics | counted, sifted.places)


def _counted(
    metric: Metric, found: counts.Splits, splits: counts.Splits, keys: Keys
) -> dict[str, Any]:
    """What is counted of the rows `found`, before `rows` and `limit`, so that it does not change
    with them; and of those that are left in `splits` how many there are, and the labels.

    The exemplars that people wrote are in neither.
    """
    everything = {name: found[name] for name in SPLITS if found.get(name)}
    left = {name: splits[name] for name in everything}
    repeats = {name: counts.duplicates(rows, keys) for name, rows in everything.items()}
    chat = metric == RATING  # replies differ, and are no classes
    unequal = [] if chat else counts.unequal(everything, keys, metric)
    labels = [] if chat else counts.label_counts(left, metric)
    near = counts.near_labels(everything) if labels and metric in counts.WORDED else []
    return {
        "duplicates": sum(repeats.values()),
        "duplicates_over_splits": counts.shared(everything, keys),
        "unequal_labels": len(unequal),
        "near_labels": len(near),
        "tables": {
            "splits": [
                {"split": name, "rows": len(left[name]), "of": len(rows)}
                | {"duplicates": repeats[name]}
                | counts.lengths(row["query"] for row in rows)
                for name, rows in everything.items()
            ],
            "labels": labels,
            "label_lengths": []
            if labels
            else [
                {"split": name} | counts.lengths(given)
                for name, rows in everything.items()
                if (given := [row["label"] for row in rows if row["label"] is not None])
            ],
            "near_labels": near[:SHOWN],
            "unequal_labels": [ids[:SHOWN] for ids in unequal[:SHOWN]],
            "scripts": counts.scripts(row["query"] for rows in everything.values() for row in rows),
        }
        | ({"turns": _turns(everything)} if chat else {}),
    }


def _turns(splits: counts.Splits) -> list[dict[str, Any]]:
    """The user's turns of the conversations of each split."""
    return [
        {"split": name} | counts.spread(len(read_query(row["query"]).turns) for row in rows)
        for name, rows in splits.items()
    ]


class _Sifted:
    """The rows that are not rejected, and what was counted while they were looked for."""

    def __init__(self, conf: DatasetConf) -> None:
        self.conf = conf
        self.places: dict[str, str] = {}
        self._read: dict[str, int] = {}
        self._rejects: dict[str, Counter[str]] = {}
        self._empty: Counter[str] = Counter()

    def chosen(self, name: str, raw: Sequence[RawRow], problems: Problems) -> Iterator[RawRow]:
        """The rows of a split that nothing rejects, in its published order.

        Their templates also see `_split` and `_row`, the place in the split before any rejection.
        A row with an empty cell that it needs is rejected before any rule is asked about it.
        """
        reading = Reading.of(self.conf.fields_of(name), labelled=self.conf.has_labels(name))
        rejects = self._rejects[name] = Counter(dict.fromkeys(self._reasons(), 0))
        whole = gathered(raw, self.conf.fields_of(name))
        ordered = permuted(whole, self.conf.splits[name].permutation)
        for place, row in enumerate(ordered):
            placed = RawRow(row.where, row.values | {"_split": name, "_row": place})
            empty = reading.empty(row.values)
            self._empty.update(empty)
            needed = next((column for column in empty if column in reading.required), None)
            try:
                reason = f"empty `{needed}`" if needed else _rejection(placed, self.conf, name)
            except StillhouseError as error:
                problems.add("a `reject` fails", "Correct its expression.", str(error))
                continue
            if reason is None:
                yield placed
            else:
                rejects[reason] += 1
                self.places.setdefault(reason, row.where)
        self._read[name] = len(ordered)

    def require_rows(self) -> None:
        """Fail when everything of a split is rejected."""
        for name, rejects in self._rejects.items():
            if rejects.total() == self._read[name] > 0:
                reasons = ", ".join(f"{reason} ({n:,})" for reason, n in rejects.items() if n)
                raise StillhouseError(
                    f"All {self._read[name]:,} rows of the split `{name}` are rejected: {reasons}. "
                    "Correct the cells, or `reject` in the dataset's entry; columns that may be "
                    "empty are listed there in `fields.optional`."
                )

    def _reasons(self) -> list[str]:
        return [rule.reason for rule in self.conf.reject]

    @property
    def read(self) -> int:
        """The rows that were looked at."""
        return sum(self._read.values())

    @property
    def rejects(self) -> dict[str, int]:
        """The rejected rows by reason: the rules' own, found or not, then empty cells."""
        rules = Counter(dict.fromkeys(self._reasons(), 0))
        for found in self._rejects.values():
            rules.update(found)
        return dict(rules)

    def empty_cells(self) -> list[dict[str, Any]]:
        """By column the empty cells, where a template reads them."""
        return [{"column": name, "cells": n} for name, n in sorted(self._empty.items())]


def _rejection(raw: RawRow, conf: DatasetConf, split: str) -> str | None:
    values = of_row(raw.values)

    def as_label(text: object) -> bool:
        choices = choices_of(conf.fields_of(split), values, f"{raw.where}, fields.choices")
        return text is not None and has_value(str(text).strip(), conf.answer.metric, choices)

    for rule in conf.reject:
        if evaluate_expression(rule.when, values | {HAS_VALUE: as_label}, f"{raw.where}, reject"):
            return rule.reason
    return problem_of(conf.fields_of(split), values, raw.where)


def _check_ids(
    made: Sequence[tuple[RawRow, Row | None]], places: dict[str, str], problems: Problems
) -> None:
    for raw, row in made:
        if row is None or row["id"] is None:
            continue
        if row["id"] in places:
            advice = "Correct `fields.id`; without it ids are made from the rows' content."
            example = f"{row['id']!r}: {places[row['id']]} and {raw.where}"
            problems.add("an id occurs twice", advice, example)
        places[row["id"]] = raw.where
