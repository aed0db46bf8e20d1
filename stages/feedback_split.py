"""Choose the training rows, their labels and rationales; set the validation rows apart.

Run it with `dvc repro feedback_split`.
"""

from stillhouse.config import knobs
from stillhouse.config.dataset import DatasetConf
from stillhouse.core import paths
from stillhouse.core.tables import CHOSEN, EXAMPLES, PARSED, VALIDATION, VERDICTS
from stillhouse.feedback_split.split import choose_rows, validation_rows
from stillhouse.stage import Stage, StageConfig, run_stage


class FeedbackSplitConfig(StageConfig):
    dataset: DatasetConf
    fraction: float
    label_source: knobs.LabelSource
    label_filter: knobs.LabelFilter
    rationale_source: knobs.RationaleSource
    rationale_filter: knobs.RationaleFilter
    feedback: knobs.Feedback
    tau: float
    hard_at_tau: bool


def main(stage: Stage[FeedbackSplitConfig]) -> None:
    config = stage.config
    chosen = config.model_dump(exclude={"dataset"}) | {"metric": config.dataset.answer.metric}
    examples, parsed, verdicts = (stage.rows(table) for table in (EXAMPLES, PARSED, VERDICTS))
    rows, metrics = choose_rows(examples, parsed, verdicts, **chosen)
    stage.write(CHOSEN, rows)
    stage.write(VALIDATION, validation_rows(examples))
    stage.write_json(paths.CHOSEN_METRICS, metrics)


if __name__ == "__main__":
    run_stage("feedback_split", main, FeedbackSplitConfig)
