"""ROUGE-L as the textbook has it, to compare with."""

from collections.abc import Sequence
from fractions import Fraction


def rouge_l(one: Sequence[str], other: Sequence[str]) -> Fraction:
    """The F1 score (Lin 2004), exactly: 2 LCS / (m + n); 0 for two empty texts."""
    row = [0] * (len(other) + 1)
    for a in one:
        before = row[:]
        for j, b in enumerate(other):
            row[j + 1] = before[j] + 1 if a == b else max(before[j + 1], row[j])
    return Fraction(2 * row[-1], max(1, len(one) + len(other)))
