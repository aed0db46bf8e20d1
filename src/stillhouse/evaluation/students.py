"""Scoring a student on the test rows, and the two references beside it."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from stillhouse.config.dataset import Answer
from stillhouse.config.student import Generation, StudentCompute
from stillhouse.core.tables import Row
from stillhouse.evaluation.majority import majority_predictions
from stillhouse.evaluation.scoring import DIGITS, Metrics, score, split_rows
from stillhouse.students.predict import predict_labels

if TYPE_CHECKING:
    from stillhouse.students.folder import Student


def evaluate_student(
    student: "Student",
    examples: Sequence[Mapping[str, Any]],
    answer: Answer,
    generation: Generation,
    compute: StudentCompute,
) -> tuple[list[Row], Metrics]:
    """The predictions table of the test rows, and the metrics.

    Beside the shares: `mean_answer_tokens`, of the student's answers with their end tokens.
    """
    test = split_rows(examples, "test")
    queries = {row["id"]: row["query"] for row in test}
    choices = {row["id"]: row["choices"] for row in test}
    predictions = predict_labels(student, queries, generation, compute, choices)
    table, metrics = score(predictions, test, answer)
    lengths = [len(student.text.target(text)) for text in predictions.values()]
    return table, metrics | {"mean_answer_tokens": round(fmean(lengths), DIGITS)}


def evaluate_majority(examples: Sequence[Mapping[str, Any]], answer: Answer) -> Metrics:
    """The metrics of always answering with the majority class of the train split."""
    train, test = split_rows(examples, "train"), split_rows(examples, "test")
    return score(majority_predictions(train, test), test, answer)[1]
