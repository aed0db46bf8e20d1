"""Score one student on the test rows.

Run it with `dvc repro evaluate`.
"""

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.student import StudentConf
from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, TEACHER_LABELS, predictions
from stillhouse.evaluate.agreement import as_agreement, by_label, has_gold, with_teacher_labels
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
    compared = with_teacher_labels(examples, stage.rows(TEACHER_LABELS))
    rows, metrics = evaluate_student(model, compared, answer, student.decoding, student.compute)
    if not has_gold(examples):
        metrics = as_agreement(metrics) | by_label(rows, compared, answer)
    stage.write(predictions(f"seed={stage.seed}"), rows)
    stage.write_json(paths.eval_metrics(stage.seed), metrics)
    confused = confusion_csv(rows, split_rows(compared, "test"), answer)
    stage.write_text(paths.confusion_plot(stage.seed), confused)


if __name__ == "__main__":
    run_stage("evaluate", main, EvaluateConfig)
