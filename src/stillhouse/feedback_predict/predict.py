"""The student's predictions for the training rows, never by a student that trained on them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stillhouse.config.knobs import FeedbackStudent
from stillhouse.config.student import TrainedConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.sampling import nested_subset, share_size, shuffled
from stillhouse.core.tables import Row
from stillhouse.train_student.scratch import trained

if TYPE_CHECKING:
    from stillhouse.students.folder import Student

FIRST = "feedback_student"
"""Seeds the share that the student is trained on first, and its folds."""
FOLDS = 2
SEED = 0


def student_predictions(
    rows: Sequence[Row], conf: TrainedConf, feedback_student: FeedbackStudent
) -> list[Row]:
    """Rows of table `feedback_predictions`: one for each of `rows` (id, query, choices, label).

    The student is the untrained one, or it is trained, on labels alone, on a nested share of the
    rows that have a label. Those rows are predicted by others: each fold by a student that was
    trained on the other fold.
    """
    from stillhouse.students.folder import untrained_student
    from stillhouse.students.predict import predict_labels

    def predictions(student: "Student", asked: Sequence[Row]) -> dict[str, str]:
        queries = {row["id"]: row["query"] for row in asked}
        choices = {row["id"]: row["choices"] for row in asked}
        return predict_labels(student, queries, conf.decoding, conf.compute, choices)

    if feedback_student == "untrained":
        found = predictions(untrained_student(conf), rows)
    else:
        found = {}
        without = conf.training.model_copy(update={"validation": None})
        alone = conf.model_copy(update={"training": without})
        for training, asked in plan(rows, feedback_student):
            found |= predictions(trained(training, alone, SEED), asked)
    return [{"id": id_, "prediction": text} for id_, text in sorted(found.items())]


def plan(rows: Sequence[Row], share: float) -> list[tuple[list[Row], list[Row]]]:
    """What each student trains on and what it predicts; every row is predicted once, none by a
    student that saw it.
    """
    by_id = {row["id"]: row for row in rows}
    labelled = [id_ for id_, row in by_id.items() if row["label"] is not None]
    first = nested_subset(labelled, share_size(len(labelled), share), FIRST)
    if len(first) < FOLDS:
        raise StillhouseError(
            f"`feedback_student: {share}` trains the student on {len(first)} of {len(labelled)} "
            f"labelled rows, too few for {FOLDS} folds. Raise it, or use `untrained`."
        )
    order = shuffled(first, FIRST, "folds")
    folds = [set(order[start::FOLDS]) for start in range(FOLDS)]
    work = [(first - fold, fold) for fold in folds]
    if rest := by_id.keys() - first:
        work.append((first, rest))
    return [tuple([by_id[id_] for id_ in sorted(ids)] for ids in pair) for pair in work]  # type: ignore[misc]
