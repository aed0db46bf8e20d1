"""Near-duplicates by ROUGE-L, found exactly and without comparing every pair."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from rapidfuzz.distance import LCSseq

from stillhouse.core.rouge import tokens

Element = tuple[str, int]
"""A token and which of its occurrences it is: multisets of tokens as sets."""


class NearDuplicates:
    """A growing set of texts that tells whether a new one is too close to any of them.

    Close is a ROUGE-L (Lin 2004) above `threshold`: its F1 score, 2 LCS / (m + n) for texts of m
    and n tokens and their longest common subsequence, without rounding; 0 for two empty texts.

    So high a score needs so many common tokens that two texts must share one among the rarest of
    each, and enough behind it (prefix and positional filtering; Xiao et al. 2008): so an index of
    the rarest finds every candidate, and the longest common subsequence decides. `common` are texts
    by which tokens are called rare; they change the speed, never the outcome.
    """

    def __init__(self, threshold: float, common: Iterable[str] = ()) -> None:
        self._threshold = Fraction(str(threshold))
        self._frequency = Counter(e for text in common for e in _elements(tokens(text)))
        self._texts: list[_Text] = []
        self._index: dict[Element, list[tuple[int, int]]] = defaultdict(list)

    def add(self, text: str) -> None:
        """Compare later texts with this one, too."""
        added = self._read(text)
        for place, element in enumerate(added.prefix):
            self._index[element].append((len(self._texts), place))
        self._texts.append(added)

    def drop(self, count: int) -> None:
        """Take back the last `count` texts."""
        for _ in range(count):
            for element in self._texts.pop().prefix:
                self._index[element].pop()

    def holds(self, text: str) -> bool:
        """Whether any text of the set has a ROUGE-L above the threshold with this one."""
        new = self._read(text)
        size, seen = len(new.words), set[int]()
        for place, element in enumerate(new.prefix):
            for number, other_place in self._index.get(element, ()):
                if number in seen:
                    continue
                seen.add(number)
                other = self._texts[number]
                needed = self._needed(size, len(other.words))
                # What both share begins here: no more can be common than is left of either.
                left = min(size - place, len(other.words) - other_place)
                if left >= needed and LCSseq.similarity(new.words, other.words) >= needed:
                    return True
        return False

    def _read(self, text: str) -> "_Text":
        words = tokens(text)
        elements = sorted(_elements(words), key=lambda e: (self._frequency[e], e))
        return _Text(words, elements[: self._prefix_size(len(words))])

    def _needed(self, one: int, other: int) -> int:
        """The fewest common tokens with which ROUGE-L passes the threshold."""
        return self._threshold.numerator * (one + other) // (2 * self._threshold.denominator) + 1

    def _prefix_size(self, size: int) -> int:
        """Of so many of its rarest elements any text close enough must share one."""
        # The shortest text that can be close: as long as the overlap that it needs itself.
        shortest = next((n for n in range(1, size + 1) if self._needed(size, n) <= n), size + 1)
        return max(0, size - self._needed(size, shortest) + 1)


class _Text(NamedTuple):
    words: list[str]
    prefix: list[Element]
    """The rarest elements, the rarest first."""


def _elements(words: Iterable[str]) -> list[Element]:
    count: Counter[str] = Counter()
    elements = []
    for word in words:
        elements.append((word, count[word]))
        count[word] += 1
    return elements
