"""Whether enough of the teacher's completions can be used to go on with them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import Row

USABLE = ("ok", "repaired")
LEARNT = ("train", "unlabelled")
SHOWN = 3
"""Completions that the message shows, each of another status; the most frequent ones."""

_ADVICE = {
    "truncated": "give the teacher a larger `decoding.max_tokens`",
    "malformed": "choose a teacher that keeps to JSON, or a prompt with another `reply.form`",
    "refused": "choose another teacher, or word the prompt otherwise",
}
_PLAINER = "have the prompt say more plainly what the reply should be, or choose another teacher"


def require_usable(
    parsed: Sequence[Row],
    completions: Sequence[Row],
    examples: Mapping[str, Mapping[str, Any]],
    minimum: float,
) -> None:
    """Raise a StillhouseError that shows what went wrong where less than `minimum` is usable.

    Counted are the first completions of rows that may train; rows that score stop no run. `parsed`
    and `completions` are of the same rows in the same order.
    """
    counted = [
        (row, completion["text"])
        for row, completion in zip(parsed, completions, strict=True)
        if row["sample"] == 0 and examples[row["id"]]["split"] in LEARNT
    ]
    lost = [(row, text) for row, text in counted if row["status"] not in USABLE]
    usable = len(counted) - len(lost)
    if usable >= minimum * len(counted):
        return
    statuses = Counter(row["status"] for row, _ in lost).most_common()
    first = {row["status"]: (row["id"], text) for row, text in reversed(lost)}
    shown = [
        f"  {first[status][0]}, {status}: {_ends_of(first[status][1])!r}"
        for status, _ in statuses[:SHOWN]
    ]
    by_status = ", ".join(f"{count:,} {status}" for status, count in statuses)
    raise StillhouseError(
        f"The teacher completed {len(counted):,} rows to train on, and {usable:,} of the "
        f"completions can be used: {usable / len(counted):.1%}, where the prompt's "
        f"`reply.minimum_usable` is {minimum:.1%}. Lost: {by_status}, such as\n"
        + "\n".join(shown)
        + "\ndata/completions.parquet has them all. Most of all, "
        f"{_ADVICE.get(statuses[0][0], _PLAINER)}. To train on what there is, lower "
        "`reply.minimum_usable`."
    )


def _ends_of(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:110]} [...] {text[-80:]}"
