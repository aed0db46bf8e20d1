"""Choose the training rows, their labels and rationales; set the validation rows apart.

Run it with `dvc repro feedback_split`.
"""

from stillhouse.core import paths
from stillhouse.core.tables import CHOSEN, EXAMPLES, PARSED, VALIDATION, VERDICTS
from stillhouse.feedback_split.config import FeedbackSplitConfig
from stillhouse.feedback_split.split import choose_rows, validation_rows
from stillhouse.stage import Stage, run_stage


def main(stage: Stage[FeedbackSplitConfig]) -> None:
    examples, parsed, verdicts = (stage.rows(table) for table in (EXAMPLES, PARSED, VERDICTS))
    rows, metrics = choose_rows(examples, parsed, verdicts, stage.config)
    stage.write(CHOSEN, rows)
    stage.write(VALIDATION, validation_rows(examples, parsed))
    stage.write_json(paths.CHOSEN_METRICS, metrics)


if __name__ == "__main__":
    run_stage("feedback_split", main, FeedbackSplitConfig)
