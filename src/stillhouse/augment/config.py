"""What the stage `augment` reads of the configuration."""

from stillhouse.config.augment import AugmentConf
from stillhouse.config.dataset import DatasetConf
from stillhouse.config.judge import JudgeConf
from stillhouse.config.knobs import Feedback, RationaleSource
from stillhouse.config.prompt import PromptConf
from stillhouse.config.student import StudentConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.stage import StageConfig


class AugmentConfig(StageConfig):
    """The knobs and entries that new queries and their labels depend on."""

    real: bool
    synthetic: int
    feedback: Feedback
    tau: float
    hard_at_tau: bool
    hard_share: float
    rationale_source: RationaleSource
    dataset: DatasetConf
    prompt: PromptConf
    teacher: TeacherConf
    judge: JudgeConf
    augment: AugmentConf
    student_untracked: StudentConf
    """What it is computed with, where it is trained between rounds."""
