"""Which new questions are kept: one reason for each that is not."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from stillhouse.augment.duplicates import NearDuplicates, tokens
from stillhouse.config.augment import Filters
from stillhouse.core.same_question import question_key

Reason = Literal[
    "no_reply",
    "truncated",
    "length",
    "odd_start",
    "forbidden",
    "choices",
    "held_out",
    "near_duplicate",
]
"""Why a question was left out; the first reason in this order counts."""

_CHOICE = re.compile(r"\(([a-z])\)\s*(.+?)(?=\s*\([a-z]\)\s|\s*$)", re.DOTALL)


class HeldOut:
    """Test and validation questions, and whether a new one repeats any of them.

    It does when it asks the same question as one, or when it shares a run of `size` words. Runs
    that training questions hold, too, are the dataset's own phrases and give nothing away.
    """

    def __init__(self, held_out: Iterable[str], training: Iterable[str], size: int) -> None:
        self.size = size
        texts = list(held_out)
        self._asked = {question_key(text) for text in texts}
        known = {run for text in training for run in self._runs(tokens(text))}
        self._known = {run for text in texts for run in self._runs(tokens(text))} - known

    def repeats(self, question: str) -> bool:
        """Whether the question gives away one that is held out."""
        known = (run in self._known for run in self._runs(tokens(question)))
        return question_key(question) in self._asked or any(known)

    def _runs(self, words: Sequence[str]) -> Iterator[tuple[str, ...]]:
        return (tuple(words[i : i + self.size]) for i in range(len(words) - self.size + 1))


def form_problem(question: str, finish_reason: str, filters: Filters) -> Reason | None:
    """What is wrong with a question taken by itself."""
    if finish_reason == "length":
        return "truncated"
    if not filters.min_words <= len(question.split()) <= filters.max_words:
        return "length"
    if not question[0].isalnum():
        return "odd_start"
    folded = question.casefold()
    return "forbidden" if any(text.casefold() in folded for text in filters.forbidden) else None


class Kept:
    """The training questions and the new ones kept so far; decides about the next.

    Decisions depend on what was decided before, so questions are offered in one fixed order.
    """

    def __init__(self, filters: Filters, training: Sequence[str], held_out: Iterable[str]) -> None:
        self.filters = filters
        self._held_out = HeldOut(held_out, training, filters.ngram)
        self._near = NearDuplicates(filters.rouge_l, training)
        self._asked = dict.fromkeys(question_key(text) for text in training)
        for text in training:
            self._near.add(text)

    def problem(self, question: str) -> Reason | None:
        """Whether a question that is well-formed repeats another."""
        if self._held_out.repeats(question):
            return "held_out"
        # Some questions have no words to compare: `- = ?`.
        repeats = question_key(question) in self._asked or self._near.holds(question)
        return "near_duplicate" if repeats else None

    def keep(self, question: str) -> None:
        """Compare later questions with this one, too; it must have no `problem`."""
        self._near.add(question)
        self._asked[question_key(question)] = None

    def drop(self, count: int) -> None:
        """Take back the last `count` questions."""
        self._near.drop(count)
        for _ in range(count):
            self._asked.popitem()


def choices_in(question: str) -> list[str]:
    """The choices that a question lists as `(a) ...`, `(b) ...`, in one line or several."""
    found = _CHOICE.findall(question)
    letters = [letter for letter, _ in found]
    expected = [chr(ord("a") + place) for place in range(len(found))]
    return [text.strip() for _, text in found] if letters == expected else []
