"""What the stage `feedback_split` reads of the configuration."""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.knobs import (
    Feedback,
    LabelFilter,
    LabelSource,
    RationaleFilter,
    RationaleSource,
)
from stillhouse.stage import StageConfig


class FeedbackSplitConfig(StageConfig):
    """The knobs and the dataset's metric, which the choice of rows depends on."""

    dataset: DatasetConf
    fraction: float
    label_source: LabelSource
    label_filter: LabelFilter
    rationale_source: RationaleSource
    rationale_filter: RationaleFilter
    feedback: Feedback
    tau: float
    hard_at_tau: bool
