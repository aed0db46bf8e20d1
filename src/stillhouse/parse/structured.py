"""JSON in completions: found between fences and prose, mended where it is plain what was meant."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from stillhouse.config.prompt import Reply
from stillhouse.parse.conclusion import second_thought
from stillhouse.parse.markers import find_markers

# The names that models give the parts of an object when none was asked for, or another.
LABEL_NAMES = ("answer", "label", "final_answer", "final answer", "prediction", "choice")
RATIONALE_NAMES = ("rationale", "explanation", "reasoning", "reason", "thought", "analysis")

_TOKENS = {
    pair: re.compile(rf'"(?:[^"\\]|\\.)*"|[{re.escape(pair)}]', re.DOTALL) for pair in ("{}", "[]")
}
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*")|,(\s*[}\]])', re.DOTALL)
# LaTeX that was not escaped: `\frac` is no form feed, `\(` no escape at all.
_STRAY = re.compile(
    r"(?<!\\)\\(?:(?=[bf][a-zA-Z])|(?=(?:times|text|theta|tan|tau|to|top|triangle|tfrac|rho|right|rangle"
    r'|rceil|rfloor|neq|nu|neg|ne|ni|not|notin|nabla)(?![a-z]))|(?![\\"/bfnrtu]))'
)
# Where one command stands so, all do, and two backslashes are a matrix' new row.
_RAW = re.compile(r"\\(?=\\(?:[\s&]|$))|(?<=\\)\\(?=[\s&])")
MOST_PIECES = 20
"""Of a completion: none is asked for more often than once."""


class Found(NamedTuple):
    """The parts of an object; a part that it lacks is null."""

    rationale: str | None
    label: str | None


class Broken(NamedTuple):
    """No object that could be read, or one that contradicts itself."""

    status: Literal["malformed", "ambiguous"]


def read_object(text: str, reply: Reply, *, asked: bool) -> Found | Broken | None:
    """The object that a completion is or holds.

    Where JSON was asked for, the last object counts, and a completion without one is malformed.
    Where it was not, None if the completion says its answer outside of the object, too.
    """
    found = [(piece, start, end) for piece, start, end in _objects(text)]
    if not found:
        return Broken("malformed") if asked else None
    piece, start, end = found[-1]
    around = f"{text[:start]}{text[end:]}"
    if not asked and find_markers(around, ()):
        return None
    if len({json.dumps(other, sort_keys=True) for other, _, _ in found}) > 1 and not asked:
        return Broken("ambiguous")
    names = (reply.keys.label.casefold(),) if asked else ()
    said = [(_part(_fields(other), (*names, *LABEL_NAMES)), end) for other, _, end in found]
    said = [each for each in said if isinstance(each[0], Broken) or re.search(r"\w", each[0] or "")]
    if len({answer for answer, _ in said}) > 1 and not second_thought(text[said[-2][1] : start]):
        return Broken("ambiguous")
    fields = _fields(piece)
    reasons = (reply.keys.rationale.casefold(),) if asked else ()
    label = _part(fields, names) or _part(fields, LABEL_NAMES)
    rationale = _part(fields, reasons) or _part(fields, RATIONALE_NAMES)
    if isinstance(label, Broken):
        return label
    if label is None and (rationale is None or not asked):
        return Broken("malformed") if asked else None
    return Found(rationale if isinstance(rationale, str) else None, label)


def _fields(piece: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name).strip().casefold(): value for name, value in piece.items()}


def _part(fields: Mapping[str, Any], names: tuple[str, ...]) -> str | Broken | None:
    values = [value for name in names if (value := fields.get(name)) is not None]
    texts = [_text(value) for value in values]
    if not texts:
        return None
    if None in texts or len({str(text).strip().casefold() for text in texts}) > 1:
        return Broken("ambiguous")
    return texts[0]


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "\n".join(value) if len(value) > 1 else str(value[0])
    return value if isinstance(value, str) else None


def _objects(text: str) -> Iterator[tuple[dict[str, Any], int, int]]:
    """The outermost objects of a text, in order."""
    for start, end in outermost(text, "{}"):
        piece = load_mended(text[start:end])
        if isinstance(piece, dict):
            yield piece, start, end


def outermost(text: str, brackets: Literal["{}", "[]"]) -> Iterator[tuple[int, int]]:
    """Where the outermost pieces of JSON between brackets begin and end, in order; at most so many.

    Brackets within texts are none.
    """
    depth, start, count = 0, 0, 0
    for match in _TOKENS[brackets].finditer(text):
        if match[0] == brackets[0]:
            start = match.start() if depth == 0 else start
            depth += 1
        elif match[0] == brackets[1] and depth:
            depth -= 1
            if depth or count == MOST_PIECES:
                continue
            count += 1
            yield start, match.end()


def load_mended(source: str) -> Any:
    """JSON without what is plainly no part of it; None where it cannot be read even so."""
    plain = _TRAILING.sub(lambda m: m[1] or m[2], source)
    unescaped = _STRAY.sub(r"\\\\", plain)
    if unescaped != plain:
        unescaped = _RAW.sub(r"\\\\", unescaped)
    for candidate in (unescaped, plain):
        try:
            # Numbers stay as they are written: 1.0 is no 1, and 5,000 digits cost nothing.
            return json.loads(candidate, parse_int=str, parse_float=str, strict=False)
        except (ValueError, RecursionError):
            continue
    return None
