"""A student behind a server: asked once, and read as a student here is."""

import json

import pytest

from stillhouse.config.compute import OpenAICompute
from stillhouse.config.dataset import Answer
from stillhouse.config.student import Asked, StudentCompute, StudentConf, StudentDecoding
from stillhouse.core.errors import StillhouseError
from stillhouse.evaluate.evaluate import evaluate_student, scored_rows
from stillhouse.evaluate.served import score_replies, served_example
from stillhouse.students.folder import (
    load_student,
    read_any_manifest,
    save_served,
    untrained_student,
)
from stillhouse.students.served import ServedStudent
from tests.config.test_served import SERVED
from tests.evaluate.test_scoring import row
from tests.students.conftest import MODEL, TINY, TRAINING
from tests.teacher_generate.conftest import _running, server
from tests.teacher_generate.helpers import store

__all__ = ["_running", "server"]  # fixtures

ANSWER = Answer(metric="choice")
CHOICES = ["red", "blue"]
ASKED = Asked.model_validate(
    {
        "system": "Reply with {{ choices | join(' or ') }}.",
        "query": "Q: {{ query }}",
        "target": "{{ label }}",
        "values": {},
        "choices": CHOICES,
    }
)
EXAMPLES = [
    row(f"t{n}", CHOICES[n % 2]) | {"choices": CHOICES, "query": f"What colour is thing {n}?"}
    for n in range(6)
] + [row("v", "red", "validation") | {"choices": CHOICES, "query": "What colour is it all?"}]


TOKENS = ("mean_prompt_tokens", "mean_answer_tokens")


def body(text, finish="stop", usage=True):
    choice = {"index": 0, "finish_reason": finish}
    choice["message"] = {"role": "assistant", "content": text}
    counts = {"usage": {"prompt_tokens": 9, "completion_tokens": 3}} if usage else {}
    return json.dumps({"choices": [choice]} | counts)


def replying(texts):
    """By a part of the prompt that is that row's alone, what the server sends."""
    asked = {each["id"]: each["query"] for each in EXAMPLES}
    return {asked[id_]: sent for id_, sent in texts.items()}


@pytest.fixture
def student(server, tmp_path):
    """A served student, from its folder, with a store of its own."""
    conf = StudentConf.model_validate(SERVED).model_copy(update={"templates": ASKED})
    save_served(tmp_path / "model", conf)

    def ready(url=server.url, **compute):
        values = {"backend": "openai", "base_url": url, "max_in_flight": 4} | compute
        manifest = read_any_manifest(tmp_path / "model")
        asked = OpenAICompute.model_validate(values)
        return ServedStudent(manifest, conf.decoding, asked, conf.price, store(tmp_path))

    return ready


def scored(student):
    test, validation = scored_rows(EXAMPLES, ANSWER)
    return score_replies(student.ask([*test, *validation]), EXAMPLES, ANSWER)


def test_its_folder_holds_a_manifest_and_equal_students_are_equal_bytes(student, tmp_path):
    student()
    (file,) = (tmp_path / "model").iterdir()
    first = file.read_bytes()
    conf = StudentConf.model_validate(SERVED).model_copy(update={"templates": ASKED})
    save_served(tmp_path / "again", conf)
    assert (tmp_path / "again" / file.name).read_bytes() == first
    with pytest.raises(StillhouseError, match="holds no weights: its student is served elsewhere"):
        load_student(tmp_path / "model")


def test_a_server_that_says_what_a_student_here_says_has_the_same_table(
    student, server, tiny_models, monkeypatch
):
    monkeypatch.setattr(
        "stillhouse.students.weights.model_folder",
        lambda source, mirror: tiny_models / source.removeprefix(TINY),
    )
    here = StudentConf.model_validate(
        {
            "description": "tiny",
            "model": MODEL | {"family": "decoder", "source": f"{TINY}decoder"},
            "templates": "prompt",
            "training": TRAINING,
            "decoding": SERVED["decoding"],
        }
    ).model_copy(update={"templates": ASKED})
    decoding, compute = StudentDecoding.model_validate(SERVED["decoding"]), StudentCompute()
    table, metrics = evaluate_student(untrained_student(here), EXAMPLES, ANSWER, decoding, compute)
    said = {each["id"]: f"\n{each['prediction']}\nAnd more." for each in table}
    server.set(responses=replying({id_: body(text) for id_, text in said.items()}))
    found, others = scored(student())
    assert found == table
    same = [name for name in metrics if name not in TOKENS]
    kept = [name for name in same if not name.startswith("validation_accuracy")]
    assert {name: others[name] for name in kept} == {name: metrics[name] for name in kept}


def test_replies_that_are_no_label_are_wrong_and_counted(student, server):
    replies = {
        "t0": body("red"),
        "t1": body("(b) blue"),
        "t2": body("It could be red, or blue."),
        "t3": body("Let me think about this for", "length"),
        "t4": body("I cannot say.", "content_filter"),
        "t5": body(""),
        "v": body("red\nblue"),
    }
    server.set(responses=replying(replies))
    table, metrics = scored(student())
    assert [each["score"] for each in table] == [1, 1, 0, 0, 0, 0]
    assert table[2]["prediction"] == "It could be red, or blue."
    assert metrics["accuracy"] == round(2 / 6, 6)
    assert metrics["validation_accuracy"] == 1.0
    assert [metrics[name] for name in TOKENS] == [9, 3]
    assert metrics["unread"] == round(4 / 6, 6)
    assert metrics["unread_length"] == metrics["unread_refusal"] == round(1 / 6, 6)
    assert metrics["unread_missing"] == 0


def test_a_server_that_counts_no_tokens_and_one_that_refuses_rows(student, server):
    texts = {f"t{n}": body("red", usage=False) for n in range(6)} | {"v": body("red")}
    del texts["t3"]
    server.set(responses=replying(texts), refuse="thing 3")
    with pytest.raises(StillhouseError, match=r"1 of 7 completions are missing"):
        scored(student())
    table, metrics = scored(student(allow_failures=0.2))
    assert not set(TOKENS) & metrics.keys()
    assert (table[3]["prediction"], table[3]["normalised"], table[3]["score"]) == ("", None, 0)
    assert metrics["unread_missing"] == metrics["unread"] == round(1 / 6, 6)


def test_nothing_is_asked_twice_also_not_after_a_failure(student, server):
    texts = {each["id"]: body("blue") for each in EXAMPLES}
    server.set(responses=replying(texts | {"t2": "no JSON"}))
    with pytest.raises(StillhouseError, match="are missing"):
        scored(student(retries=0))
    server.set(responses=replying(texts))
    first = scored(student())
    assert server.requests() == 1
    assert scored(student(url="http://127.0.0.1:9/v1")) == first  # nobody is asked at all
    asked = server.asked()
    assert asked == {"Q: What colour is thing 2?"}


def test_a_server_that_is_down_is_said_in_a_sentence(student):
    down = student(url="http://127.0.0.1:9/v1", deadline_s=0.2, retries=0)
    with pytest.raises(StillhouseError, match=r"127\.0\.0\.1:9"):
        scored(down)


def test_an_example_has_a_prediction_and_no_score(student, server):
    example = {"columns": {"text": "x"}, "query": "What colour is thing 0?", "choices": CHOICES}
    server.set(responses=replying({"t0": body("red")}))
    found = served_example(student(), example)
    assert found == example | {"prediction": "red", "score": None, "truncated": False}
    assert served_example(student(), None) is None
