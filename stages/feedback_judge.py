"""Score the teacher's labels and the student's predictions of the training rows.

Reads data/{examples,parsed,feedback/predictions}.parquet. Writes data/feedback/verdicts.parquet,
metrics/judge.json. Params: feedback, judge, teacher, dataset. `dvc repro feedback_judge`.
"""

from stillhouse.config import dataset, judge, knobs, teacher
from stillhouse.config.load import Entry, StageConfig
from stillhouse.core import files, paths, tables
from stillhouse.core.stage import run_stage
from stillhouse.feedback_judge import judging


class FeedbackJudgeConfig(StageConfig):
    ENTRIES = {
        "dataset": Entry(("answer",)),
        "judge": Entry(judge.VERDICT_KEYS, ("compute", "price")),
        "teacher": Entry(("model", "format", "context"), ("compute", "price")),
    }
    feedback: knobs.Feedback
    dataset: dataset.DatasetConf
    judge: judge.JudgeConf
    teacher: teacher.TeacherConf


def main() -> None:
    config = FeedbackJudgeConfig.load()
    predictions = tables.read_rows(paths.FEEDBACK_PREDICTIONS, tables.FEEDBACK_PREDICTIONS)
    examples = tables.read_rows(paths.EXAMPLES, tables.EXAMPLES)
    parsed = tables.read_rows(paths.PARSED, tables.PARSED)
    rows = judging.rows_to_judge(examples, parsed, predictions)
    found, metrics = judging.judge_rows(
        rows, config.feedback, config.dataset.answer.metric, config.judge, config.teacher
    )
    tables.write_rows(paths.VERDICTS, tables.VERDICTS, found)
    files.write_json(paths.JUDGE_METRICS, metrics)


if __name__ == "__main__":
    run_stage("feedback_judge", main)
