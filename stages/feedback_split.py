"""Choose the training rows, their labels and rationales; set the validation rows apart.

Reads data/{examples,parsed,feedback/verdicts}.parquet. Writes data/{chosen,validation}.parquet,
metrics/feedback.json. Params: dataset and the knobs below. Run it with `dvc repro feedback_split`.
"""

from stillhouse.config import dataset, knobs
from stillhouse.config.load import Entry, StageConfig
from stillhouse.core import files, paths, tables
from stillhouse.core.stage import run_stage
from stillhouse.feedback_split import split


class FeedbackSplitConfig(StageConfig):
    ENTRIES = {"dataset": Entry(("answer",))}
    dataset: dataset.DatasetConf
    fraction: float
    label_source: knobs.LabelSource
    label_filter: knobs.LabelFilter
    rationale_source: knobs.RationaleSource
    rationale_filter: knobs.RationaleFilter
    feedback: knobs.Feedback
    tau: float
    hard_at_tau: bool


def main() -> None:
    config = FeedbackSplitConfig.load()
    chosen = config.model_dump(exclude={"dataset"}) | {"metric": config.dataset.answer.metric}
    examples = tables.read_rows(paths.EXAMPLES, tables.EXAMPLES)
    parsed = tables.read_rows(paths.PARSED, tables.PARSED)
    verdicts = tables.read_rows(paths.VERDICTS, tables.VERDICTS)
    rows, metrics = split.choose_rows(examples, parsed, verdicts, **chosen)
    tables.write_rows(paths.CHOSEN, tables.CHOSEN, rows)
    tables.write_rows(paths.VALIDATION, tables.VALIDATION, split.validation_rows(examples))
    files.write_json(paths.FEEDBACK_METRICS, metrics)


if __name__ == "__main__":
    run_stage("feedback_split", main)
