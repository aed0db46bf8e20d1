"""A student's own conversations on the test rows: its replies, and how its turns ended.

How good the replies are a judge says, in the stage `rate`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stillhouse.config.dataset import RATING
from stillhouse.config.student import StudentCompute, StudentDecoding
from stillhouse.core.conversation import canonical
from stillhouse.core.tables import Row
from stillhouse.evaluate.answers import timed
from stillhouse.evaluate.scoring import Metrics, split_rows
from stillhouse.statistics.intervals import DIGITS
from stillhouse.students.rollout import Answered, converse

if TYPE_CHECKING:
    from stillhouse.students.folder import Student


def evaluate_chat(
    student: "Student",
    examples: Sequence[Mapping[str, Any]],
    decoding: StudentDecoding,
    compute: StudentCompute,
) -> tuple[list[Row], Metrics, dict[str, float | int | str]]:
    """The predictions table of the test conversations, the metrics, and how fast it was.

    A prediction is the list of the replies, and its score the share of the turns that have one
    which is not empty and ended by itself. `answered` is that share over all turns, `cut_short`
    that of replies that the token limit cut, `unasked` that of turns which do not fit in the
    prompt.
    """

    def ask(rows: Sequence[Mapping[str, Any]], quiet: bool) -> dict[str, Answered]:
        queries = {row["id"]: row["query"] for row in rows}
        return converse(student, queries, decoding, compute, quiet=quiet)

    found, speed = timed(student, split_rows(examples, "test", RATING), ask)
    # An answer is a reply here, as the teacher's are counted.
    replies = sum(len(answered.replies) for answered in found.values())
    speed["rows_per_second"] = round(float(speed["rows_per_second"]) * replies / len(found), 1)
    return [_row(id_, answered) for id_, answered in found.items()], _metrics(found), speed


def _row(id_: str, answered: Answered) -> Row:
    return {
        "id": id_,
        "prediction": canonical(answered.texts),
        "normalised": None,
        "score": answered.answered / answered.turns,
    }


def _metrics(found: Mapping[str, Answered]) -> Metrics:
    replies = [reply for answered in found.values() for reply in answered.replies]
    turns = sum(answered.turns for answered in found.values())
    prompts, tokens = (sum(answered.tokens[n] for answered in found.values()) for n in (0, 1))
    shares = {
        "answered": sum(answered.answered for answered in found.values()),
        "cut_short": sum(not reply.ended for reply in replies),
        "unasked": turns - len(replies),
    }
    return {
        "rows": len(found),
        "turns": turns,
        "mean_prompt_tokens": round(prompts / max(1, len(replies)), DIGITS),
        "mean_answer_tokens": round(tokens / max(1, len(replies)), DIGITS),
        **{name: round(count / turns, DIGITS) for name, count in shares.items()},
    }


def chat_example(
    student: "Student",
    example: Mapping[str, Any] | None,
    decoding: StudentDecoding,
    compute: StudentCompute,
) -> dict[str, Any] | None:
    """An example row (`columns`, `query`, `choices`) with the student's replies to it."""
    if example is None:
        return None
    found = converse(student, {"example": example["query"]}, decoding, compute, quiet=True)
    answered = found["example"]
    said = {"prediction": canonical(answered.texts), "score": None}
    return {**example, **said, "truncated": answered.truncated}
