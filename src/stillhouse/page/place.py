"""Which part of a completion was read as its answer, to mark it where the completion is shown."""

import re
from collections.abc import Iterator, Sequence

from stillhouse.config.dataset import CHAT
from stillhouse.core.reasoning import split_reasoning
from stillhouse.kinds.kind import MAX_STATEMENT, Kind
from stillhouse.kinds.markup import before_end_token, boxed
from stillhouse.parse.completion import MAX_COMPLETION
from stillhouse.parse.form import Form
from stillhouse.parse.markers import find_markers
from stillhouse.parse.run_on import cut_run_on

MOST = 20
"""Statements that are looked at, the last ones first."""
_WRAPPING = " \t\n*_`\"'.:;,"
_SENTENCE = re.compile(r"[.!?](?=\s|$)|\n")
WHOLE = (CHAT, "summary")
"""Tasks whose labels are whole texts."""


def place_of_answer(
    text: str, label: str | None, form: Form, choices: Sequence[str] = ()
) -> tuple[int, int] | None:
    """Where the words stand that give `label`, which a completion was parsed to.

    They lie in the part that parsing reads, without reasoning and what the model ran on into, and
    read alone give the very label. None where no such part is found, and where the label is a whole
    text of its own.
    """
    if label is None or form.task in WHOLE or len(text) > MAX_COMPLETION:
        return None
    spoken = split_reasoning(text).text
    own = cut_run_on(before_end_token(spoken), form.answer.cut, form.headings)
    at = text.rfind(own) if own != text else 0
    if at < 0 or not own:
        return None
    kind = form.kind(choices)
    for first, last in _candidates(own, label, form.answer.markers):
        piece = own[first:last].strip(_WRAPPING)
        start = at + first + len(own[first:last]) - len(own[first:last].lstrip(_WRAPPING))
        if piece and _gives(piece, label, kind, form):
            return start, start + len(piece)
    return None


def _candidates(own: str, label: str, markers: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where an answer may stand, the likeliest first: in a box, behind a marker, in quotes as JSON
    has it, on a line of its own at the end.
    """
    for start, end, inside in reversed(boxed(own)[-MOST:]):
        yield end - 1 - len(inside), end - 1
        yield start, end
    for marker in reversed(find_markers(own, markers)[-MOST:]):
        said = re.search(r"[^\s:*_]", own[marker.end :])
        first = marker.end + (said.start() if said else 0)
        stop = _SENTENCE.search(own, first + 1)
        yield marker.end, stop.start() if stop else len(own)
        line = own.find("\n", first)
        yield marker.end, line if line >= 0 else len(own)
    quoted = own.rfind(f'"{label}"')
    if quoted >= 0:
        yield quoted + 1, quoted + 1 + len(label)
    lines = list(re.finditer(r"[^\n]+", own))
    yield from (line.span() for line in reversed(lines[-MOST:]))
    yield from (line.span() for line in lines[:1])


def _gives(piece: str, label: str, kind: Kind, form: Form) -> bool:
    if piece.casefold() == label.casefold():
        return True
    if form.answer.metric == "latex" or len(piece) > MAX_STATEMENT:
        return False  # which another process would read, too slow for a page
    reading = kind.read(piece)
    return reading is not None and reading.label == label
