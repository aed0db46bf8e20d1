"""Have the student predict the training rows, without having trained on the row that it predicts.

Reads data/examples.parquet, data/parsed.parquet. Writes data/feedback/predictions.parquet, which is
empty with `feedback: none`. Params: feedback, feedback_student, fraction, label_source, student.
Run it with `dvc repro feedback_predict`.
"""

from stillhouse.config import knobs
from stillhouse.config.load import Entry, StageConfig
from stillhouse.config.student import TRAINED_KEYS, StudentConf
from stillhouse.core import paths, tables
from stillhouse.core.stage import run_stage
from stillhouse.feedback_predict import predict
from stillhouse.feedback_split import split


class FeedbackPredictConfig(StageConfig):
    ENTRIES = {
        "student": Entry((*TRAINED_KEYS, "decoding"), ("mirror", "compute")),
    }
    feedback: knobs.Feedback
    feedback_student: knobs.FeedbackStudent
    fraction: float
    label_source: knobs.LabelSource
    student: StudentConf


def main() -> None:
    config, found = FeedbackPredictConfig.load(), []
    if config.feedback != "none":
        examples = tables.read_rows(paths.EXAMPLES, tables.EXAMPLES)
        parsed = tables.read_rows(paths.PARSED, tables.PARSED)
        rows = split.rows_to_predict(examples, parsed, config.fraction, config.label_source)
        found = predict.student_predictions(rows, config.student, config.feedback_student)
    tables.write_rows(paths.FEEDBACK_PREDICTIONS, tables.FEEDBACK_PREDICTIONS, found)


if __name__ == "__main__":
    run_stage("feedback_predict", main)
