"""A student's score, from its folder to the table and the metrics."""

from pathlib import Path

import pytest

from stillhouse.config.dataset import Answer
from stillhouse.config.student import StudentCompute, StudentConf, StudentDecoding
from stillhouse.evaluate.evaluate import evaluate_student
from stillhouse.students.folder import load_student, untrained_student
from stillhouse.train_student.training import train_student
from tests.evaluate.test_scoring import row
from tests.students.conftest import MODEL, TEMPLATES, TINY, TRAINING


@pytest.fixture
def conf(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> StudentConf:
    monkeypatch.setattr(
        "stillhouse.students.weights.model_folder",
        lambda source, mirror: tiny_models / source.removeprefix(TINY),
    )
    return StudentConf.model_validate(
        {
            "description": "tiny",
            "model": MODEL | {"family": "decoder", "source": f"{TINY}decoder"},
            "templates": TEMPLATES["decoder"],
            "training": TRAINING | {"epochs": 80, "schedule": "constant"},
            "decoding": {"max_tokens": 8},
        }
    )


def test_a_trained_student_beats_the_untrained_one(tmp_path: Path, conf: StudentConf):
    colours = ["true", "false", "neutral", "yes"]
    examples = [row(f"t{i}", colours[i]) for i in range(4)] + [row("other", "no", "train")]
    held = [row("v0", "true", "validation"), row("v1", "false", "validation")]
    # Predicted as its query says, which is another row's.
    examples += [r | {"query": f"question t{i}"} for i, r in enumerate(held)]
    training = [
        {"id": r["id"], "query": r["query"], "label": r["label"], "rationale": None}
        for r in examples[:4]
    ]
    train_student(training, conf, 0.0, 0, tmp_path / "student")
    scored = [
        evaluate_student(
            student,
            examples,
            Answer(metric="exact"),
            StudentDecoding(max_tokens=8),
            StudentCompute(device="cpu"),
        )
        for student in (untrained_student(conf), load_student(tmp_path / "student"))
    ]
    (_, untrained), (table, trained) = scored
    assert [line["id"] for line in table] == ["t0", "t1", "t2", "t3"]
    assert (untrained["accuracy"], trained["accuracy"]) == (0.0, 1.0)
    assert (untrained["validation_accuracy"], trained["validation_accuracy"]) == (0.0, 1.0)
    assert trained["validation_rows"] == 2
    assert {line["prediction"] for line in table} == set(colours)
    text = load_student(tmp_path / "student").text
    lengths = [len(text.target(colour)) for colour in colours]
    assert trained["mean_answer_tokens"] == pytest.approx(sum(lengths) / 4)
