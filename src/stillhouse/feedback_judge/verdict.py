"""The scores in a judge's completion: read from its end, and missing rather than guessed."""

import re
from collections.abc import Mapping
from functools import lru_cache

from stillhouse.config.judge import JudgeConf

Verdict = tuple[float, ...]
"""A score for each marker of the judge, in their order."""

_EMPHASIS = r"[\s*_`]*"
_NUMBER = re.compile(
    rf"{_EMPHASIS}[<(\[\"']?(?P<value>-?\d+(?:\.\d+)?)(?:\s*(?:/|out of)\s*\d+)?(?P<rest>[^\n]*)"
)
_WORD = re.compile(r"[\s*_`<(\[\"']*(?P<word>[^\W\d_]+)(?P<rest>[^\n]*)")


def read_verdict(text: str, finish_reason: str, judge: JudgeConf) -> Verdict | None:
    """The scores behind the last of each marker, the last marker first; None without a clear one.

    A score is a number inside the scale, or one of the judge's words, and the only one on its line.
    A completion that the token limit cut right behind a score has none: `1` may have become `10`.
    """
    scores: list[float] = []
    for marker in reversed(judge.markers):
        found = list(_marker(marker).finditer(text))
        if not found:
            return None
        tail = text[found[-1].end() :]
        score = _word(tail, judge.words) if judge.words else _number(tail, judge.scale)
        cut = finish_reason == "length" and not scores and "\n" not in tail.strip(" ")
        if score is None or cut:
            return None
        scores.append(score)
        text = text[: found[-1].start()]
    return tuple(reversed(scores))


def _number(tail: str, scale: tuple[float, float]) -> float | None:
    match = _NUMBER.match(tail)
    if match is None or re.search(r"\d", match["rest"]):
        return None
    low, high = scale
    score = float(match["value"])
    return score if low <= score <= high else None


def _word(tail: str, words: Mapping[str, float]) -> float | None:
    match = _WORD.match(tail)
    if match is None:
        return None
    known = {word.casefold(): score for word, score in words.items()}
    others = {word.casefold() for word in re.findall(r"[^\W\d_]+", match["rest"])}
    word = match["word"].casefold()
    return known.get(word) if not others & (known.keys() - {word}) else None


@lru_cache(maxsize=64)
def _marker(marker: str) -> re.Pattern[str]:
    words = _EMPHASIS.join(re.escape(word) for word in re.findall(r"\w+|[^\w\s]", marker))
    return re.compile(rf"(?<!\w){words}", re.IGNORECASE)
