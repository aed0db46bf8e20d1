"""What the stage `card` reads of the configuration: the whole recipe, and what its entries are."""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.knobs import Recipe
from stillhouse.config.prompt import PromptConf
from stillhouse.config.student import StudentConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.stage import StageConfig


class CardConfig(StageConfig):
    """The recipe of a student, and the entries of `conf/` that it names."""

    recipe: Recipe
    dataset: DatasetConf
    embedder: EmbedderConf
    prompt: PromptConf
    teacher: TeacherConf
    student: StudentConf
