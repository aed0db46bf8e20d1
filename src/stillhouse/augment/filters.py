"""Which new queries are kept: one reason for each that is not."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from stillhouse.augment.duplicates import NearDuplicates
from stillhouse.config.augment import Filters
from stillhouse.core.rouge import tokens
from stillhouse.core.same_query import query_key

Reason = Literal[
    "no_completion",
    "truncated",
    "length",
    "odd_start",
    "forbidden",
    "choices",
    "held_out",
    "near_duplicate",
]
"""Why a query was left out; the first reason in this order counts."""

_CHOICE = re.compile(r"\(([a-z])\)\s*(.+?)(?=\s*\([a-z]\)\s|\s*$)", re.DOTALL)


class HeldOut:
    """Test and validation queries, and whether a new one repeats any of them.

    It does when it is the same query as one, or when it shares a run of `size` words. Runs
    that training queries hold, too, are the dataset's own phrases and give nothing away.
    """

    def __init__(self, held_out: Iterable[str], training: Iterable[str], size: int) -> None:
        self.size = size
        texts = list(held_out)
        self._asked = {query_key(text) for text in texts}
        known = {run for text in training for run in self._runs(tokens(text))}
        self._known = {run for text in texts for run in self._runs(tokens(text))} - known

    def repeats(self, query: str) -> bool:
        """Whether the query gives away one that is held out."""
        known = (run in self._known for run in self._runs(tokens(query)))
        return query_key(query) in self._asked or any(known)

    def _runs(self, words: Sequence[str]) -> Iterator[tuple[str, ...]]:
        return (tuple(words[i : i + self.size]) for i in range(len(words) - self.size + 1))


def form_problem(query: str, finish_reason: str, filters: Filters) -> Reason | None:
    """What is wrong with a query taken by itself."""
    if finish_reason == "length":
        return "truncated"
    if not filters.min_words <= len(query.split()) <= filters.max_words:
        return "length"
    if not query[0].isalnum():
        return "odd_start"
    folded = query.casefold()
    return "forbidden" if any(text.casefold() in folded for text in filters.forbidden) else None


class Kept:
    """The training queries and the new ones kept so far; decides about the next.

    Decisions depend on what was decided before, so queries are offered in one fixed order.
    """

    def __init__(self, filters: Filters, training: Sequence[str], held_out: Iterable[str]) -> None:
        self.filters = filters
        self._held_out = HeldOut(held_out, training, filters.ngram)
        self._near = NearDuplicates(filters.rouge_l, training)
        self._asked = dict.fromkeys(query_key(text) for text in training)
        for text in training:
            self._near.add(text)

    def problem(self, query: str) -> Reason | None:
        """Whether a query that is well-formed repeats another."""
        if self._held_out.repeats(query):
            return "held_out"
        # Some queries have no words to compare: `- = ?`.
        repeats = query_key(query) in self._asked or self._near.holds(query)
        return "near_duplicate" if repeats else None

    def keep(self, query: str) -> None:
        """Compare later queries with this one, too; it must have no `problem`."""
        self._near.add(query)
        self._asked[query_key(query)] = None

    def drop(self, count: int) -> None:
        """Take back the last `count` queries."""
        self._near.drop(count)
        for _ in range(count):
            self._asked.popitem()


def choices_in(query: str) -> list[str]:
    """The choices that a query lists as `(a) ...`, `(b) ...`, in one line or several."""
    found = _CHOICE.findall(query)
    letters = [letter for letter, _ in found]
    expected = [chr(ord("a") + place) for place in range(len(found))]
    return [text.strip() for _, text in found] if letters == expected else []
