"""A dataset's raw rows to the examples table, checked; every mistake is reported at once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stillhouse.config.dataset import DatasetConf, Fields
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import EXEMPLAR, Row
from stillhouse.core.templates import evaluate_expression, of_row
from stillhouse.ingest.files import RawRow
from stillhouse.ingest.gold import has_value
from stillhouse.ingest.overlap import overlap
from stillhouse.ingest.problems import Problems
from stillhouse.ingest.rows import choices_of, make_row
from stillhouse.ingest.splits import TRAIN, hold_out, kept, permuted, with_ids

HAS_VALUE = "_has_value"
"""What a `reject` asks whether a label has a value under the metric."""
_EXEMPLAR_FIELDS = Fields(
    query="{{ query }}", label="{{ label }}", rationale="{{ rationale }}", choices=()
)


def build_examples(
    conf: DatasetConf,
    raw: Mapping[str, Sequence[RawRow]],
    exemplars: Sequence[RawRow] = (),
    limit: int | None = None,
) -> tuple[list[Row], dict[str, Any]]:
    """Rows of the examples table, and the metrics of ingest.

    `raw` holds the rows of every split that is read; `limit` keeps a nested subset of the train
    rows. Metrics: rows by split, training rows without the limit, rejects by reason, and
    the overlap of splits.
    """
    problems = Problems()
    rejects: Counter[str] = Counter({reject.reason: 0 for reject in conf.reject})
    places: dict[str, str] = {}
    read = {}
    for name, rows in raw.items():
        chosen = _chosen(conf, name, rows, rejects, problems)
        fields = conf.fields_of(name)
        metric = conf.answer.metric
        made = [(row, make_row(fields, row, name, problems, metric)) for row in chosen]
        _check_ids(made, places, problems)
        read[name] = [row for _, row in made if row]
    written = (make_row(_EXEMPLAR_FIELDS, row, EXEMPLAR, problems) for row in exemplars)
    human = [row | {"id": f"{EXEMPLAR}-{i:03d}"} for i, row in enumerate(written) if row]
    problems.fail()
    parts = hold_out(read, conf.splits)
    splits = {
        name: kept(with_ids(rows), conf.splits[name], limit if name == TRAIN else None)
        for name, rows in parts.items()
    }
    examples = [row for rows in splits.values() for row in rows]
    return [*examples, *human], {
        "rows": dict(Counter(row["split"] for row in examples)),
        "unlimited": {TRAIN: min(len(parts[TRAIN]), conf.splits[TRAIN].rows or len(parts[TRAIN]))},
        "rejects": dict(rejects),
        "overlap": overlap([*examples, *human]),
    }


def _chosen(
    conf: DatasetConf,
    name: str,
    raw: Sequence[RawRow],
    rejects: Counter[str],
    problems: Problems,
) -> Iterator[RawRow]:
    """The rows of a split that no rule rejects, in its published order.

    Their templates also see `_split` and `_row`, the place in the split before any rejection.
    """
    for place, row in enumerate(permuted(raw, conf.splits[name].permutation)):
        placed = RawRow(row.where, row.values | {"_split": name, "_row": place})
        try:
            reason = _rejection(placed, conf, name)
        except StillhouseError as error:
            problems.add("a `reject` fails", "Correct its expression.", str(error))
            continue
        if reason is None:
            yield placed
        else:
            rejects[reason] += 1


def _rejection(raw: RawRow, conf: DatasetConf, split: str) -> str | None:
    values = of_row(raw.values)

    def as_label(text: object) -> bool:
        choices = choices_of(conf.fields_of(split), values, f"{raw.where}, fields.choices")
        return text is not None and has_value(str(text).strip(), conf.answer.metric, choices)

    for rule in conf.reject:
        if evaluate_expression(rule.when, values | {HAS_VALUE: as_label}, f"{raw.where}, reject"):
            return rule.reason
    return None


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
