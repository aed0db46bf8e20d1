"""Labels that people gave to single rows of `unlabelled`: a file of ids and labels."""

import re
from collections.abc import Mapping, Sequence
from os.path import normpath
from pathlib import Path

from stillhouse.config.dataset import SCORED, SPLITS, Answer, DatasetConf
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.progress import announce
from stillhouse.core.tables import Row
from stillhouse.ingest.files import RawRow, read_file
from stillhouse.ingest.gold import has_value
from stillhouse.ingest.problems import Problems
from stillhouse.ingest.splits import with_ids
from stillhouse.sources.resolve import require_watched

COLUMNS = ("id", "label")
_MADE = re.compile(rf"(?:{'|'.join(SPLITS)})-([0-9a-f]{{16}}(?:-\d+)?)")
_ADVICE = "Correct the file, or write it anew with `stillhouse sample --read SHEET`."


def read_labels(conf: DatasetConf) -> dict[str, list[RawRow]]:
    """The rows of the label file of every split that has one."""
    named = {name: split.labels for name, split in conf.splits.items() if split.labels is not None}
    return {split: _read(split, Path(normpath(name))) for split, name in named.items()}


def _read(split: str, file: Path) -> list[RawRow]:
    said = f"`labels` of the split `{split}` is {str(file)!r}"
    if not file.is_relative_to(paths.RAW):
        raise StillhouseError(
            f"{said}; put the file below {paths.RAW}, which DVC watches, so that an edit reruns "
            "what depends on it."
        )
    if not file.is_file():
        raise StillhouseError(
            f"{said}, but there is no such file. `stillhouse sample` draws rows to label by hand, "
            "and `stillhouse sample --read SHEET` writes their labels there."
        )
    require_watched(file)
    rows = read_file(file)
    for column in COLUMNS:
        if column not in rows[0].values:
            raise StillhouseError(
                f"{file} has no column `{column}`; it needs {' and '.join(COLUMNS)}."
                f"{did_you_mean(column, rows[0].values)}"
            )
    return rows


def move_labelled(
    parts: Mapping[str, Sequence[Row]],
    labels: Mapping[str, Sequence[RawRow]],
    answer: Answer,
    problems: Problems,
) -> dict[str, list[Row]]:
    """The rows by split, with those that people labelled in the split that their file is of.

    They come from `unlabelled` and what is held out of it, and keep the id that the file has. What
    shares a group with one that is scored is in no split any more: a group never is on both sides.
    """
    result = {name: list(rows) for name, rows in parts.items()}
    if not labels:
        return result
    origins = [name for name, rows in result.items() if any(r["label"] is None for r in rows)]
    pool = [row for name in origins for row in with_ids(result[name])]
    places = {_bare(row["id"]): place for place, row in enumerate(pool)}
    taken: dict[int, Row] = {}
    for split, rows in labels.items():
        for raw in rows:
            place = places.get(_bare(str(raw.values["id"])))
            if place is None or place in taken:
                kind = "a label is of no row" if place is None else "a row is labelled twice"
                problems.add(kind, _ADVICE, f"{raw.where}: {raw.values['id']!r}")
                continue
            label = str(raw.values["label"] or "").strip()
            _check(label, pool[place], raw, answer, problems)
            changes = {"id": raw.values["id"], "split": split, "label": label}
            taken[place] = pool[place] | changes
    problems.fail()
    beside = {row["group"] for row in taken.values() if row["group"] and row["split"] in SCORED}
    left = [
        row for place, row in enumerate(pool) if place not in taken and row["group"] not in beside
    ]
    dropped = len(pool) - len(left) - len(taken)
    if dropped:
        announce(
            f"warning: {dropped:,} rows without a label are of a group of which one was labelled "
            "by hand, and are left out."
        )
    kept = {row["id"] for row in left}
    for name in origins:
        named = with_ids(result[name])
        result[name] = [
            row for row, own in zip(result[name], named, strict=True) if own["id"] in kept
        ]
    for split in labels:
        result[split] = [row for row in taken.values() if row["split"] == split]
    return result


def _bare(id_: str) -> str:
    """A made id without the split that it begins with, which the row may have changed."""
    made = _MADE.fullmatch(id_)
    return made[1] if made else id_


def _check(label: str, row: Row, raw: RawRow, answer: Answer, problems: Problems) -> None:
    choices = row["choices"]
    if not label:
        problems.add("the label is empty", _ADVICE, raw.where)
    elif choices and label not in choices:
        said = f"{raw.where}: label {label!r}, choices {choices}"
        problems.add("the label is not among the choices", _ADVICE, said)
    elif not has_value(label, answer.metric, choices):
        said = f"{raw.where}: label {label!r}"
        problems.add(f"the label has no value under the metric `{answer.metric}`", _ADVICE, said)
