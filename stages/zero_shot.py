"""Score teacher and untrained student on the test rows as they are, for the report alone.

Run it with `dvc repro zero_shot`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.knobs import ZeroShot
from stillhouse.config.student import StudentConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, EXEMPLARS, ZERO_SHOT
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.zero_shot.models import asked_models
from stillhouse.zero_shot.zero_shot import zero_shot


class ZeroShotConfig(StageConfig):
    zero_shot: tuple[ZeroShot, ...]
    dataset: DatasetConf
    teacher: TeacherConf
    student: StudentConf


def main(stage: Stage[ZeroShotConfig]) -> None:
    config = stage.config
    stage.input(paths.CONF / "prompt")
    models = asked_models(config.zero_shot, config.teacher, config.student)
    examples, exemplars = stage.rows(EXAMPLES), stage.rows(EXEMPLARS)
    rows, metrics = zero_shot(models, config.dataset, examples, exemplars)
    stage.write(ZERO_SHOT, rows)
    stage.write_json(paths.ZERO_SHOT_METRICS, metrics)


if __name__ == "__main__":
    run_stage("zero_shot", main, ZeroShotConfig)
