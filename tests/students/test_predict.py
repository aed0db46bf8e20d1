"""Prediction: labels alone, the same in any batch."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.student import StudentCompute, StudentDecoding
from stillhouse.core.errors import StillhouseError
from stillhouse.students.folder import load_student, untrained_student
from stillhouse.students.predict import cut, predict_labels
from stillhouse.train_student.training import train_student
from tests.students.conftest import Make, rows

QUERIES = {row["id"]: row["query"] + " apples" * (i % 5) for i, row in enumerate(rows(11))}
CPU = StudentCompute(device="cpu")


@pytest.mark.parametrize("family", ["decoder", "encoder_decoder"])
def test_a_prediction_does_not_depend_on_its_batch(make_conf: Make, family: str):
    student = untrained_student(make_conf(family))
    decoding = StudentDecoding(max_tokens=6)
    found = [
        predict_labels(
            student, QUERIES, decoding, StudentCompute(device="cpu", eval_batch_size=size)
        )
        for size in (1, 4, 32)
    ]
    assert found[0] == found[1] == found[2]
    assert found[0].keys() == QUERIES.keys()
    assert any(found[0].values())


@pytest.mark.parametrize("family", ["decoder", "encoder_decoder"])
def test_no_prompt_in_a_prediction(make_conf: Make, family: str):
    student = untrained_student(make_conf(family))
    found = predict_labels(student, QUERIES, StudentDecoding(max_tokens=4), CPU)
    for id_, prediction in found.items():
        assert QUERIES[id_] not in prediction
        assert "Answer:" not in prediction


def test_equals_generation_one_row_at_a_time(make_conf: Make):
    """Against plain greedy decoding written out: no padding, no cache, no `generate`."""
    import torch

    student = untrained_student(make_conf())
    found = predict_labels(student, QUERIES, StudentDecoding(max_tokens=5), CPU)
    for id_, query in QUERIES.items():
        tokens, _ = student.text.prompt(query, "label")
        added: list[int] = []
        for _ in range(5):
            with torch.no_grad():
                logits = student.model(torch.tensor([tokens + added])).logits[0, -1]
            added.append(int(logits.argmax()))
            if added[-1] == student.text.end:
                break
        assert found[id_] == student.text.decode(added).strip()


def test_a_stop_string_ends_a_prediction_early(tmp_path: Path, make_conf: Make):
    table = [row | {"label": f"{row['label']}\nexplain"} for row in rows(4)]
    conf = make_conf(training={"epochs": 80, "schedule": "constant"})
    train_student(table, conf, 0.0, 0, tmp_path / "student")
    student = load_student(tmp_path / "student")
    queries = {row["id"]: row["query"] for row in table}
    whole = predict_labels(student, queries, StudentDecoding(max_tokens=16), CPU)
    assert whole == {row["id"]: row["label"] for row in table}
    stopped = predict_labels(student, queries, StudentDecoding(max_tokens=16, stop=("\n",)), CPU)
    assert stopped == {row["id"]: row["label"] for row in rows(4)}


@given(st.text(max_size=40))
def test_cut_keeps_what_comes_before_the_first_stop(text: str):
    found = cut(text, ["\n"])
    assert "\n" not in found
    assert text.strip().startswith(found)
    assert bool(found) == bool(text.strip())


def test_several_stop_strings():
    assert cut("\n yes. So\nQ: next", ["Q:", "\n"]) == "yes. So"
    assert cut("yes", []) == "yes"


def test_a_folder_without_a_student_is_an_error(tmp_path: Path):
    with pytest.raises(StillhouseError, match="holds no trained student"):
        load_student(tmp_path)


def test_a_student_of_another_version_is_an_error(tmp_path: Path):
    (tmp_path / "stillhouse.json").write_text('{"format": 99}')
    with pytest.raises(StillhouseError, match="format 99"):
        load_student(tmp_path)


WORDS = ["yes", "no", "fox", "42", "3 + 4", "the dog", "true", "a", "b", "false", "lazy", "brown"]
CHOICES = {id_: WORDS[place : place + 2 + place % 4] for place, id_ in enumerate(QUERIES)}


@pytest.mark.parametrize("family", ["decoder", "encoder_decoder"])
def test_the_likeliest_choice_is_that_of_one_pass_for_each(make_conf: Make, family: str):
    """Against each choice fed alone, with the model's own loss."""
    import torch

    student = untrained_student(make_conf(family))
    decoding = StudentDecoding(max_tokens=6, decode="choices")
    found = [
        predict_labels(
            student,
            QUERIES,
            decoding,
            StudentCompute(device="cpu", eval_batch_size=size),
            CHOICES,
        )
        for size in (1, 9, 64)
    ]
    assert found[0] == found[1] == found[2]
    for id_, query in QUERIES.items():
        prompt, _ = student.text.prompt(query, "label")
        losses = {}
        for choice in CHOICES[id_]:
            target = student.text.target(choice)
            if family == "decoder":
                fed, labels = prompt + target, [-100] * len(prompt) + target
            else:
                fed, labels = prompt, target
            with torch.no_grad():
                mean = student.model(torch.tensor([fed]), labels=torch.tensor([labels])).loss
            losses[choice] = mean.item() * len(target)
        assert found[0][id_] == min(losses, key=losses.__getitem__)
    assert any(found[0][id_] != CHOICES[id_][0] for id_ in QUERIES)


def test_choosing_without_choices_is_an_error(make_conf: Make):
    student = untrained_student(make_conf())
    decoding = StudentDecoding(max_tokens=6, decode="choices")
    with pytest.raises(StillhouseError, match=r"1 of 11 rows have none \(row 'row-03'\)"):
        predict_labels(student, QUERIES, decoding, CPU, CHOICES | {"row-03": []})
