"""Choose the training rows, their labels and their rationales.

Reads data/examples.parquet, data/parsed.parquet. Writes data/splits.parquet, metrics/feedback.json.
Params: fraction, label_source, rationale_source, feedback, tau.
Run it with `dvc repro feedback_split`.
"""

from typing import Literal

from stillhouse.config.load import StageConfig
from stillhouse.core import paths, tables
from stillhouse.core.files import write_json
from stillhouse.core.stage import run_stage
from stillhouse.feedback.split import LabelSource, RationaleSource, choose_rows


class FeedbackSplitConfig(StageConfig):
    fraction: float
    label_source: LabelSource
    rationale_source: RationaleSource
    feedback: Literal["none", "hard"]
    tau: float


def main() -> None:
    config = FeedbackSplitConfig.load()
    rows, metrics = choose_rows(
        tables.read_rows(paths.EXAMPLES, tables.EXAMPLES),
        tables.read_rows(paths.PARSED, tables.PARSED),
        fraction=config.fraction,
        label_source=config.label_source,
        rationale_source=config.rationale_source,
        feedback=config.feedback,
    )
    tables.write_rows(paths.SPLITS, tables.SPLITS, rows)
    write_json(paths.FEEDBACK_METRICS, metrics)


if __name__ == "__main__":
    run_stage("feedback_split", main)
