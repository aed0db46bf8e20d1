"""Score one student on the test rows.

Run it with `dvc repro evaluate`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.student import StudentConf
from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, predictions
from stillhouse.evaluate.evaluate import evaluate_student
from stillhouse.evaluate.scoring import confusion_csv, split_rows
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.students.folder import load_student


class EvaluateConfig(StageConfig):
    dataset: DatasetConf
    student: StudentConf


def main(stage: Stage[EvaluateConfig]) -> None:
    answer, student = stage.config.dataset.answer, stage.config.student
    model = load_student(stage.input(paths.student_model(stage.seed)))
    examples = stage.rows(EXAMPLES)
    rows, metrics = evaluate_student(model, examples, answer, student.decoding, student.compute)
    stage.write(predictions(f"seed={stage.seed}"), rows)
    stage.write_json(paths.eval_metrics(stage.seed), metrics)
    confused = confusion_csv(rows, split_rows(examples, "test"), answer)
    stage.write_text(paths.confusion_plot(stage.seed), confused)


if __name__ == "__main__":
    run_stage("evaluate", main, EvaluateConfig)
