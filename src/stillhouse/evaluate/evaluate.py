"""Scoring a student on the test rows, and the two references beside it."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from stillhouse.config.dataset import Answer
from stillhouse.config.student import StudentCompute, StudentDecoding
from stillhouse.core.tables import Row
from stillhouse.evaluate.majority import majority_predictions
from stillhouse.evaluate.scoring import Metrics, scorable_rows, score, split_rows
from stillhouse.kinds.measures import measure_of
from stillhouse.statistics.intervals import DIGITS
from stillhouse.students.predict import predict_labels

if TYPE_CHECKING:
    from stillhouse.students.folder import Student

VALIDATION = "validation"


def evaluate_student(
    student: "Student",
    examples: Sequence[Mapping[str, Any]],
    answer: Answer,
    decoding: StudentDecoding,
    compute: StudentCompute,
) -> tuple[list[Row], Metrics]:
    """The predictions table of the test rows, and the metrics, of a student that is asked here."""

    def predict(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        queries = {row["id"]: row["query"] for row in rows}
        choices = {row["id"]: row["choices"] for row in rows}
        return predict_labels(student, queries, decoding, compute, choices)

    test, validation = scored_rows(examples, answer)
    # Each split by itself: beside others a row may be predicted otherwise in the last bits.
    labels = predict(test) | predict(validation)
    return score_student(student, labels, examples, answer)


def scored_rows(
    examples: Sequence[Mapping[str, Any]], answer: Answer
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The test rows, and the validation rows, that a student is scored on."""
    metric = answer.metric
    return split_rows(examples, "test", metric), scorable_rows(examples, VALIDATION, metric)


def score_student(
    student: "Student",
    predictions: Mapping[str, str],
    examples: Sequence[Mapping[str, Any]],
    answer: Answer,
) -> tuple[list[Row], Metrics]:
    """The same as `score_labels`, with `mean_prompt_tokens` and, of the predictions with their end
    tokens, `mean_answer_tokens`: on the test rows.
    """
    table, metrics = score_labels(predictions, examples, answer)
    test, _ = scored_rows(examples, answer)
    prompts = [len(student.text.prompt(row["query"], "label")[0]) for row in test]
    answers = [len(student.text.target(row["prediction"])) for row in table]
    metrics["mean_prompt_tokens"] = round(fmean(prompts), DIGITS)
    metrics["mean_answer_tokens"] = round(fmean(answers), DIGITS)
    return table, metrics


def score_labels(
    predictions: Mapping[str, str], examples: Sequence[Mapping[str, Any]], answer: Answer
) -> tuple[list[Row], Metrics]:
    """The predictions table of the test rows, and the metrics, given the labels by id.

    Beside the scores, where the dataset has validation rows: the scores on these, which may choose
    what comes next.
    """
    test, validation = scored_rows(examples, answer)
    of_test, of_validation = (
        {row["id"]: predictions[row["id"]] for row in rows} for rows in (test, validation)
    )
    table, metrics = score(of_test, test, answer)
    return table, metrics | _on_validation(of_validation, validation, answer)


def evaluate_majority(examples: Sequence[Mapping[str, Any]], answer: Answer) -> Metrics:
    """The metrics of always predicting the majority class of the train split.

    Not for graded scores: where answers are free texts, none of them is a class.
    """
    train, test = (split_rows(examples, split, answer.metric) for split in ("train", "test"))
    metrics = score(majority_predictions(train, test), test, answer)[1]
    validation = scorable_rows(examples, VALIDATION, answer.metric)
    return metrics | _on_validation(majority_predictions(train, validation), validation, answer)


def _on_validation(
    predictions: Mapping[str, str], rows: Sequence[Mapping[str, Any]], answer: Answer
) -> Metrics:
    if not rows:
        return {}
    scored = score(predictions, rows, answer)[1]
    name = measure_of(answer.metric).name
    names = ("rows", name, f"{name}_low", f"{name}_high")
    return {f"{VALIDATION}_{name}": scored[name] for name in names}
