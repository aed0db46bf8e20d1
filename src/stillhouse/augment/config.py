"""What the stage `augment` reads of the configuration."""

from typing import ClassVar

from stillhouse.config.augment import AugmentConf
from stillhouse.config.dataset import DatasetConf
from stillhouse.config.judge import VERDICT_KEYS, JudgeConf
from stillhouse.config.knobs import Feedback, RationaleSource
from stillhouse.config.load import Entry, StageConfig
from stillhouse.config.prompt import PromptConf
from stillhouse.config.teacher import TeacherConf


class AugmentConfig(StageConfig):
    """The knobs and entries that new queries and their labels depend on."""

    ENTRIES: ClassVar = {
        "dataset": Entry(("task", "answer", "fields")),
        "prompt": Entry(tuple(PromptConf.model_fields)),
        "teacher": Entry(("model", "format", "context", "decoding"), ("compute", "price")),
        "judge": Entry(VERDICT_KEYS, ("compute", "price")),
        "augment": Entry(tuple(AugmentConf.model_fields)),
    }

    real: bool
    synthetic: int
    feedback: Feedback
    hard_share: float
    rationale_source: RationaleSource
    dataset: DatasetConf
    prompt: PromptConf
    teacher: TeacherConf
    judge: JudgeConf
    augment: AugmentConf
