"""Score the teacher's labels and the student's predictions of the training rows.

Run it with `dvc repro feedback_judge`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.judge import JudgeConf
from stillhouse.config.knobs import Feedback
from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, FEEDBACK_PREDICTIONS, PARSED, VERDICTS
from stillhouse.feedback_judge.judging import judge_rows, rows_to_judge
from stillhouse.stage import Stage, StageConfig, run_stage


class FeedbackJudgeConfig(StageConfig):
    feedback: Feedback
    dataset: DatasetConf
    judge: JudgeConf
    teacher: TeacherConf


def main(stage: Stage[FeedbackJudgeConfig]) -> None:
    config = stage.config
    rows = rows_to_judge(stage.rows(EXAMPLES), stage.rows(PARSED), stage.rows(FEEDBACK_PREDICTIONS))
    metric = config.dataset.answer.metric
    found, metrics = judge_rows(rows, config.feedback, metric, config.judge, config.teacher)
    stage.write(VERDICTS, found)
    stage.write_json(paths.JUDGE_METRICS, metrics)


if __name__ == "__main__":
    run_stage("feedback_judge", main, FeedbackJudgeConfig)
