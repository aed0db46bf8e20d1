"""Score one student on the test rows, and say beside its model how it is asked.

Run it with `dvc repro evaluate`.
"""

from stillhouse.config.compute import OpenAICompute
from stillhouse.config.dataset import RATING, DatasetConf
from stillhouse.config.student import StudentCompute, StudentConf
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import record
from stillhouse.core.tables import EXAMPLES, TEACHER_LABELS, predictions
from stillhouse.evaluate.agreement import as_agreement, by_label, is_agreement, with_teacher_labels
from stillhouse.evaluate.answers import answer_rows, answered_example, size_of, timed_answers
from stillhouse.evaluate.calibration import calibrate
from stillhouse.evaluate.chat import chat_example, evaluate_chat
from stillhouse.evaluate.evaluate import score_student, scored_rows
from stillhouse.evaluate.scoring import confusion_csv, labelled_rows
from stillhouse.evaluate.served import score_replies, served_example
from stillhouse.stage import Stage, StageConfig, run_stage
from stillhouse.students.folder import (
    Manifest,
    ServedManifest,
    load_student,
    read_any_manifest,
)
from stillhouse.students.served import ServedStudent
from stillhouse.students.serving import make_serving


class EvaluateConfig(StageConfig):
    dataset: DatasetConf
    student: StudentConf


def main(stage: Stage[EvaluateConfig]) -> None:
    seed, answer = stage.seed, stage.config.dataset.answer
    folder, inputs = stage.input(paths.student_model(seed)), stage.json(paths.INPUTS)
    manifest, examples = read_any_manifest(folder), stage.rows(EXAMPLES)
    decoding, compute = stage.config.student.decoding, stage.config.student.compute
    compared = with_teacher_labels(examples, stage.rows(TEACHER_LABELS), answer)
    test, validation = scored_rows(compared, answer)
    if isinstance(manifest, Manifest) and isinstance(compute, StudentCompute):
        student, how = load_student(folder), (decoding, compute)
        size = size_of(student, folder)
        if answer.metric == RATING:  # turn by turn: no class, and no score of its own
            rows, metrics, speed = evaluate_chat(student, examples, *how)
            scores, plot = calibrate({}, [], [], answer)
            example = chat_example(student, inputs["example"], *how)
        else:
            answers, speed = timed_answers(student, test, *how)
            answers |= answer_rows(student, validation, *how)
            labels = {id_: answered.label for id_, answered in answers.items()}
            rows, metrics = score_student(student, labels, compared, answer)
            # Only gold labels say what a score is worth.
            gold, known = (labelled_rows(examples, split) for split in ("test", "validation"))
            scores, plot = calibrate(answers, gold, known, answer)
            temperature = scores.get("temperature")
            example = answered_example(student, inputs["example"], *how, temperature)
        record("student", seed=seed, **speed)
    elif isinstance(manifest, ServedManifest) and isinstance(compute, OpenAICompute):
        served = ServedStudent(manifest, decoding, compute, stage.config.student.price)
        replies = served.ask([*test, *validation], purpose="student")
        rows, metrics = score_replies(replies, compared, answer)
        size = {}  # nobody tells, and a reply has no score
        scores, plot = calibrate({}, [], [], answer)
        example = served_example(served, inputs["example"])
    else:
        raise StillhouseError(f"{folder} holds another student than `student` names: `dvc repro`.")
    if is_agreement(examples, answer):
        metrics = as_agreement(metrics) | by_label(rows, compared, answer)
    stage.write(predictions(f"seed={seed}"), rows)
    stage.write_json(paths.eval_metrics(seed), metrics | size)
    stage.write_text(paths.confusion_plot(seed), confusion_csv(rows, test, answer))
    stage.write_json(paths.calibration_metrics(seed), scores)
    stage.write_text(paths.calibration_plot(seed), plot)
    serving = make_serving(inputs, answer.metric, decoding, scores, example)
    stage.write_json(paths.student_serving(seed), serving.written())


if __name__ == "__main__":
    run_stage("evaluate", main, EvaluateConfig)
