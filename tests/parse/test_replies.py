"""A teacher's replies to a conversation: they count together, or the conversation has no label."""

import json

import pytest

from stillhouse.config.dataset import Answer
from stillhouse.config.prompt import Reply
from stillhouse.parse.completion import MAX_COMPLETION, Parsed, parse_completion
from stillhouse.parse.form import Form
from stillhouse.parse.parse import parse_completions
from stillhouse.parse.stand_ins import stand_ins


def form(**reply):
    return Form(Reply(content="label", **reply), "chat", Answer(metric="rating"))


def parse(text, reason="stop", **reply):
    return parse_completion(text, reason, form(**reply))


def test_replies_are_the_label_as_they_are():
    said = '["The answer is 4.\\n\\nQ: so?","So the answer is (a) yes. é"]'
    assert parse(said) == Parsed(None, said, "ok")


def test_equal_replies_are_equal_labels_however_they_are_written():
    assert parse('[ "a",\n "\\u00e9" ]').label == '["a","é"]'


@pytest.mark.parametrize(
    ("text", "reason", "status"),
    [
        ('["fine","cut"]', "length", "truncated"),
        ('["fine","no"]', "refusal", "refused"),
        ('["fine",""]', "stop", "empty"),
        ('["fine"," \\n"]', "stop", "empty"),
        ("[]", "stop", "malformed"),
        ("fine", "stop", "malformed"),
        ('{"a":"b"}', "stop", "malformed"),
        ('["fine",3]', "stop", "malformed"),
        (json.dumps(["x" * MAX_COMPLETION]), "stop", "malformed"),
    ],
)
def test_one_turn_that_does_not_count_leaves_the_conversation_without_a_label(text, reason, status):
    assert parse(text, reason, require_stop=True) == Parsed(None, None, status)


def test_a_reply_that_was_cut_counts_where_the_prompt_lets_it():
    assert parse('["fine","cut"]', "length") == Parsed(None, '["fine","cut"]', "repaired")


def test_replies_are_compared_with_nobodys():
    examples = [
        {"id": split, "split": split, "label": '["gold"]', "choices": [], "group": None}
        for split in ("train", "test")
    ]
    written = [
        {"id": row["id"], "sample": 0, "text": '["own"]', "finish_reason": "stop"}
        for row in examples
    ]
    parsed, metrics = parse_completions(examples, written, form())
    assert {row["label"] for row in parsed} == {'["own"]'}
    assert metrics["rows"] == metrics["test"]["rows"] == 1
    assert not [name for name in metrics if "accuracy" in name]
    missing = [row | {"label": None} for row in examples]
    assert stand_ins(missing, parsed, "chat") == []
    assert len(stand_ins(missing, parsed, "text")) == 2
