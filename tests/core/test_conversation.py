"""Messages that are a conversation, the two texts that tables keep of one, and what is none."""

import json

import pytest

from stillhouse.core.conversation import (
    NoConversationError,
    read_messages,
    read_query,
    read_replies,
    transcript,
)


def said(*texts, system=None):
    roles = ("user", "assistant")
    opening = [{"role": "system", "content": system}] if system else []
    turns = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
    return opening + turns


def test_a_query_holds_no_reply_and_a_label_nothing_else():
    found = read_messages(said("Hi!", "Hello.", "Who?", "Me.", system="Be kind."))
    assert found.turns == ("Hi!", "Who?")
    assert json.loads(found.label) == ["Hello.", "Me."]
    assert json.loads(found.query) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi!"},
        {"role": "user", "content": "Who?"},
    ]
    again = read_query(found.query)
    assert (again.system, again.turns, again.replies) == ("Be kind.", found.turns, ())
    assert again.query == found.query


@pytest.mark.parametrize("last", [[], [{"role": "assistant", "content": " \n"}]])
def test_a_conversation_may_end_with_the_user_and_has_no_label_then(last):
    found = read_messages([*said("Hi!", "Hello.", "Who?"), *last])
    assert (found.turns, found.replies, found.label) == (("Hi!", "Who?"), ("Hello.",), None)


def test_the_messages_of_a_turn_are_all_before_it_on_the_replies_that_are_given():
    found = read_messages(said("one", "gold", "two", "gold", "three"))
    assert found.messages([]) == said("one")
    assert found.messages(["own"]) == said("one", "own", "two")
    assert found.messages(["a", "b", "c"]) == said("one", "a", "two", "b", "three", "c")


@pytest.mark.parametrize(
    ("own", "of_prompt", "system"),
    [(None, "", None), ("S", "", "S"), (None, "P", "P"), ("S", "P", "P\n\nS")],
)
def test_a_prompts_system_text_stands_before_the_rows_own(own, of_prompt, system):
    found = read_messages(said("one", "gold", "two", system=own)).asked(of_prompt, str.upper)
    assert found.messages(["x"]) == said("ONE", "x", "TWO", system=system)


def test_white_space_around_a_message_does_not_count():
    assert read_messages(said(" a\n", "\tb ")).query == read_messages(said("a", "b")).query


MISTAKES = [
    ([], "no list of messages"),
    ("Hi", "no list of messages"),
    (None, "no list of messages"),
    ([{"role": "user"}], "a message without `role` and `content`"),
    (["Hi"], "a message without `role` and `content`"),
    ([{"role": "tool", "content": "x"}], "the unknown role 'tool'"),
    ([{"role": "user", "content": ["x"]}], "a message that is no text"),
    ([{"role": "user", "content": None}], "a message that is no text"),
    (said(" "), "an empty message of the user"),
    (said("a", "", "b"), "an empty message of the assistant"),
    ([*said("a"), *said("b")], "two messages of the user in a row"),
    (said("a", "b")[1:], "no message of the user"),
    (said("a", "b", "c")[1:], "the assistant begins"),
    ([*said("a"), {"role": "system", "content": "s"}], "a system message that is not the first"),
    ([*said(system="s"), *said("a", system="s")], "a system message that is not the first"),
    (said(system="s"), "no message of the user"),
]


@pytest.mark.parametrize(("messages", "reason"), MISTAKES)
def test_what_is_no_conversation_says_why(messages, reason):
    with pytest.raises(NoConversationError, match=f"^{reason}$"):
        read_messages(messages)


@pytest.mark.parametrize("query", ["Hi", "[]", "{}", json.dumps(said("a", "b")), '[{"role":1}]'])
def test_other_queries_are_no_conversations(query):
    with pytest.raises(NoConversationError):
        read_query(query)


@pytest.mark.parametrize("text", ["Hello.", "{}", "[1]", '["a", null]', '["a"'])
def test_a_text_that_is_no_list_of_texts_holds_no_replies(text):
    assert read_replies(text) is None


def test_a_transcript_has_every_turn_in_its_order():
    found = read_messages(said("one", "gold", "two", system="S"))
    roles = [role for role, _ in transcript(found, ["own"])]
    assert roles == ["system", "user", "assistant", "user"]
    assert list(transcript(found, ["own"]))[2] == ("assistant", "own")
