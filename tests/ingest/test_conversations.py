"""Datasets of conversations: whose rows become what, and which are rejected for what."""

import json

import pytest

from stillhouse.config.dataset import DatasetConf
from stillhouse.core.conversation import read_query
from stillhouse.core.errors import StillhouseError
from stillhouse.ingest.examples import build_examples
from stillhouse.ingest.inputs import inputs
from tests.core.test_conversation import MISTAKES, said
from tests.ingest.conf import VALUES, raw


def chat(**changes):
    fields = {"messages": "messages"} | changes.pop("fields", {})
    values = {"task": "chat", "answer": {"metric": "rating"}, "fields": fields}
    return DatasetConf.model_validate(VALUES | values | changes)


def build(conf, *rows):
    return build_examples(conf, {"train": raw(*rows)})


def test_a_row_of_messages_is_a_query_without_replies_and_a_label_of_them():
    rows, looked = build(chat(), {"messages": said("Hi!", "Hello.", "Who?", "Me.", system="S")})
    assert read_query(rows[0]["query"]).turns == ("Hi!", "Who?")
    assert rows[0]["label"] == '["Hello.","Me."]'
    assert "Hello." not in rows[0]["query"]
    (turns,) = looked.metrics["tables"]["turns"]
    assert (turns["split"], turns["most"]) == ("train", 2)


def test_replies_are_optional_and_rows_to_be_labelled_have_none():
    row = {"messages": said("Hi!", "Hello.", "Who?")}
    assert build(chat(), row)[0][0]["label"] is None
    conf = chat(splits={"unlabelled": {"read": ["a.jsonl"]}, "test": {"read": ["b.jsonl"]}})
    found, _ = build_examples(conf, {"unlabelled": raw({"messages": said("Hi!", "Hello.")})})
    assert found[0]["label"] is None


@pytest.mark.parametrize(("messages", "reason"), MISTAKES)
def test_a_row_that_is_no_conversation_is_rejected_with_its_reason(messages, reason):
    good = {"messages": said("Hi!", "Hello.")}
    rows, looked = build(chat(), good, {"messages": messages})
    assert len(rows) == 1
    # An empty cell is rejected as in every dataset.
    expected = "empty `messages`" if messages in ([], None) else reason
    assert looked.metrics["rejects"] == {expected: 1}
    assert looked.places == {expected: "train.jsonl:2"}


def test_several_rows_of_one_conversation_are_joined_in_the_order_of_the_source():
    def turn(topic, user, assistant):
        return {"topic": topic, "messages": said(user, assistant)}

    conf = chat(fields={"conversation": "{{ topic }}"})
    rows, _ = build(conf, turn("a", "1", "x"), turn("b", "5", "y"), turn("a", "2", "z"))
    assert {(read_query(row["query"]).turns, row["label"]) for row in rows} == {
        (("1", "2"), '["x","z"]'),
        (("5",), '["y"]'),
    }


def test_one_bad_turn_rejects_the_whole_conversation():
    conf = chat(fields={"conversation": "{{ topic }}"})
    found = [{"topic": "a", "messages": said(*texts)} for texts in (["1", "x"], ["2"], ["3", "z"])]
    rows, looked = build(conf, *found, {"topic": "b", "messages": said("4", "w")})
    assert [row["label"] for row in rows] == ['["w"]']
    assert looked.metrics["rejects"] == {"two messages of the user in a row": 1}


def test_the_example_of_a_chat_is_a_row_as_the_source_has_it():
    row = {"messages": said("Hi!", "Hello."), "other": 1}
    found = inputs(chat(), {"train": raw(row)}, build(chat(), row)[0])
    assert (found["messages"], found["query"], found["columns"]) == ("messages", "", ["messages"])
    assert found["example"]["columns"] == {"messages": row["messages"]}
    assert json.loads(found["example"]["query"]) == said("Hi!")


def test_a_message_template_that_fails_is_a_mistake_and_no_reject():
    conf = chat(fields={"messages": "turns"})
    with pytest.raises(StillhouseError, match="field that is not there: 'turns'"):
        build(conf, {"messages": said("Hi!")})


@pytest.mark.parametrize(
    ("changes", "said_"),
    [
        ({"task": "text"}, "need `task: chat`"),
        ({"answer": {"metric": "exact"}}, "need `answer.metric: rating`"),
        ({"fields": {"messages": None, "query": "{{ a }}"}}, "need `fields.messages`"),
        ({"fields": {"query": "{{ a }}", "label": "{{ b }}"}}, "leave out `query`, `label`"),
        ({"fields": {"messages": None}}, "give `query`, or `messages`"),
        ({"fields": {"messages": None, "query": "{{ a }}", "conversation": "{{ b }}"}},
         "give `messages`"),
        ({"fields": {"messages": "a b"}}, "expression error"),
        ({"splits": {"unlabelled": {"read": ["a"]},
                     "test": {"hold_out_from": "unlabelled", "labels": "data/raw/l.csv"}}},
         "use `share`"),
    ],
)  # fmt: skip
def test_what_is_half_a_chat_is_a_mistake(changes, said_):
    with pytest.raises(ValueError, match=said_):
        chat(**changes)
