"""Train a student on the gold labels that there are, and score it: what the teacher adds to.

Run it with `dvc repro gold_student`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.student import StudentConf, trained_here
from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, Row, predictions
from stillhouse.evaluate.scoring import Metrics
from stillhouse.gold_student.gold_student import score_gold_student
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.students.asked import with_prompt


class GoldStudentConfig(StageConfig):
    gold_student: bool
    fraction: float
    dataset: DatasetConf
    student: StudentConf


def main(stage: Stage[GoldStudentConfig]) -> None:
    config, rows, metrics = stage.config, list[Row](), Metrics()
    if config.gold_student:
        student = trained_here(config.student, "`gold_student: true`")
        rows, metrics[paths.GOLD] = score_gold_student(
            stage.rows(EXAMPLES),
            with_prompt(student, stage.json(paths.ASKED)),
            config.dataset.answer,
            fraction=config.fraction,
        )
    stage.write(predictions(paths.GOLD), rows)
    stage.write_json(paths.GOLD_STUDENT_METRICS, metrics)


if __name__ == "__main__":
    run_stage("gold_student", main, GoldStudentConfig)
