"""Score the untrained student and the majority class on the test rows.

Reads data/examples.parquet. Writes data/predictions/untrained.parquet, metrics/baseline.json.
Params: dataset, student. Run it with `dvc repro baseline`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.load import Entry, StageConfig
from stillhouse.config.student import UNTRAINED_KEYS, StudentConf
from stillhouse.core import paths, tables
from stillhouse.core.files import write_json
from stillhouse.core.stage import run_stage
from stillhouse.evaluate.evaluate import evaluate_majority, evaluate_student
from stillhouse.students.folder import untrained_student


class BaselineConfig(StageConfig):
    ENTRIES = {
        "dataset": Entry(keys=("answer",)),
        "student": Entry(keys=(*UNTRAINED_KEYS, "decoding"), untracked=("mirror", "compute")),
    }
    dataset: DatasetConf
    student: StudentConf


def main() -> None:
    config = BaselineConfig.load()
    student, answer = config.student, config.dataset.answer
    examples = tables.read_rows(paths.EXAMPLES, tables.EXAMPLES)
    majority = evaluate_majority(examples, answer)
    model = untrained_student(student)
    scored = evaluate_student(model, examples, answer, student.decoding, student.compute)
    tables.write_rows(paths.predictions(paths.BASELINE), tables.PREDICTIONS, scored[0])
    write_json(paths.BASELINE_METRICS, {"majority": majority, "untrained": scored[1]})


if __name__ == "__main__":
    run_stage("baseline", main)
