"""Which rows to label by hand: as many of each label that the teacher gave, nested, by hash."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Literal

from stillhouse.config.dataset import Metric
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.sampling import shuffled
from stillhouse.core.tables import EXEMPLAR, Row
from stillhouse.kinds.registry import kind_of

By = Literal["label", "none"]
SEED = "sheet"
NO_LABEL = "(no label)"


@dataclass(frozen=True)
class Candidate:
    """A row that may be drawn, and the label that the teacher gave it (None where it gave none)."""

    id: str
    query: str
    choices: tuple[str, ...]
    teacher: str | None

    @property
    def stratum(self) -> str:
        """What the row is drawn by."""
        return NO_LABEL if self.teacher is None else self.teacher


def candidates(
    examples: Sequence[Row], parsed: Iterable[Row], metric: Metric, split: str
) -> list[Candidate]:
    """The rows of a split that the teacher was asked about.

    Raises StillhouseError where there are none, or where the split has labels of its own.
    """
    rows = [row for row in examples if row["split"] == split]
    splits = {row["split"] for row in examples} - {EXEMPLAR}
    if not rows:
        raise StillhouseError(
            f"data/examples.parquet has no rows of the split {split!r}; name another with "
            f"`--split`.{did_you_mean(split, splits)}"
        )
    if any(row["label"] is not None for row in rows):
        raise StillhouseError(
            f"The rows of {split!r} have labels already; a sheet is for rows without. Name another "
            f"split with `--split`.{did_you_mean(split, splits - {split})}"
        )
    found = as_candidates(rows, parsed, metric)
    if not found:
        raise StillhouseError(
            f"The teacher was asked about no row of {split!r}, so there is nothing to be balanced. "
            f"Add `{split}` to `splits` in the prompt's entry and run `dvc repro parse`, or draw "
            "plainly with `--by none`."
        )
    return found


def as_candidates(
    rows: Iterable[Mapping[str, Any]], parsed: Iterable[Row], metric: Metric
) -> list[Candidate]:
    """Those of `rows` that the teacher was asked about, with its first label's canonical form."""
    said = {row["id"]: row["label"] for row in parsed if row["sample"] == 0}
    found = []
    for row in rows:
        if row["id"] in said:
            label, kind = said[row["id"]], kind_of(metric, row["choices"])
            teacher = None if label is None else kind.canonical(label) or label
            found.append(Candidate(row["id"], row["query"], tuple(row["choices"]), teacher))
    return found


def sequence(rows: Iterable[Candidate], by: By, seed: int) -> list[Candidate]:
    """All rows in the order in which they are drawn, so that 60 lie within 120.

    One row of each label in turn; which of a label's rows depends on hashes of their ids alone.
    """
    strata: dict[str, dict[str, Candidate]] = defaultdict(dict)
    for row in rows:
        strata[row.stratum if by == "label" else ""][row.id] = row
    queues = [
        [strata[name][id_] for id_ in shuffled(strata[name], SEED, seed)]
        for name in shuffled(strata, SEED, seed, "labels")
    ]
    turns = chain.from_iterable(zip_longest(*queues))
    return [row for row in turns if row is not None]


def draw(rows: Sequence[Candidate], count: int, by: By, seed: int) -> list[Candidate]:
    """The rows of a sheet, in an order that tells nothing of the teacher's labels."""
    labels = {row.stratum for row in rows}
    if by == "label" and count < len(labels):
        raise StillhouseError(
            f"`--n` is {count}, and the teacher gave {len(labels)} labels: a sheet balanced by "
            "them needs a row of each. Raise it, or draw plainly with `--by none`."
        )
    drawn = {row.id: row for row in sequence(rows, by, seed)[:count]}
    return [drawn[id_] for id_ in shuffled(drawn, SEED, seed, "order")]


def drawn_as(rows: Sequence[Candidate], ids: Iterable[str], seed: int) -> By | None:
    """How rows with these ids were drawn from `rows`; None where neither way gives just these."""
    wanted = set(ids)
    for by in ("label", "none"):
        if wanted == {row.id for row in sequence(rows, by, seed)[: len(wanted)]}:
            return by
    return None
