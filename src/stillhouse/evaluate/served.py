"""Scoring a student by what a server replied: strictly, and what was no label is counted."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from stillhouse.config.dataset import Answer
from stillhouse.core.tables import Row
from stillhouse.evaluate.evaluate import score_labels
from stillhouse.evaluate.scoring import Metrics
from stillhouse.statistics.intervals import DIGITS
from stillhouse.students.served import Reply, ServedStudent


def score_replies(
    replies: Mapping[str, Reply], examples: Sequence[Mapping[str, Any]], answer: Answer
) -> tuple[list[Row], Metrics]:
    """The predictions table of the test rows, and the metrics, given the replies by id.

    A reply is read as a student's label here is: what is no label of its kind is wrong. Beside the
    shares of `evaluate.score_labels`, over the test rows: `unread`, the share of replies that are
    no label; of them those that were cut short (`unread_length`), that are a refusal
    (`unread_refusal`) or never came (`unread_missing`). `mean_prompt_tokens` and
    `mean_answer_tokens` are there where the server counts tokens.
    """
    labels = {id_: reply.label for id_, reply in replies.items()}
    table, metrics = score_labels(labels, examples, answer)
    of_test = [replies[row["id"]] for row in table]
    counts = [reply.tokens for reply in of_test if reply.tokens is not None]
    if len(counts) == len(of_test):
        prompts, answers = zip(*counts, strict=True)
        metrics["mean_prompt_tokens"] = round(fmean(prompts), DIGITS)
        metrics["mean_answer_tokens"] = round(fmean(answers), DIGITS)
    unread = [
        reply.finish or "missing"
        for reply, row in zip(of_test, table, strict=True)
        if row["normalised"] is None
    ]
    metrics["unread"] = round(len(unread) / len(table), DIGITS)
    for why in ("length", "refusal", "missing"):
        metrics[f"unread_{why}"] = round(unread.count(why) / len(table), DIGITS)
    return table, metrics


def served_example(
    student: ServedStudent, example: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """An example row (`columns`, `query`, `choices`) with what the student says of it."""
    if example is None:
        return None
    (reply,) = student.ask([{**example, "id": "example"}]).values()
    return {**example, "prediction": reply.label, "score": None, "truncated": False}
