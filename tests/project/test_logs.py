"""Logs of chat APIs, in the forms in which they are kept."""

import json

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.ingest.files import RawRow
from stillhouse.project.logs import read_log, replies_of

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"}]
ANSWERED = {"role": "assistant", "content": "4"}
API = {"model": "m", "choices": [{"message": ANSWERED, "finish_reason": "stop"}]}


def log_of(*lines: dict, model: str | None = None):
    return read_log([RawRow(f"log:{n}", line) for n, line in enumerate(lines, 1)], model)


@pytest.mark.parametrize(
    "line",
    [
        {"messages": ASKED, "reply": "4", "model": "m"},
        {"messages": ASKED, "completion": "4", "model": "m", "usage": {"total_tokens": 9}},
        {"messages": ASKED, "response": API},
        {"messages": ASKED, "response": ANSWERED, "model": "m"},
        {"messages": [*ASKED, ANSWERED], "model": "m"},
        {"request": {"model": "alias", "messages": ASKED}, "response": API},
        {"custom_id": "1", "body": {"messages": ASKED}, "response": {"status": 200, "body": API}},
        {
            "messages": [
                ASKED[0],
                {"role": "user", "content": [{"type": "text", "text": "2 + 2?"}]},
            ],
            "output": [{"type": "text", "text": "4"}],
            "model": "m",
        },
    ],
)
def test_every_form_is_the_same_exchange(line):
    log = log_of(line)
    assert (log.model, log.system) == ("m", "Be brief.")
    assert [log.query(each) for each in log.exchanges] == ["2 + 2?"]
    assert [row["reply"] for row in replies_of(log, cut=False)] == ["4"]
    assert log.exchanges[0].id == log_of({"messages": ASKED, "reply": "4"}).exchanges[0].id


def test_tokens_that_were_paid_for_are_kept():
    usage = {"prompt_tokens": 9, "completion_tokens": 1}
    for line in (
        {"messages": ASKED, "reply": "4", "usage": usage},
        {"messages": ASKED, "response": API | {"usage": usage}},
        {"messages": ASKED, "reply": "4", "usage": {"input_tokens": 9, "output_tokens": 1}},
    ):
        (reply,) = replies_of(log_of(line), cut=False)
        assert (reply["prompt_tokens"], reply["completion_tokens"]) == (9, 1)
    (reply,) = replies_of(log_of({"messages": ASKED, "reply": "4"}), cut=False)
    assert reply["prompt_tokens"] is None


def test_bodies_kept_as_text_and_another_apis_forms():
    assert log_of({"messages": ASKED, "response": json.dumps(API)}).exchanges[0].reply == "4"
    assert log_of({"request": json.dumps({"messages": ASKED}), "reply": "4"}).system == "Be brief."
    other = {"content": [{"type": "text", "text": "4"}], "stop_reason": "max_tokens", "model": "m"}
    log = log_of({"system": "Be brief.", "messages": ASKED[1:], "response": other})
    assert (log.system, log.exchanges[0].cut, log.exchanges[0].reply) == ("Be brief.", True, "4")


def test_what_is_not_all_text_is_passed_over():
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}
    called = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    log = log_of(
        {"messages": ASKED, "reply": "4"},
        {"messages": [picture], "reply": "a cat"},
        {"messages": [*ASKED, called, {"role": "tool", "content": "5"}], "reply": "5"},
        {"messages": ASKED, "response": 'data: {"choices": []}'},
        {"messages": ASKED, "reply": "  "},
    )
    assert len(log.exchanges) == 1
    assert dict(log.passed_over) == {
        "with images, files or tools": 2,
        "with a stream in place of its reply": 1,
        "without a reply": 1,
    }


def test_what_holds_no_reply_is_counted():
    empty = {"messages": ASKED, "response": {"choices": []}, "model": "m"}
    calls = {"messages": ASKED, "response": {"role": "assistant", "content": None}}
    log = log_of({"messages": ASKED, "reply": "4", "model": "m"}, empty, calls, {"error": "x"})
    assert dict(log.passed_over) == {"without a reply": 2, "without messages": 1}


def test_a_reply_cut_at_the_limit_stays_cut():
    cut = {"choices": [{"message": ANSWERED, "finish_reason": "length"}], "model": "m"}
    log = log_of({"messages": ASKED, "response": cut})
    assert not replies_of(log, cut=False)
    assert len(replies_of(log, cut=True)) == 1


def test_a_request_asked_twice_is_one_row():
    again = {"messages": ASKED, "reply": "5", "model": "m"}
    log = log_of({"messages": ASKED, "reply": "4", "model": "m"}, again, again)
    assert [each.reply for each in log.exchanges] == ["4"]
    assert log.passed_over["asked again, with another reply"] == 2


def test_one_model_is_taken():
    lines = [{"messages": ASKED, "reply": "4", "model": name} for name in ("a", "b", "b")]
    assert log_of(*lines).model == "b"
    assert log_of(*lines, model="a").passed_over == {"of another model than a": 2}
    with pytest.raises(StillhouseError, match="no model 'c'"):
        log_of(*lines, model="c")


def test_a_conversation_is_its_turns_and_other_systems_are_part_of_the_query():
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    log = log_of(
        {"messages": [*turns, {"role": "user", "content": "Bye"}], "reply": "x"},
        {"messages": ASKED, "reply": "4"},
    )
    assert [log.query(each) for each in log.exchanges] == [
        "User: Hi\nAssistant: Hello\nUser: Bye",
        "System: Be brief.\nUser: 2 + 2?",
    ]


def test_an_empty_log_and_a_strange_message():
    with pytest.raises(StillhouseError, match="no request with a reply"):
        log_of({"messages": ASKED})
    with pytest.raises(StillhouseError, match="log:1: a message is 'hello'"):
        log_of({"messages": ["hello"], "reply": "x"})
