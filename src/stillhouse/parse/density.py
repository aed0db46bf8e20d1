"""The reply of a Chain of Density: a list of four objects in JSON, one for each round.

Strictly: a list that is cut off, shorter or longer, or in which a round has no summary or does not
say which entities it adds, is none. Whoever wrote it did not do what was asked, and nobody knows
what its last text is.
"""

import re
from typing import Any, NamedTuple

from stillhouse.config.prompt import ROUND, ROUNDS
from stillhouse.parse.structured import load_mended, outermost

_FENCE = re.compile(r"```(?:\w+)?")


class Rounds(NamedTuple):
    """The last summary, and whether the list was the whole completion, but for a fence."""

    label: str
    alone: bool


def read_rounds(text: str) -> Rounds | None:
    """The one list of rounds that a completion holds; None where it has none, or several."""
    sources = [text[start:end] for start, end in outermost(text, "[]")]
    lists = [(piece, source) for source in sources if _is_of_objects(piece := load_mended(source))]
    if len(lists) != 1:
        return None
    piece, source = lists[0]
    summaries = [_summary(each) for each in piece]
    if len(summaries) != ROUNDS or None in summaries:
        return None
    around = _FENCE.sub("", text.replace(source, "", 1))
    return Rounds(str(summaries[-1]), alone=not around.strip())


def _is_of_objects(piece: Any) -> bool:
    return isinstance(piece, list) and any(isinstance(each, dict) for each in piece)


def _summary(piece: Any) -> str | None:
    """The summary of one round; None where the round is not what was asked for."""
    if not isinstance(piece, dict):
        return None
    fields = {_plain(name): value for name, value in piece.items()}
    entities, summary = (fields.get(_plain(name)) for name in ROUND)
    named = isinstance(entities, str) or (
        isinstance(entities, list) and all(isinstance(each, str) for each in entities)
    )
    said = isinstance(summary, str) and re.search(r"\w", summary)
    return str(summary) if named and said else None


def _plain(name: Any) -> str:
    """A name however it is written: `Denser Summary` is `denser_summary`."""
    return re.sub(r"[\W_]+", "", str(name)).casefold()
