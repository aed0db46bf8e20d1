"""Score the untrained student and the majority class on the test rows.

Run it with `dvc repro baseline`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.student import StudentConf
from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, TEACHER_LABELS, predictions
from stillhouse.evaluate.agreement import as_agreement, has_gold, with_teacher_labels
from stillhouse.evaluate.evaluate import evaluate_majority, evaluate_student
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.students.asked import with_prompt
from stillhouse.students.folder import untrained_student


class BaselineConfig(StageConfig):
    dataset: DatasetConf
    student: StudentConf


def main(stage: Stage[BaselineConfig]) -> None:
    student, answer = stage.config.student, stage.config.dataset.answer
    examples = stage.rows(EXAMPLES)
    compared = with_teacher_labels(examples, stage.rows(TEACHER_LABELS))
    majority = evaluate_majority(compared, answer)
    model = untrained_student(with_prompt(student, stage.json(paths.ASKED)))
    rows, scores = evaluate_student(model, compared, answer, student.decoding, student.compute)
    if not has_gold(examples):
        majority, scores = as_agreement(majority), as_agreement(scores)
    stage.write(predictions(paths.BASELINE), rows)
    stage.write_json(paths.BASELINE_METRICS, {"majority": majority, "untrained": scores})


if __name__ == "__main__":
    run_stage("baseline", main, BaselineConfig)
