"""Where a completion's own text ends, where its answer begins, and what is left as rationale."""

import re
from collections.abc import Sequence
from functools import lru_cache

_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]*]*(?=\s|$)")
_HEADING = re.compile(r"^[\s(*#]*(?:rationale|explanation|reasoning)[\s*]*:[\s*]*", re.IGNORECASE)
_LEADS_OVER = r"\b(?:rationale|so|hence|thus|therefore|then|and)\b"
_WINDOW = 200


def cut_run_on(text: str, markers: Sequence[str]) -> str:
    """The text before the first run-on marker: the made-up examples behind it are not the row's."""
    return text[: min((at for m in markers if (at := text.find(m)) >= 0), default=len(text))]


def split_at_last_marker(text: str, markers: Sequence[str]) -> tuple[str, str] | None:
    """The text before and after the last answer marker, or None without one.

    Case is ignored; of overlapping markers the one that starts first wins, then the one listed
    first. A last marker with nothing behind it (`hence the answer is 9. Answer:`) gives way to the
    one before, if any has an answer.
    """
    found = list(_marker_pattern(tuple(markers)).finditer(text))
    end = len(text)
    for match in reversed(found):
        if text[match.end() : end].strip():
            return text[: match.start()], text[match.end() : end]
        end = match.start()
    return (text[: found[0].start()], "") if found else None


def clean_rationale(text: str, markers: Sequence[str]) -> str | None:
    """A rationale without its heading and without the words that led over to the answer."""
    leads_over = _leads_over(tuple(markers))
    rationale = _HEADING.sub("", text.strip())
    # Only the end is searched, again and again: a completion may repeat one word a thousand times.
    while match := leads_over.search(rationale[-_WINDOW:]):
        rationale = rationale[: -len(match[0])].rstrip().rstrip(",;").rstrip()
    return rationale if re.search(r"\w", rationale) else None


def whole_sentences(text: str) -> str:
    """The text up to the end of its last full sentence; empty when no sentence ends."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]].strip() if ends else ""


def first_sentence(text: str) -> str:
    """The text up to the end of its first sentence; all of it when none ends."""
    match = _SENTENCE_END.search(text)
    return text[: match.end()] if match else text


@lru_cache(maxsize=64)
def _marker_pattern(markers: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(_bounded, markers)), re.IGNORECASE)


@lru_cache(maxsize=64)
def _leads_over(markers: tuple[str, ...]) -> re.Pattern[str]:
    alternatives = "|".join((*map(_bounded, markers), _LEADS_OVER))
    return re.compile(rf"(?:{alternatives})[\s,:;]*$", re.IGNORECASE)


def _bounded(marker: str) -> str:
    words = r"\s+".join(re.escape(word) for word in marker.split())
    before = r"(?<!\w)" if re.match(r"\w", marker) else ""
    after = r"(?![\w'’])" if re.search(r"\w$", marker.rstrip()) else ""
    return before + words + after
