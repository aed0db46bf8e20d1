"""A sheet that came back: checked against the rows it was drawn from, and kept as labels by id."""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stillhouse.config.dataset import Metric
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_text
from stillhouse.core.paths import RAW
from stillhouse.ingest.files import read_file
from stillhouse.ingest.gold import has_value
from stillhouse.kinds.registry import kind_of
from stillhouse.sheets.sheet import BETWEEN, Sheet, is_same


def label_file(dataset: str) -> Path:
    """Where the labels by hand of a dataset are."""
    return RAW / f"{dataset}_labels.csv"


def labels_of(
    path: Path, sheet: Sheet, examples: Mapping[str, Mapping[str, Any]], metric: Metric
) -> dict[str, str]:
    """The label of each row of a sheet, as the row's choices write it.

    Raises StillhouseError with all mistakes, each kind once with the rows it is in: ids that are
    unknown or there twice, queries that have changed, labels that are missing or no answer.
    """
    mistakes: dict[str, list[str]] = defaultdict(list)
    found: dict[str, str] = {}
    for row in sheet.rows:
        example = examples.get(row.id)
        if example is None:
            mistakes["the id is of no row"].append(f"{row.number} ({row.id!r})")
            continue
        if row.id in found:
            mistakes["the id is there twice"].append(f"{row.number} ({row.id!r})")
        if not is_same(row.query, example["query"], sheet.encoding):
            mistakes["the query is not that of its id"].append(str(row.number))
        label = _label(row.label, example["choices"], metric)
        if not row.label:
            mistakes["there is no label"].append(str(row.number))
        elif label is None:
            among = f" of {BETWEEN.join(example['choices'])}" if example["choices"] else ""
            mistakes[f"the label is none{among}"].append(f"{row.number} ({row.label!r})")
        found[row.id] = label or ""
    if mistakes:
        lines = [f"  - {kind}: row {', '.join(rows)}" for kind, rows in mistakes.items()]
        raise StillhouseError(
            f"{path} has mistakes:\n"
            + "\n".join(lines)
            + "\nCorrect them there; a row that nobody "
            "can label may be taken out. Nothing was written."
        )
    return found


def _label(text: str, choices: Sequence[str], metric: Metric) -> str | None:
    """The label that a person wrote; None where it is no answer."""
    if choices:
        return kind_of("choice", choices).canonical(text) if text else None
    return text if text and has_value(text, metric, choices) else None


def read_label_file(path: Path) -> dict[str, str]:
    """The labels on file by id; none where there is no file."""
    if not path.exists():
        return {}
    rows = [row.values for row in read_file(path)]
    if not rows[0].keys() >= {"id", "label"}:
        raise StillhouseError(f"{path} has no columns `id` and `label`. Move it elsewhere.")
    return {row["id"]: row["label"] for row in rows}


def write_label_file(path: Path, labels: Mapping[str, str]) -> None:
    """Write labels by id, in the order of the ids."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "label"])
    writer.writerows(sorted(labels.items()))
    write_text(path, text.getvalue())
