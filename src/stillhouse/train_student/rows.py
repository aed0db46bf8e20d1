"""Training rows as token sequences, checked before any weights move."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from stillhouse.core.errors import StillhouseError
from stillhouse.students.conversations import replies_of
from stillhouse.students.text import StudentText, TokenSequence

logger = logging.getLogger(__name__)

MOST_NAMED = 20
"""Characters that a message names."""


@dataclass(frozen=True)
class TokenRow:
    """A training row: its label sequence, and its rationale sequence where it has one."""

    id: str
    label: TokenSequence
    rationale: TokenSequence | None

    @property
    def length(self) -> int:
        """Tokens of the longer sequence, which is what padding depends on."""
        both = [self.label, self.rationale] if self.rationale else [self.label]
        return max(len(sequence.prompt) + len(sequence.target) for sequence in both)


def mean_tokens(rows: Sequence[TokenRow]) -> dict[str, float]:
    """Mean tokens of the labels and of the rationales that are trained on, end tokens counted."""
    targets = {
        "label": [row.label.learnt_places for row in rows],
        "rationale": [row.rationale.learnt_places for row in rows if row.rationale],
    }
    return {task: round(fmean(map(len, found)), 3) for task, found in targets.items() if found}


@dataclass(frozen=True)
class Truncation:
    """How many rows were cut to the token limits."""

    queries: int = 0
    rationales: int = 0
    replies: int | None = None
    """Of conversations: those that end with a reply that was cut."""
    turns: int | None = None
    """Of conversations: turns that are not learnt, since they do not fit or follow such a reply."""

    def facts(self) -> dict[str, int]:
        """What is counted of rows of this kind."""
        return {name: count for name, count in asdict(self).items() if count is not None}


def require_rows(rows: Sequence[Mapping[str, Any]], lambda_: float) -> None:
    """Fail when there is nothing to train on, or `lambda_` weighs rationales that nobody gave."""
    if not rows:
        raise StillhouseError(
            "The training set is empty: no row is left after `fraction`, `label_source` and "
            "parsing. See metrics/chosen.json and metrics/parse.json for where they went."
        )
    if lambda_ and not any(row["rationale"] for row in rows):
        raise StillhouseError(
            f"lambda is {lambda_:g}, but none of the {len(rows)} training rows has a rationale. "
            "Set lambda to 0 to train on labels alone, or choose a `rationale_source` and a "
            "prompt that give rationales."
        )


def tokenize_rows(
    rows: Sequence[Mapping[str, Any]], text: StudentText, lambda_: float
) -> tuple[list[TokenRow], Truncation]:
    """Tokenise the training table once; `lambda_` 0 drops the rationale task altogether.

    A label longer than `max_target_tokens` is an error, and so is one with characters that the
    student's vocabulary lacks: no prediction could ever be right. A rationale is cut there (it is
    only a training signal) and so is a query at `max_query_tokens`; both are counted and warned
    about. Of conversations see `tokenize_conversations`.
    """
    _require_sayable(rows, text)
    if text.chats_in_turns:
        return tokenize_conversations(rows, text)
    limit = text.max_target_tokens
    tokenized, queries, rationales = [], 0, 0
    for row in rows:
        prompt, cut = text.prompt(row["query"], "label")
        target = text.target(row["label"], row["query"])
        if len(target) > limit:
            raise StillhouseError(
                f"The label of row {row['id']!r} takes {len(target)} tokens, over "
                f"model.max_target_tokens ({limit}): {row['label'][:80]!r}. "
                "Raise the limit in the student's conf; labels are never cut."
            )
        label = TokenSequence(tuple(prompt), tuple(target))
        rationale = None
        if lambda_ and row["rationale"]:
            prompt, also_cut = text.prompt(row["query"], "rationale")
            target = text.target(row["rationale"])
            # Cut, it has no end token: the student is not taught to stop in mid-sentence.
            rationale = TokenSequence(tuple(prompt), tuple(target[:limit]))
            rationales += len(target) > limit
            cut = cut or also_cut
        queries += cut
        tokenized.append(TokenRow(row["id"], label, rationale))
    if queries:
        logger.warning(
            "%d of %d queries were cut at their end to model.max_query_tokens (%d).",
            queries,
            len(rows),
            text.max_query_tokens,
        )
    if rationales:
        logger.warning(
            "%d of %d rationales were cut at model.max_target_tokens (%d).",
            rationales,
            len(rows),
            limit,
        )
    return tokenized, Truncation(queries, rationales)


def tokenize_conversations(
    rows: Sequence[Mapping[str, Any]], text: StudentText
) -> tuple[list[TokenRow], Truncation]:
    """Tokenise conversations: every reply is learnt, behind all that stands before it.

    What does not fit is counted and warned about: the end of a first turn over `max_query_tokens`,
    turns with more than that before them, a reply over `max_target_tokens` and all behind it.
    """
    found, queries, replies, turns = [], 0, 0, 0
    for row in rows:
        made = text.conversation(row["query"], replies_of(row["label"]))
        queries += made.cut_query
        replies += made.cut_reply
        turns += made.left_out
        sequence = TokenSequence(tuple(made.prompt), tuple(made.target), tuple(made.learnt))
        found.append(TokenRow(row["id"], sequence, None))
    most = f"model.max_query_tokens ({text.max_query_tokens})"
    longest = f"model.max_target_tokens ({text.max_target_tokens})"
    for count, what in (
        (queries, f"first turns were cut at their end to {most}"),
        (replies, f"conversations end with a reply that was cut at {longest}"),
        (
            turns,
            f"turns are left out: they have more than {most} before them, or follow such a cut",
        ),
    ):
        if count:
            logger.warning("%d %s, of %d conversations.", count, what, len(rows))
    return found, Truncation(queries, 0, replies, turns)


def _require_sayable(rows: Sequence[Mapping[str, Any]], text: StudentText) -> None:
    queries = {row["label"]: row["query"] for row in rows}
    unsayable = {label: text.unsayable(label, query) for label, query in queries.items()}
    found = [row for row in rows if unsayable[row["label"]]]
    if found:
        missing = sorted(set().union(*unsayable.values()))
        named = " ".join("a line break" if c == "\n" else repr(c) for c in missing[:MOST_NAMED])
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        raise StillhouseError(
            f"The student's vocabulary cannot write {named}{more}, which {len(found):,} of "
            f"{len(rows):,} labels hold (row {found[0]['id']!r}: {found[0]['label'][:80]!r}). "
            "Write the labels otherwise in the dataset's `fields.label`, or choose a student whose "
            "vocabulary has these characters, as byte-level ones (SmolLM2, Llama 3) have all."
        )
