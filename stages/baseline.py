"""Score the untrained student and the majority class on the test rows.

Run it with `dvc repro baseline`.
"""

from stillhouse.config.dataset import RATING, DatasetConf
from stillhouse.config.student import StudentConf, trained_here
from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, TEACHER_LABELS, Row, predictions
from stillhouse.evaluate.agreement import as_agreement, is_agreement, with_teacher_labels
from stillhouse.evaluate.chat import evaluate_chat
from stillhouse.evaluate.evaluate import evaluate_majority, evaluate_student
from stillhouse.kinds.measures import measure_of
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.students.asked import with_prompt
from stillhouse.students.folder import untrained_student


class BaselineConfig(StageConfig):
    dataset: DatasetConf
    student: StudentConf


def main(stage: Stage[BaselineConfig]) -> None:
    conf, answer = stage.config.student, stage.config.dataset.answer
    examples = stage.rows(EXAMPLES)
    compared = with_teacher_labels(examples, stage.rows(TEACHER_LABELS), answer)
    graded, rows = measure_of(answer.metric).graded, list[Row]()
    found = {} if graded else {"majority": evaluate_majority(compared, answer)}
    if not conf.is_served:  # nobody here has what a service has trained, as it was before
        student = trained_here(with_prompt(conf, stage.json(paths.ASKED)), "The untrained student")
        model, how = untrained_student(student), (student.decoding, student.compute)
        if answer.metric == RATING:
            rows, found["untrained"], _ = evaluate_chat(model, examples, *how)
        else:
            rows, found["untrained"] = evaluate_student(model, compared, answer, *how)
    if is_agreement(examples, answer):
        found = {name: as_agreement(scores) for name, scores in found.items()}
    stage.write(predictions(paths.BASELINE), rows)
    stage.write_json(paths.BASELINE_METRICS, found)


if __name__ == "__main__":
    run_stage("baseline", main, BaselineConfig)
