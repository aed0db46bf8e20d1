"""Have the student predict the training rows, without having trained on the row that it predicts.

The table is empty with `feedback: none`. Run it with `dvc repro feedback_predict`.
"""

from stillhouse.config.knobs import Feedback, FeedbackStudent, LabelSource
from stillhouse.config.student import StudentConf, trained_here
from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, FEEDBACK_PREDICTIONS, PARSED
from stillhouse.feedback_predict.predict import student_predictions
from stillhouse.feedback_predict.student import feedback_student
from stillhouse.feedback_split.split import rows_to_predict
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.students.asked import with_prompt


class FeedbackPredictConfig(StageConfig):
    feedback: Feedback
    feedback_student: FeedbackStudent
    fraction: float
    label_source: LabelSource
    student: StudentConf


def main(stage: Stage[FeedbackPredictConfig]) -> None:
    config, found, kept = stage.config, [], {}
    if config.feedback != "none":
        examples, parsed = stage.rows(EXAMPLES), stage.rows(PARSED)
        rows = rows_to_predict(examples, parsed, config.fraction, config.label_source)
        student = trained_here(config.student, "Feedback")
        student = with_prompt(student, stage.json(paths.ASKED))
        found = student_predictions(rows, student, config.feedback_student)
        kept = feedback_student(student)
    stage.write(FEEDBACK_PREDICTIONS, found)
    stage.write_json(paths.FEEDBACK_STUDENT, kept)


if __name__ == "__main__":
    run_stage("feedback_predict", main, FeedbackPredictConfig)
