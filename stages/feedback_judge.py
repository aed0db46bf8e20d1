"""Score the teacher's and the student's answers to the training rows.

Reads data/{examples,parsed,feedback/answers}.parquet. Writes data/feedback/verdicts.parquet,
metrics/judge.json. Params: feedback, judge, teacher, dataset. `dvc repro feedback_judge`.
"""

from stillhouse.config import dataset, judge, knobs, teacher
from stillhouse.config.load import Entry, StageConfig
from stillhouse.core import paths, tables
from stillhouse.core.files import write_json
from stillhouse.core.stage import run_stage
from stillhouse.feedback_judge import verdicts


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
    config, answers = FeedbackJudgeConfig.load(), tables.read_rows(paths.ANSWERS, tables.ANSWERS)
    examples = tables.read_rows(paths.EXAMPLES, tables.EXAMPLES)
    parsed = tables.read_rows(paths.PARSED, tables.PARSED)
    rows = verdicts.paired_answers(examples, parsed, answers)
    found, metrics = verdicts.judge_answers(
        rows, config.feedback, config.dataset.answer.metric, config.judge, config.teacher
    )
    tables.write_rows(paths.VERDICTS, tables.VERDICTS, found)
    write_json(paths.JUDGE_METRICS, metrics)


if __name__ == "__main__":
    run_stage("feedback_judge", main)
