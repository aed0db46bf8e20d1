"""Answer markers: the dataset's own, and those that every model writes unasked."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_CJK = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_COMMON = (
    r"(?<!\w)(?:(?:final|correct|right|best)\s+)?(?:answer|option|choice|label)"
    r"\s+(?:is|would be|must be|should be)(?:\s*:)?(?![\w'’])"
    r"|(?<!\w)(?:(?:final|correct|right)\s+)?(?:answer|label)(?:\*\*|__)?[ \t]*:(?:\*\*|__)?"
    # a heading of its own: `**Answer**`, `## Final answer`
    r"|(?:^|(?<=[\n*#_])|(?<=# ))(?:final\s+)?(?:answer|label)(?:\*\*|__)?[ \t]*(?=\n|$)"
    r"|(?:^|(?<=\n))[ \t]*####|<(?:final_)?answer>"
    r"|(?<!\w)final\s+answer\s*(?:[-–—](?=\s)|\([^()\n]{1,40}\)\s*:)|(?:^|(?<=\n))[ \t]*ans\s*:"
    r"|(?:^|(?<=\n))[ \t*]*(?:prediction|conclusion|final\s+choice)[ \t*]*:(?:\*\*)?"
    r"|(?<!\w)die\s+(?:richtige\s+|korrekte\s+)?antwort\s+(?:ist|lautet)(?:\s*:)?(?!\w)"
    r"|(?<!\w)la\s+(?:bonne\s+)?r[ée]ponse\s+(?:correcte\s+)?est(?:\s*:)?(?!\w)"
    r"|(?<!\w)la\s+respuesta\s+(?:correcta\s+)?es(?:\s*:)?(?!\w)"
    r"|(?<!\w)a\s+resposta\s+(?:correta\s+)?[ée](?:\s*:)?(?!\w)"
    r"|(?<!\w)la\s+risposta\s+(?:corretta\s+)?è(?:\s*:)?(?!\w)"
    r"|答案(?:应该)?(?:是|为|[:：])|(?:故|因此|所以)选"
)


class Marker(NamedTuple):
    """Where a marker stands, and whether it is one of the dataset's own."""

    start: int
    end: int
    text: str
    listed: bool = True


def find_markers(text: str, markers: Sequence[str]) -> list[Marker]:
    """The answer markers in `text`, in order; neighbours with nothing between are one.

    Case is ignored, words are whole. Of overlapping markers the one that starts first wins, then
    the dataset's own, in their order.
    """
    found: list[Marker] = []
    for match in _pattern(tuple(markers)).finditer(text):
        marker = Marker(match.start(), match.end(), match[0], match.lastgroup == "own")
        if found and not text[found[-1].end : marker.start].strip(" \t\n:*_`"):
            last = found.pop()
            marker = Marker(last.start, marker.end, text[last.start : marker.end], last.listed)
        found.append(marker)
    return found


@lru_cache(maxsize=64)
def _pattern(markers: tuple[str, ...]) -> re.Pattern[str]:
    own = "|".join(map(bounded, markers)) or "(?!)"
    return re.compile(rf"(?P<own>{own})|{_COMMON}", re.IGNORECASE)


def bounded(marker: str) -> str:
    """A pattern for a marker in whole words; scripts without blanks have no such bounds."""
    words = r"\s+".join(re.escape(word) for word in marker.split())
    before = r"(?<!\w)" if re.match(rf"(?![{_CJK}])\w", marker) else ""
    after = r"(?![\w'’])" if re.search(rf"(?![{_CJK}])\w$", marker.rstrip()) else ""
    return before + words + after
