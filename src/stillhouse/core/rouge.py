"""ROUGE-L: how much of one text stands in another, in the same order."""

import re

from rapidfuzz.distance import LCSseq

_TOKEN = re.compile(r"[^\W_]+")


def tokens(text: str) -> list[str]:
    """The words of a text without case and punctuation, as ROUGE counts them; any script."""
    return _TOKEN.findall(text.casefold())


def rouge_l(one: str, other: str) -> float:
    """The F1 score of the longest common subsequence of tokens (Lin 2004), without stemming.

    0 where both have none.
    """
    words, others = tokens(one), tokens(other)
    return 2 * LCSseq.similarity(words, others) / max(1, len(words) + len(others))
