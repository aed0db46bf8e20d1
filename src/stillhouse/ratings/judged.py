"""A judge's scores of the same replies that people rated."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.joins import by_id
from stillhouse.core.tables import (
    EXAMPLES,
    FEEDBACK_PREDICTIONS,
    PARSED,
    RATINGS,
    VERDICTS,
    predictions,
)
from stillhouse.feedback_split.difficulty import EQUAL, METRIC
from stillhouse.ingest.files import RawRow, read_file
from stillhouse.rate.replies import TEACHER
from stillhouse.ratings.key import Key
from stillhouse.ratings.shown import fingerprint, reply
from stillhouse.ratings.sources import reply_column

SCORE, MODEL = "score", "model"


@dataclass(frozen=True)
class Judged:
    """The judge's mean score of each reply, by rating id; several are of turns, or orders."""

    source: str
    scores: Mapping[str, float]


def judge_scores(key: Key, file: Path | None) -> Judged | None:
    """The scores in `file`, else in the project's verdicts; None where there are none.

    The verdicts are of the teacher's labels and the student's predictions on training rows, the
    ratings of conversations of the replies to test rows. They count where these are the replies
    that people rated.
    """
    if file is not None:
        return Judged(str(file), _means(_of_file(key, file)))
    if RATINGS.path.exists() and (scores := _means(_of_ratings(key))):
        return Judged(str(RATINGS.path), scores)
    tables = (VERDICTS, PARSED, FEEDBACK_PREDICTIONS)
    if not all(table.path.exists() for table in tables):
        return None
    scores = _means(_of_verdicts(key))
    return Judged(str(VERDICTS.path), scores) if scores else None


def _of_verdicts(key: Key) -> Iterable[tuple[str, float]]:
    labels = by_id([row for row in PARSED.read_rows() if row["sample"] == 0], PARSED.name)
    predictions = by_id(FEEDBACK_PREDICTIONS.read_rows(), FEEDBACK_PREDICTIONS.name)
    ids = _by_reply(key)
    for verdict in VERDICTS.read_rows():
        if verdict["asked"] in (EQUAL, METRIC):
            continue  # no judge was asked
        row = verdict["id"]
        answers = {
            "teacher_score": labels.get(row, {}).get("label"),
            "student_score": predictions.get(row, {}).get("prediction"),
        }
        for name, answer in answers.items():
            if answer is not None and verdict[name] is not None:
                rating_id = ids.get((row, fingerprint(reply(answer, name))))
                if rating_id is not None:
                    yield rating_id, verdict[name]


def _of_ratings(key: Key) -> Iterable[tuple[str, float]]:
    """The judge's rating of each turn of the conversations that people rated."""
    ratings = [row for row in RATINGS.read_rows() if row["rating"] is not None]
    if not ratings:
        return
    ids, examples = _by_reply(key), by_id(EXAMPLES.read_rows(), EXAMPLES.name)
    said = {model: _replies_of(model) for model in {row["model"] for row in ratings}}
    for row in ratings:
        id_, replies = row["id"], said[row["model"]]
        if id_ in replies and id_ in examples:
            text = reply(replies[id_], row["model"], examples[id_])
            rating_id = ids.get((id_, fingerprint(text)))
            if rating_id is not None:
                yield rating_id, row["rating"]


def _replies_of(model: str) -> dict[str, str]:
    """The replies that the stage `rate` showed the judge, by id."""
    if model == TEACHER:
        parsed = [row for row in PARSED.read_rows() if row["sample"] == 0]
        return {row["id"]: row["label"] for row in parsed if row["label"] is not None}
    table = predictions(model)
    predicted = table.read_rows() if table.path.exists() else []
    return {row["id"]: row["prediction"] for row in predicted}


def _of_file(key: Key, file: Path) -> Iterable[tuple[str, float]]:
    if not file.is_file():
        raise StillhouseError(f"{file} does not exist.")
    ids, rows = _by_reply(key), read_file(file)
    _require_models(key, file, rows)
    known = False
    for raw in rows:
        values = raw.values
        column = reply_column(values)
        named = values.get(MODEL) is not None
        if values.get("id") is None or SCORE not in values or not (named or column):
            raise StillhouseError(
                f"{raw.where} needs `id`, `{SCORE}`, and `{MODEL}` or `reply`; its columns are "
                f"{', '.join(values)}."
            )
        row, score = str(values["id"]), _score(raw)
        if named:
            rating_id = key.ids.get((row, str(values[MODEL])))
        else:
            text = reply(values[str(column)], f"{raw.where}: `{column}`")
            rating_id = ids.get((row, fingerprint(text)))
        known = known or rating_id is not None
        if rating_id is not None and score is not None:
            yield rating_id, score
    if not known:
        raise StillhouseError(f"{file} has no score of a reply that the key has.")


def _require_models(key: Key, file: Path, rows: Iterable[RawRow]) -> None:
    named = {str(raw.values[MODEL]) for raw in rows if raw.values.get(MODEL) is not None}
    if named and not named & set(key.models):
        raise StillhouseError(
            f"{file} scores none of the models of the key, but {min(named)!r}."
            f"{did_you_mean(min(named), key.models)}"
        )


def _score(raw: RawRow) -> float | None:
    """A row's score; None where the judge gave none."""
    value: Any = raw.values[SCORE]
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise StillhouseError(f"{raw.where}: `{SCORE}` is {value!r:.40}, not a number.") from error


def _by_reply(key: Key) -> dict[tuple[str, str], str]:
    """Rating ids by row and the hash of the reply."""
    return {(rated.row, rated.reply): id_ for id_, rated in key.ratings.items()}


def _means(scores: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: defaultdict[str, list[float]] = defaultdict(list)
    for id_, score in scores:
        found[id_].append(score)
    return {id_: fmean(values) for id_, values in found.items()}
