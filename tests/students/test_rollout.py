"""A student's own conversations: each turn behind its own replies, however it is batched."""

import json

import pytest

from stillhouse.config.student import StudentCompute, StudentDecoding
from stillhouse.core.conversation import read_messages
from stillhouse.evaluate.chat import chat_example, evaluate_chat
from stillhouse.students import rollout
from stillhouse.students.asked import with_prompt
from stillhouse.students.folder import untrained_student
from stillhouse.students.predict import Reply
from stillhouse.students.rollout import converse
from tests.core.test_conversation import said
from tests.train_student.test_conversations import ASKED

COMPUTE = StudentCompute(device="cpu", eval_batch_size=2)
TEXTS = [["Hi!"], ["one", "GOLD", "two", "GOLD", "three"], ["how many apples?", "GOLD", "why?"]]


@pytest.fixture
def student(make_conf):
    conf = make_conf(templates="prompt", max_query_tokens=400)
    return untrained_student(with_prompt(conf, ASKED))


def examples():
    return [
        {"id": f"r{n}", "split": "test", "query": read_messages(said(*texts)).query, "label": None}
        for n, texts in enumerate(TEXTS)
    ]


def queries():
    return {row["id"]: row["query"] for row in examples()}


def test_every_turn_gets_a_reply_whatever_the_batch(student):
    decoding = StudentDecoding(max_tokens=5)
    found = converse(student, queries(), decoding, COMPUTE)
    assert {id_: len(each.replies) for id_, each in found.items()} == {"r0": 1, "r1": 3, "r2": 2}
    for id_, query in queries().items():
        alone = converse(student, {id_: query}, decoding, StudentCompute(device="cpu"), quiet=True)
        assert alone[id_] == found[id_]


def test_a_turn_is_asked_behind_the_students_own_replies(student, monkeypatch):
    seen = []

    def replies(student, prompts, decoding, compute, title=None):
        seen.append({id_: student.text.tokenizer.decode(p) for id_, p in prompts.items()})
        return {id_: Reply(f"own {id_} {len(seen)}", True) for id_ in prompts}

    monkeypatch.setattr(rollout, "predict_replies", replies)
    found = converse(student, queries(), StudentDecoding(max_tokens=5), COMPUTE)
    assert found["r1"].texts == ["own r1 1", "own r1 2", "own r1 3"]
    assert [sorted(prompts) for prompts in seen] == [["r0", "r1", "r2"], ["r1", "r2"], ["r1"]]
    last = seen[2]["r1"]
    assert last.index("own r1 1") < last.index("two") < last.index("own r1 2") < last.index("three")
    assert "GOLD" not in json.dumps(seen)


def test_how_turns_ended_is_counted_and_nothing_is_a_score(student, monkeypatch):
    said_ = {"Hi!": Reply("fine", True), "one": Reply("cut", False), "why?": Reply("", True)}

    def replies(student, prompts, decoding, compute, title=None):
        found = {}
        for id_, prompt in prompts.items():
            text = student.text.tokenizer.decode(prompt)
            turn = text.split("<|im_start|>user\n")[-1].split("<|im_end|>")[0]
            found[id_] = said_.get(turn, Reply("fine", True))
        return found

    monkeypatch.setattr(rollout, "predict_replies", replies)
    rows, metrics, speed = evaluate_chat(
        student, examples(), StudentDecoding(max_tokens=5), COMPUTE
    )
    assert {row["id"]: (row["prediction"], round(row["score"], 2)) for row in rows} == {
        "r0": ('["fine"]', 1.0), "r1": ('["cut","fine","fine"]', 0.67), "r2": ('["fine",""]', 0.5),
    }  # fmt: skip
    assert (metrics["rows"], metrics["turns"], metrics["unasked"]) == (3, 6, 0)
    assert metrics["answered"] == pytest.approx(4 / 6, abs=1e-6)
    assert metrics["cut_short"] == pytest.approx(1 / 6, abs=1e-6)
    assert not [name for name in metrics if "accuracy" in name or "rating" in name]
    assert speed.keys() == {"rows_per_second", "ms_per_row", "peak_mb", "device"}


def test_turns_that_do_not_fit_are_not_asked_and_are_counted(make_conf):
    conf = make_conf(templates="prompt", max_query_tokens=60)
    small = untrained_student(with_prompt(conf, ASKED))
    rows = [row for row in examples() if row["id"] == "r1"]
    _, metrics, _ = evaluate_chat(small, rows, StudentDecoding(max_tokens=12), COMPUTE)
    assert 0 < metrics["unasked"] < 1


def test_the_example_of_a_card_has_the_students_replies(student):
    example = {"columns": {"messages": []}, "query": queries()["r2"], "choices": []}
    found = chat_example(student, example, StudentDecoding(max_tokens=5), COMPUTE)
    assert len(json.loads(found["prediction"])) == 2
    assert (found["score"], found["truncated"]) == (None, False)
    assert chat_example(student, None, StudentDecoding(max_tokens=5), COMPUTE) is None
