"""What is left of a completion as its rationale, and where its sentences end."""

import re
from collections.abc import Sequence
from functools import lru_cache

from stillhouse.parse.markers import bounded

SENTENCE_END = re.compile(r"[.!?][\"'”’)\]*]*(?=\s|$)|[。！？]")
_HEADING = re.compile(r"^[\s(*#]*(?:rationale|explanation|reasoning)[\s*]*:[\s*]*", re.IGNORECASE)
_LEADS_OVER = (
    r"\b(?:rationale|so|hence|thus|therefore|then|and|the|my)\b"
    r"|(?:\*\*|#+)?\s*\b(?:final|correct)\b"
)
_WINDOW = 200
MOST_JOINTS = 20


def clean_rationale(text: str, markers: Sequence[str]) -> str | None:
    """A rationale without its heading and without the words that led over to the answer."""
    leads_over = _leads_over(tuple(markers))
    rationale = _HEADING.sub("", text.strip())
    end = _without_joint(rationale, len(rationale))
    # Bounded, and only the end is looked at: a completion may repeat one word a million times.
    for _ in range(MOST_JOINTS):
        match = leads_over.search(rationale[max(0, end - _WINDOW) : end])
        if match is None:
            break
        end = _without_joint(rationale, max(0, end - _WINDOW) + match.start())
    rationale = rationale[:end]
    return rationale if re.search(r"\w", rationale) else None


def _without_joint(text: str, end: int) -> int:
    """The end of `text[:end]` without the comma or the mark-up that joined it to the answer."""
    while end and (text[end - 1] in " \t\r\n,;*#$" or text[end - 2 : end] in ("\\(", "\\[")):
        end -= 1
    return end


def whole_sentences(text: str) -> str:
    """The text up to the end of its last full sentence; empty when no sentence ends."""
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    return text[: ends[-1]].strip() if ends else ""


@lru_cache(maxsize=64)
def _leads_over(markers: tuple[str, ...]) -> re.Pattern[str]:
    alternatives = "|".join((*map(bounded, markers), _LEADS_OVER))
    return re.compile(rf"(?:{alternatives})[\s,:;*]*$", re.IGNORECASE)
