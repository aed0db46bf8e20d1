"""Ask the judge for a rating of every model's replies to the test conversations.

The table is empty where rows are single queries. Run it with `dvc repro rate`.
"""

from stillhouse.config.dataset import RATING, DatasetConf
from stillhouse.config.judge import JudgeConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths
from stillhouse.core.joins import by_id
from stillhouse.core.tables import EXAMPLES, PARSED, RATINGS, Row, predictions
from stillhouse.rate.rate import Metrics, rate
from stillhouse.rate.replies import replies_of_student, replies_of_teacher
from stillhouse.stage import Stage, StageConfig, run_stage


class RateConfig(StageConfig):
    seeds: tuple[int, ...]
    dataset: DatasetConf
    judge: JudgeConf
    teacher: TeacherConf


def main(stage: Stage[RateConfig]) -> None:
    config = stage.config
    rows: list[Row] = []
    metrics: dict[str, Metrics] = {}
    if config.dataset.answer.metric == RATING:
        examples = by_id(stage.rows(EXAMPLES), "examples")
        models = [paths.BASELINE, *(f"seed={seed}" for seed in config.seeds)]
        replies = {
            model: replies_of_student(stage.rows(predictions(model)), examples) for model in models
        }
        replies |= replies_of_teacher(stage.rows(PARSED), examples)
        rows, metrics = rate(replies, examples, config.judge, config.teacher)
    stage.write(RATINGS, rows)
    stage.write_json(paths.RATINGS_METRICS, metrics)


if __name__ == "__main__":
    run_stage("rate", main, RateConfig)
