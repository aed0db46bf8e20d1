"""Choose the training rows, their labels and rationales; set the validation rows apart.

Reads data/{examples,parsed,feedback/verdicts}.parquet. Writes data/{splits,validation}.parquet,
metrics/feedback.json. Params: fraction, label_source, rationale_source, feedback, tau,
hard_at_tau. Run it with `dvc repro feedback_split`.
"""

from stillhouse.config.load import StageConfig
from stillhouse.core import paths, tables
from stillhouse.core.files import write_json
from stillhouse.core.stage import run_stage
from stillhouse.feedback import difficulty, split


class FeedbackSplitConfig(StageConfig):
    fraction: float
    label_source: split.LabelSource
    rationale_source: split.RationaleSource
    feedback: difficulty.Feedback
    tau: float
    hard_at_tau: bool


def main() -> None:
    config = FeedbackSplitConfig.load()
    examples = tables.read_rows(paths.EXAMPLES, tables.EXAMPLES)
    parsed = tables.read_rows(paths.PARSED, tables.PARSED)
    verdicts = tables.read_rows(paths.VERDICTS, tables.VERDICTS)
    rows, metrics = split.choose_rows(examples, parsed, verdicts, **dict(config))
    tables.write_rows(paths.SPLITS, tables.SPLITS, rows)
    tables.write_rows(paths.VALIDATION, tables.VALIDATION, split.validation_rows(examples))
    write_json(paths.FEEDBACK_METRICS, metrics)


if __name__ == "__main__":
    run_stage("feedback_split", main)
