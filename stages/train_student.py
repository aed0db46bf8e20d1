"""Train one student with one seed on labels and rationales.

Run it with `dvc repro train_student`.
"""

from stillhouse.config.student import StudentConf
from stillhouse.core import paths
from stillhouse.core.tables import TRAINING, VALIDATION
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.students.asked import with_prompt
from stillhouse.train_student.launching import is_main, launches
from stillhouse.train_student.training import train_student, write_curve


class TrainStudentConfig(StageConfig):
    lambda_: float
    student: StudentConf


def main(stage: Stage[TrainStudentConfig]) -> None:
    student, lambda_, seed = stage.config.student, stage.config.lambda_, stage.seed
    if launches(student.compute.launcher):
        return
    student = with_prompt(student, stage.json(paths.ASKED))
    rows, validation = stage.rows(TRAINING), stage.rows(VALIDATION)
    folder = stage.output(paths.student_model(seed))
    curve = train_student(rows, student, lambda_, seed, folder, validation=validation)
    if is_main():
        write_curve(stage.output(paths.train_curve(seed)), curve, lambda_)


if __name__ == "__main__":
    run_stage("train_student", main, TrainStudentConfig)
