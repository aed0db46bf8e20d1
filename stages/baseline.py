"""Score the untrained student and the majority class on the test rows.

Run it with `dvc repro baseline`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.student import StudentConf
from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, predictions
from stillhouse.evaluate.evaluate import evaluate_majority, evaluate_student
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.students.folder import untrained_student


class BaselineConfig(StageConfig):
    dataset: DatasetConf
    student: StudentConf


def main(stage: Stage[BaselineConfig]) -> None:
    student, answer = stage.config.student, stage.config.dataset.answer
    examples = stage.rows(EXAMPLES)
    majority = evaluate_majority(examples, answer)
    model = untrained_student(student)
    rows, scores = evaluate_student(model, examples, answer, student.decoding, student.compute)
    stage.write(predictions(paths.BASELINE), rows)
    stage.write_json(paths.BASELINE_METRICS, {"majority": majority, "untrained": scores})


if __name__ == "__main__":
    run_stage("baseline", main, BaselineConfig)
