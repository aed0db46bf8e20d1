"""Each model's score of each test row, small enough for Git: what paired tests need, without texts.

Rows are in the order of their ids, which the file leaves out; a digest of ids, queries, labels and
choices says of which rows it is. A row's score is its place among the distinct ones, in as few bits
as the places need: of right and wrong rows one bit a row, and nothing is lost of graded ones.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stillhouse.config.dataset import RATING, Metric
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import Row
from stillhouse.evaluate.scoring import split_rows
from stillhouse.kinds.measures import AGREEING, NAMED, Measure
from stillhouse.rate.rate import conversation_ratings
from stillhouse.rate.replies import TEACHER
from stillhouse.statistics.intervals import group_codes
from stillhouse.statistics.paired import Scores

COMPARED = ("query", "label", "choices")
"""What has to be the same of a test row for its scores to be compared."""
SCORES = "scores"
STEPS = "steps"
"""Of groups: how many rows back a row's group was last seen; 0 for a group's first row."""


@dataclass(frozen=True)
class Outcomes:
    """The scores of a run by model, each in the order of the test rows; None where there is none.

    `groups` has a number for each row's group; it is None where all rows are apart.
    """

    measure: Measure
    rows: int
    digest: str
    groups: tuple[int, ...] | None
    models: Mapping[str, Sequence[float | None]]

    def written(self) -> dict[str, Any]:
        """As it stands in its file."""
        found: dict[str, Any] = {
            "measure": self.measure.name,
            "rows": self.rows,
            "test_rows": self.digest,
            "models": {name: _packed(SCORES, scores) for name, scores in self.models.items()},
        }
        if self.groups is not None:
            found["groups"] = _packed(STEPS, _steps(self.groups))
        return found


def outcomes_of(
    examples: Sequence[Row],
    scored: Mapping[str, Scores],
    ratings: Iterable[Row],
    metric: Metric,
    measure: Measure,
) -> Outcomes:
    """The outcomes of a run, of the models that have a score of every test row.

    Of conversations the ratings are the scores, and some lack one. Agreement with a teacher has no
    outcomes: its labels are no truth that two runs share.
    """
    if measure is AGREEING:
        return Outcomes(measure, 0, "", None, {})
    test = {row["id"]: row for row in split_rows(examples, "test", metric)}
    if metric == RATING:
        given = conversation_ratings(ratings)
        whole = {model: given[model] for model in (*scored, TEACHER) if model in given}
    else:
        whole = {name: dict(rows) for name, rows in scored.items() if rows.keys() == test.keys()}
    ids = sorted(test)
    codes = group_codes([test[id_]["group"] for id_ in ids])
    return Outcomes(
        measure,
        len(ids),
        digest_of(test),
        None if codes is None else tuple(map(int, codes)),
        {name: [rows.get(id_) for id_ in ids] for name, rows in whole.items()},
    )


def digest_of(test: Mapping[str, Mapping[str, Any]]) -> str:
    """What the test rows are, as a hash: equal for the same ids, queries, labels and choices."""
    digest = hashlib.sha256()
    for id_ in sorted(test):
        line = json.dumps([id_, *(test[id_][key] for key in COMPARED)], ensure_ascii=True)
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def parse_outcomes(text: str, of: str) -> Outcomes:
    """The outcomes that a file holds; `of` names the revision in an error."""
    try:
        found = json.loads(text)
        rows, groups = int(found["rows"]), found.get("groups")
        return Outcomes(
            NAMED[found["measure"]],
            rows,
            str(found["test_rows"]),
            None if groups is None else _codes(_unpacked(groups, STEPS, rows)),
            {
                str(name): _unpacked(packed, SCORES, rows)
                for name, packed in found["models"].items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise StillhouseError(
            f"{paths.OUTCOMES} of {of!r} is not as the stage `report` writes it "
            f"({type(error).__name__}: {error}). It was edited, merged or written by another "
            "version: `dvc repro report` there writes it again."
        ) from error


def _packed(name: str, values: Sequence[float | None]) -> dict[str, str]:
    """The distinct values, and each one's place among them in as few bits as places need."""
    import numpy as np

    distinct = sorted(set(values), key=lambda value: (value is not None, value))
    place = {value: number for number, value in enumerate(distinct)}
    width = (len(distinct) - 1).bit_length()
    codes = np.array([place[value] for value in values], dtype=np.int64)
    bits = codes[:, None] >> np.arange(width)[::-1] & 1
    packed = np.packbits(bits.astype(np.uint8).ravel()).tobytes()
    return {
        name: " ".join(map(json.dumps, distinct)),
        "packed": base64.b64encode(packed).decode("ascii"),
    }


def _unpacked(found: Mapping[str, str], name: str, rows: int) -> list[Any]:
    import numpy as np

    distinct = [json.loads(value) for value in found[name].split()]
    width = (len(distinct) - 1).bit_length()
    try:
        packed = np.frombuffer(base64.b64decode(found["packed"], validate=True), dtype=np.uint8)
    except binascii.Error as error:
        raise ValueError(f"no base64: {error}") from error
    if len(packed) != -(-rows * width // 8):
        raise ValueError(f"{len(packed)} bytes for {rows} rows of {width} bits")
    bits, padding = np.split(np.unpackbits(packed), [rows * width])
    if padding.any():
        raise ValueError(f"bits behind the last of {rows} rows")
    bits = bits.reshape(rows, width).astype(np.int64)
    return [distinct[code] for code in bits @ (1 << np.arange(width)[::-1])]


def _steps(codes: Sequence[int]) -> list[float | None]:
    last: dict[int, int] = {}
    steps: list[float | None] = []
    for row, code in enumerate(codes):
        steps.append(row - last.get(code, row))
        last[code] = row
    return steps


def _codes(steps: Sequence[int]) -> tuple[int, ...]:
    codes: list[int] = []
    new = 0
    for row, step in enumerate(steps):
        if not 0 <= step <= row:
            raise ValueError(f"the group of row {row} lies {step} rows back")
        codes.append(codes[row - step] if step else new)
        new += not step
    return tuple(codes)
