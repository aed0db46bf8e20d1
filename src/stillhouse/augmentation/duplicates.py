"""Near-duplicates by ROUGE-L, found exactly and without comparing every pair."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from math import floor

_TOKEN = re.compile(r"[^\W_]+")

Element = tuple[str, int]
"""A token and which of its occurrences it is: multisets of tokens as sets."""


def tokens(text: str) -> list[str]:
    """The words of a text without case and punctuation, as ROUGE counts them; any script."""
    return _TOKEN.findall(text.casefold())


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence, by bit-parallel rows (Hyyrö 2004)."""
    places: dict[str, int] = defaultdict(int)
    for position, token in enumerate(one):
        places[token] |= 1 << position
    row = full = (1 << len(one)) - 1
    for token in other:
        if match := places.get(token, 0):
            hit = row & match
            row = ((row + hit) | (row - hit)) & full
    return len(one) - row.bit_count()


def rouge_l(one: Sequence[str], other: Sequence[str]) -> Fraction:
    """The F1 score of ROUGE-L (Lin 2004), exactly: 2 LCS / (m + n); 0 for two empty texts."""
    if not one and not other:
        return Fraction(0)
    return Fraction(2 * common_subsequence(one, other), len(one) + len(other))


class NearDuplicates:
    """A growing set of texts that tells whether a new one is too close to any of them.

    ROUGE-L above `threshold` needs so many common tokens that two texts must share one among the
    rarest of each (prefix filtering, Chaudhuri et al. 2006): so an index of those finds every
    candidate, and the longest common subsequence decides. `common` are texts by which tokens are
    called rare; they change the speed, never the outcome.
    """

    def __init__(self, threshold: float, common: Iterable[str] = ()) -> None:
        self.threshold = Fraction(str(threshold))
        self._frequency = Counter(token for text in common for token in set(tokens(text)))
        self._texts: list[tuple[list[str], frozenset[Element], Sequence[Element]]] = []
        self._index: dict[Element, list[int]] = defaultdict(list)
        self._needed = cache(self._needed_overlap)

    def add(self, text: str) -> None:
        """Compare later texts with this one, too."""
        words = tokens(text)
        elements = self._by_rarity(words)
        prefix = self._prefix(elements)
        for element in prefix:
            self._index[element].append(len(self._texts))
        self._texts.append((words, frozenset(elements), prefix))

    def drop(self, count: int) -> None:
        """Take back the last `count` texts."""
        for _ in range(count):
            for element in self._texts.pop()[-1]:
                self._index[element].pop()

    def holds(self, text: str) -> bool:
        """Whether any text of the set has a ROUGE-L above the threshold with this one."""
        words = tokens(text)
        elements = self._by_rarity(words)
        seen: set[int] = set()
        for element in self._prefix(elements):
            for place in self._index.get(element, ()):
                if place not in seen:
                    seen.add(place)
                    if self._close(words, elements, place):
                        return True
        return False

    def _close(self, words: Sequence[str], elements: Sequence[Element], place: int) -> bool:
        other, others, _ = self._texts[place]
        needed = self._needed(len(words), len(other))
        if needed > min(len(words), len(other)) or len(others.intersection(elements)) < needed:
            return False
        return common_subsequence(words, other) >= needed

    def _needed_overlap(self, one: int, other: int) -> int:
        """The fewest common tokens with which ROUGE-L passes the threshold."""
        return floor(self.threshold * (one + other) / 2) + 1

    def _prefix(self, elements: Sequence[Element]) -> Sequence[Element]:
        """The rarest elements, one of which any text close enough must share."""
        size = len(elements)
        # The shortest text that can be close: as long as the overlap that it needs itself.
        shortest = next((n for n in range(1, size + 1) if self._needed(size, n) <= n), size + 1)
        return elements[: max(0, size - self._needed(size, shortest) + 1)]

    def _by_rarity(self, words: Iterable[str]) -> list[Element]:
        count: Counter[str] = Counter()
        elements = []
        for word in words:
            elements.append((word, count[word]))
            count[word] += 1
        return sorted(elements, key=lambda element: (self._frequency[element[0]], element))
