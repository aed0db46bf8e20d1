"""Train one student with one seed on labels and rationales.

Run it with `dvc repro train_student`.
"""

from stillhouse.config.student import StudentConf, trained_here
from stillhouse.core import paths
from stillhouse.core.progress import announce
from stillhouse.core.tables import TRAINING, VALIDATION
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.students.asked import with_prompt
from stillhouse.students.folder import save_served
from stillhouse.train_student.launching import is_main, launches
from stillhouse.train_student.training import Curve, train_student, write_curve


class TrainStudentConfig(StageConfig):
    lambda_: float
    student: StudentConf


def main(stage: Stage[TrainStudentConfig]) -> None:
    conf, lambda_, seed = stage.config.student, stage.config.lambda_, stage.seed
    folder = stage.output(paths.student_model(seed))
    if conf.is_served:
        save_served(folder, with_prompt(conf, stage.json(paths.ASKED)))
        write_curve(stage.output(paths.train_curve(seed)), Curve(()), lambda_)
        announce("The student is served, and was trained by others: nothing is trained here.")
        return
    student = trained_here(conf, "Training")
    if launches(student.compute.launcher):
        return
    student = with_prompt(student, stage.json(paths.ASKED))
    rows, validation = stage.rows(TRAINING), stage.rows(VALIDATION)
    curve = train_student(rows, student, lambda_, seed, folder, validation=validation)
    if is_main():
        write_curve(stage.output(paths.train_curve(seed)), curve, lambda_)


if __name__ == "__main__":
    run_stage("train_student", main, TrainStudentConfig)
