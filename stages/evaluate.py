"""Score one student on the test rows.

Reads data/examples.parquet, models/student/seed=N/model. Writes data/predictions/seed=N.parquet,
metrics/eval/seed=N.json. Params: dataset, student. Run it with `dvc repro evaluate`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.load import Entry, StageConfig
from stillhouse.config.student import StudentConf
from stillhouse.core import paths, tables
from stillhouse.core.files import write_json
from stillhouse.core.stage import run_stage, seed_argument
from stillhouse.evaluate.evaluate import evaluate_student
from stillhouse.students.folder import load_student


class EvaluateConfig(StageConfig):
    ENTRIES = {
        "dataset": Entry(keys=("answer",)),
        "student": Entry(keys=("decoding",), untracked=("compute",)),
    }
    dataset: DatasetConf
    student: StudentConf


def main() -> None:
    config, seed = EvaluateConfig.load(), seed_argument()
    predictions, metrics = evaluate_student(
        load_student(paths.student_model(seed)),
        tables.read_rows(paths.EXAMPLES, tables.EXAMPLES),
        config.dataset.answer,
        config.student.decoding,
        config.student.compute,
    )
    tables.write_rows(paths.predictions(f"seed={seed}"), tables.PREDICTIONS, predictions)
    write_json(paths.eval_metrics(seed), metrics)


if __name__ == "__main__":
    run_stage("evaluate", main)
