"""Train one student with one seed on labels and rationales.

Reads data/training.parquet, data/validation.parquet.
Writes models/student/seed=N/model, metrics/train/seed=N.csv.
Params: lambda, student. Run it with `dvc repro train_student`.
"""

from stillhouse.config.load import Entry, StageConfig
from stillhouse.config.student import TRAINED_KEYS, StudentConf
from stillhouse.core import paths, tables
from stillhouse.core.stage import run_stage, seed_argument
from stillhouse.train_student.launching import is_main, launches
from stillhouse.train_student.training import train_student, write_curve


class TrainStudentConfig(StageConfig):
    ENTRIES = {
        "student": Entry(keys=TRAINED_KEYS, untracked=("mirror", "compute")),
    }
    lambda_: float
    student: StudentConf


def main() -> None:
    config, seed = TrainStudentConfig.load(), seed_argument()
    if launches(config.student.compute.launcher):
        return
    rows = tables.read_rows(paths.TRAINING, tables.TRAINING)
    validation = tables.read_rows(paths.VALIDATION, tables.VALIDATION)
    folder = paths.student_model(seed)
    curve = train_student(rows, config.student, config.lambda_, seed, folder, validation=validation)
    if is_main():
        write_curve(paths.train_curve(seed), curve, config.lambda_)


if __name__ == "__main__":
    run_stage("train_student", main)
