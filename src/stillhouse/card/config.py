"""What the stage `card` reads of the configuration: the whole recipe, and what its entries are."""

from typing import ClassVar

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.knobs import Recipe
from stillhouse.config.load import Entry, StageConfig
from stillhouse.config.prompt import PromptConf
from stillhouse.config.student import StudentConf
from stillhouse.config.teacher import TeacherConf


class CardConfig(StageConfig):
    """The recipe of a student, and the entries of `conf/` that it names."""

    ENTRIES: ClassVar = {
        "dataset": Entry(("description", "licence", "source", "splits", "answer")),
        "embedder": Entry(("description", "source")),
        "prompt": Entry(("description", "reply")),
        "teacher": Entry(("description", "model", "format", "decoding")),
        "student": Entry(("description", "family", "source", "decoding")),
    }

    recipe: Recipe
    dataset: DatasetConf
    embedder: EmbedderConf
    prompt: PromptConf
    teacher: TeacherConf
    student: StudentConf
