"""Score the teacher's and the student's answers to the training rows.

Run it with `dvc repro feedback_judge`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.judge import JudgeConf
from stillhouse.config.knobs import Feedback
from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths
from stillhouse.core.tables import ANSWERS, EXAMPLES, PARSED, VERDICTS
from stillhouse.feedback_judge.verdicts import judge_answers, paired_answers
from stillhouse.stage import Stage, StageConfig, run_stage


class FeedbackJudgeConfig(StageConfig):
    feedback: Feedback
    dataset: DatasetConf
    judge: JudgeConf
    teacher: TeacherConf


def main(stage: Stage[FeedbackJudgeConfig]) -> None:
    config = stage.config
    rows = paired_answers(stage.rows(EXAMPLES), stage.rows(PARSED), stage.rows(ANSWERS))
    metric = config.dataset.answer.metric
    found, metrics = judge_answers(rows, config.feedback, metric, config.judge, config.teacher)
    stage.write(VERDICTS, found)
    stage.write_json(paths.JUDGE_METRICS, metrics)


if __name__ == "__main__":
    run_stage("feedback_judge", main, FeedbackJudgeConfig)
