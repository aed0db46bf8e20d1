"""Standard fine-tuning: the run's own student on gold labels alone, scored on the test rows."""

from collections.abc import Iterable, Sequence

from stillhouse.config.dataset import Answer
from stillhouse.config.student import TrainedConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.sampling import nested_subset, share_size
from stillhouse.core.tables import Row
from stillhouse.evaluate.evaluate import evaluate_student
from stillhouse.evaluate.scoring import Metrics
from stillhouse.feedback_split.split import SUBSET, validation_rows
from stillhouse.train_student.scratch import trained

SEED = 0


def gold_rows(examples: Iterable[Row], fraction: float) -> list[Row]:
    """The rows that it trains on: those of `fraction`, as `label_source: gold` takes them."""
    rows = {row["id"]: row for row in examples if row["split"] == "train"}
    chosen = nested_subset(list(rows), share_size(len(rows), fraction), SUBSET)
    return [
        {"id": id_, "query": rows[id_]["query"], "label": rows[id_]["label"], "rationale": None}
        for id_ in sorted(chosen)
        if rows[id_]["label"] is not None
    ]


def score_gold_student(
    examples: Sequence[Row],
    student: TrainedConf,
    answer: Answer,
    *,
    fraction: float,
) -> tuple[list[Row], Metrics]:
    """The predictions table of the test rows and the metrics, with `trained_on`, of a student with
    the run's own training; its weights are not kept.
    """
    rows = gold_rows(examples, fraction)
    if not rows:
        raise StillhouseError(
            "`gold_student: true` trains a student on gold labels, and no training row has one. "
            "Set `gold_student: false`."
        )
    model = trained(rows, student, SEED, validation_rows(examples, ()))
    table, metrics = evaluate_student(model, examples, answer, student.decoding, student.compute)
    return table, metrics | {"trained_on": len(rows)}
