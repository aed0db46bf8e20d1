"""Selection on the validation split: what is scored, which weights are kept, when it ends."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from stillhouse.config.student import Training, Validation
from stillhouse.core.errors import StillhouseError
from stillhouse.students.folder import load_student
from stillhouse.students.predict import predict_labels
from stillhouse.students.text import StudentText
from stillhouse.students.weights import load_weights
from stillhouse.train_student.launching import join_processes
from stillhouse.train_student.loop import Job, State, validate
from stillhouse.train_student.rows import tokenize_rows
from stillhouse.train_student.training import Curve, train_student, write_curve
from stillhouse.train_student.validation import best, is_exhausted, scored_steps
from tests.students.conftest import STEADY_T5, TRAINING, Make, rows

LABELLED = [{name: row[name] for name in ("id", "query", "label")} for row in rows(9)]


@pytest.mark.parametrize(
    ("metric", "values", "step"),
    [
        ("accuracy", [0.1, 0.5, 0.3], 2),
        ("loss", [0.5, 0.1, 0.3], 2),
        ("accuracy", [0.5, 0.5, 0.5], 1),
        ("loss", [0.2, 0.2], 1),
        ("loss", [float("nan"), 0.9, float("nan")], 2),
    ],
)
def test_the_best_score_counts_and_of_equal_ones_the_earliest(
    metric: str, values: list[float], step: int
):
    assert best(list(enumerate(values, 1)), metric) == (step, values[step - 1])


def test_nothing_is_best_where_no_score_is_a_number():
    assert best([], "loss") is None
    assert best([(1, math.nan)], "loss") is None


def test_weights_are_kept_as_they_were(make_conf: Make):
    conf = make_conf(training={"validation": {"steps": 1, "metric": "loss"}})
    model, tokenizer = load_weights(conf)
    scored, _ = tokenize_rows(LABELLED, StudentText.of(conf, tokenizer), 0)
    job = Job(model, conf, 0.0, 0, [], [], scored)
    state = State(losses=[(1.0, 0.0)])
    validate(job, join_processes(cpu=True), state)
    before = {name: weight.detach().clone() for name, weight in job.weights.items()}
    with torch.no_grad():
        for weight in job.weights.values():
            weight.add_(1)
    assert [step for step, _ in state.scores] == [1]
    assert state.best.keys() == before.keys()
    assert all(torch.equal(state.best[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("patience", "values", "scored"),
    [
        (None, [0.5, 0.4, 0.3, 0.2], 4),
        (1, [0.1, 0.2, 0.2, 0.9], 3),
        (2, [0.5, 0.4, 0.6, 0.5, 0.6, 0.9], 5),
        (3, [0.1, 0.2, 0.3], 3),
    ],
)
def test_patience_counts_scores_that_are_no_better(
    patience: int | None, values: list[float], scored: int
):
    conf, scores = Validation(steps=1, patience=patience), list(enumerate(values, 1))
    ends = [number for number in range(1, len(scores)) if is_exhausted(scores[:number], conf)]
    assert (ends or [len(scores)])[0] == scored


def test_without_validation_training_never_ends_early():
    assert not is_exhausted([], None)


@given(
    st.sampled_from([{"steps": 1}, {"steps": 7}, {"epochs": 0.3}, {"epochs": 1}, {"epochs": 50}]),
    st.integers(1, 300),
    st.integers(1, 64),
    st.integers(1, 200),
)
def test_the_end_is_always_scored_and_the_interval_is_kept(
    conf: dict[str, float], number: int, batch_size: int, total: int
):
    training = Training.model_validate(TRAINING | {"batch_size": batch_size, "validation": conf})
    steps = scored_steps(training, number, total)
    assert total in steps
    assert all(1 <= step <= total for step in steps)
    every = conf.get("steps", conf.get("epochs", 0) * number / batch_size)
    assert len(steps) <= total / min(every, total) + 1
    if "steps" in conf:
        assert steps == {*range(every, total + 1, every), total}


def test_without_validation_nothing_is_scored():
    assert scored_steps(Training.model_validate(TRAINING), 10, 5) == frozenset()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["decoder", "encoder_decoder"])
def test_accuracy_is_the_share_of_labels_that_greedy_decoding_gets_wholly_right(
    tmp_path: Path, make_conf: Make, family: str
):
    training = {"epochs": None, "steps": 60, "schedule": "constant"}
    conf = make_conf(
        family,
        **(STEADY_T5 if family == "encoder_decoder" else {}),
        training=training | {"validation": {"steps": 10, "metric": "accuracy"}},
        compute={"device": "cpu", "eval_batch_size": 4},
    )
    # Labels that it is taught, and one that begins like them and goes on: neither all nor none.
    scored = [*LABELLED[:4], LABELLED[4] | {"label": f"{LABELLED[4]['label']} jumps"}]
    curve = train_student(rows(4), conf, 0.0, 0, tmp_path / "student", validation=scored)
    predicted = predict_labels(
        load_student(tmp_path / "student"),
        {row["id"]: row["query"] for row in scored},
        conf.decoding,
        conf.compute,
    )
    right = sum(predicted[row["id"]] == row["label"] for row in scored)
    assert max(score for _, score in curve.scores) == right / len(scored)
    assert 0 < right < len(scored)  # or the test shows nothing


def test_the_best_weights_are_saved_not_the_last(tmp_path: Path, make_conf: Make):
    validation = {"steps": 1, "metric": "loss"}
    long = {"epochs": None, "steps": 12, "learning_rate": 5e-2, "schedule": "constant"}
    conf = make_conf(training=long | {"validation": validation})
    strangers = [row | {"label": f"{row['label']} not {row['id']}"} for row in LABELLED]
    curve = train_student(rows(4), conf, 0.0, 0, tmp_path / "best", validation=strangers)
    step, _ = min(curve.scores, key=lambda score: score[1])
    assert [scored for scored, _ in curve.scores] == list(range(1, 13))
    assert step < 12
    conf = make_conf(training=long | {"steps": step})
    train_student(rows(4), conf, 0.0, 0, tmp_path / "short")
    best, short = (load_file(tmp_path / n / "model.safetensors") for n in ("best", "short"))
    assert all(torch.equal(best[name], short[name]) for name in best)


def test_scores_none_of_which_is_a_number_are_an_error(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    conf = make_conf(training={"validation": {"steps": 2}})
    monkeypatch.setattr(
        "stillhouse.train_student.loop.validate",
        lambda job, accelerator, state: state.scores.append((state.step, math.nan)),
    )
    with pytest.raises(StillhouseError, match=r"No score of seed 0 .* no student was saved"):
        train_student(rows(), conf, 1.0, 0, tmp_path / "student", validation=LABELLED)
    assert not (tmp_path / "student").exists()


def test_training_ends_early_when_nothing_gets_better(tmp_path: Path, make_conf: Make):
    validation = {"steps": 2, "metric": "accuracy", "patience": 2}
    training = {"epochs": None, "steps": 50, "learning_rate": 1e-6, "validation": validation}
    conf = make_conf(training=training)
    curve = train_student(rows(), conf, 1.0, 0, tmp_path / "student", validation=LABELLED)
    assert [step for step, _ in curve.scores] == [2, 4, 6]
    assert len(curve.losses) == 6
    facts = (tmp_path / "student/stillhouse.json").read_text()
    assert '"steps": 6' in facts
    assert '"step": 2' in facts  # where the saved weights are from


def test_validation_does_not_change_the_training(tmp_path: Path, make_conf: Make):
    """T5 has dropout: scoring in between must not move its random numbers."""
    conf = make_conf("encoder_decoder")
    plain = train_student(rows(), conf, 1.0, 0, tmp_path / "plain")
    conf = make_conf("encoder_decoder", training={"validation": {"steps": 1}})
    scored = train_student(rows(), conf, 1.0, 0, tmp_path / "scored", validation=LABELLED)
    assert scored.losses == plain.losses


def test_no_validation_rows_is_an_error_before_weights_are_loaded(tmp_path: Path, make_conf: Make):
    conf = make_conf(source="no such model", training={"validation": {"epochs": 1}})
    with pytest.raises(StillhouseError, match=r"no validation rows.*hold_out_from.*validation: n"):
        train_student(rows(), conf, 1.0, 0, tmp_path / "student")


def test_a_validation_label_over_the_limit_is_an_error(tmp_path: Path, make_conf: Make):
    conf = make_conf(training={"validation": {"epochs": 1}})
    long = [*LABELLED, {"id": "too-long", "query": "q", "label": "no " * 99}]
    with pytest.raises(StillhouseError, match=r"'too-long'.*max_target_tokens"):
        train_student(rows(), conf, 1.0, 0, tmp_path / "student", validation=long)


def test_scores_stand_beside_the_losses(tmp_path: Path):
    curve = Curve([(2.0, 1.0), (1.0, 0.5), (0.5, 0.5)], [(2, 0.25), (3, 0.75)])
    write_curve(tmp_path / "curve.csv", curve, 1.0)
    assert (tmp_path / "curve.csv").read_text().splitlines() == [
        "step,loss,label_loss,rationale_loss,validation",
        "1,3.00000,2.00000,1.00000,",
        "2,1.50000,1.00000,0.50000,0.25000",
        "3,1.00000,0.50000,0.50000,0.75000",
    ]
    curve = Curve([(1.0, 0.0)] * 1001, [(2, 0.5), (1001, 0.75)])
    write_curve(tmp_path / "long.csv", curve, 0.0)
    lines = (tmp_path / "long.csv").read_text().splitlines()
    assert [line.split(",")[-1] for line in lines if line.split(",")[-1]] == [
        "validation",
        "0.50000",
        "0.75000",
    ]
