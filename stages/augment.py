"""Make the training table: the chosen rows, and new ones from what the student finds hard.

New ones are asked of the teacher through the store. Run it with `dvc repro augment`.
"""

from stillhouse.augment.augment import training_rows
from stillhouse.augment.config import AugmentConfig
from stillhouse.core import paths
from stillhouse.core.tables import CHOSEN, EXAMPLES, EXEMPLARS, PARSED, TRAINING
from stillhouse.feedback_predict.student import read_feedback_student
from stillhouse.stage import Stage, run_stage
from stillhouse.teacher_select.selected import with_selected


def main(stage: Stage[AugmentConfig]) -> None:
    chosen, examples, exemplars = (stage.rows(each) for each in (CHOSEN, EXAMPLES, EXEMPLARS))
    config = with_selected(stage.config, stage.json(paths.SELECTED))
    given = stage.json(paths.FEEDBACK_STUDENT)
    student = read_feedback_student(given, config.student_untracked)
    rows, metrics = training_rows(
        chosen, examples, exemplars, config, parsed=stage.rows(PARSED), student=student
    )
    stage.write(TRAINING, rows)
    stage.write_json(paths.AUGMENT_METRICS, metrics)


if __name__ == "__main__":
    run_stage("augment", main, AugmentConfig)
