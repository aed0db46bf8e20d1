"""What servers send with the status 200, read from bodies and through a server on loopback."""

import json

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.openai_api import retrying
from stillhouse.teacher_generate.openai_api.responses import (
    ErrorResponseError,
    MalformedResponseError,
    parse_response,
)
from tests.conftest import REPOSITORY
from tests.teacher_generate.helpers import client, prompts, read_response, rows, store

CASES = REPOSITORY.parent / "shared" / "cases" / "replies"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(retrying, "FIRST_WAIT", 0.005)
    monkeypatch.setattr(retrying, "LONGEST_WAIT", 0.05)


def body(content="ok", reason="stop", usage=None, **message):
    choice = {"message": {"role": "assistant", "content": content} | message}
    if reason != "absent":
        choice["finish_reason"] = reason
    return json.dumps({"choices": [choice]} | ({"usage": usage} if usage else {}))


def read(response, **conf):
    return read_response(client("http://127.0.0.1/v1", **conf), response.encode())


def test_a_lone_surrogate_is_replaced():
    completion = read(body("A cut emoji \ud83d.", reasoning="\udc80"))
    assert (completion.text, completion.reasoning) == ("A cut emoji \ufffd.", "\ufffd")


def test_content_in_parts_and_reasoning_apart():
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "So the "},
        {"type": "output_text", "text": "answer is a."},
    ]
    assert read(body(parts)) == Completion("So the answer is a.", "stop", None, None, "hm")
    assert read(body(["a", "b"])).text == "ab"


@pytest.mark.parametrize(
    "given",
    [
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"reasoning": None, "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
    ],
)
def test_what_a_server_calls_reasoning(given):
    assert read(body("a", **given)) == Completion("a", "stop", None, None, "hm")
    assert read(body(None, **given)) == Completion("", "stop", None, None, "hm")


@pytest.mark.parametrize(
    "given",
    [
        {"content": None, "refusal": "I cannot help."},
        {"content": [{"type": "refusal", "refusal": "I cannot help."}]},
        {"content": "I cannot help.", "reason": "content_filter"},
        {"content": "I cannot help.", "reason": "refusal"},
    ],
)
def test_a_refusal_is_an_end_of_its_own(given):
    assert read(body(**given)) == Completion("I cannot help.", "refusal", None, None)


def test_a_filtered_response_may_be_without_a_text():
    assert read(body(None, "content_filter")) == Completion("", "refusal", None, None)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("eos_token", "stop"),
        ("eos", "stop"),
        ("STOP", "stop"),
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("SAFETY", "refusal"),
    ],
)
def test_reasons_in_the_words_of_known_servers(reason, finish):
    assert read(body(reason=reason)).finish_reason == finish


@pytest.mark.parametrize("reason", [None, "absent"])
def test_no_reason_is_read_off_complete_counts(reason):
    def finish(tokens):
        return read(body(reason=reason, usage={"completion_tokens": tokens})).finish_reason

    assert (finish(63), finish(64)) == ("stop", "length")


def test_reasons_can_be_named_in_the_conf():
    compute = {"finish_reasons": {"fertig": "stop", "null": "length", "stop": "refusal"}}
    assert read(body(reason="fertig"), compute=compute).finish_reason == "stop"
    assert read(body(reason=None), compute=compute).finish_reason == "length"
    assert read(body(reason="stop"), compute=compute).finish_reason == "refusal"


@pytest.mark.parametrize("count", ["3", -1, 1.5, True, 2**40, None, {}])
def test_a_count_that_is_none_costs_no_completion(count):
    usage = {"prompt_tokens": 7.0, "completion_tokens": count}
    assert read(body("a", usage=usage)) == Completion("a", "stop", 7, None)


@pytest.mark.parametrize(
    ("response", "said", "status"),
    [
        ({"error": {"message": "daily limit", "code": 429}}, "daily limit", 429),
        ({"error": {"message": "no credit", "code": "insufficient"}}, "no credit", None),
        ({"error": "out of order"}, "out of order", None),
        ({"object": "error", "message": "too long", "code": 400}, "too long", 400),
        ({"detail": "not allowed"}, "not allowed", None),
        ({"choices": [{"error": {"message": "upstream", "code": 502}}]}, "upstream", 502),
    ],
)
def test_an_error_inside_a_response(response, said, status):
    with pytest.raises(ErrorResponseError) as caught:
        parse_response(json.dumps(response).encode())
    assert (str(caught.value), caught.value.status) == (said, status)


def test_a_page_is_said_to_be_one():
    with pytest.raises(
        MalformedResponseError, match="HTML instead of a response: Log in Who are you"
    ) as e:
        parse_response(b"\n<html><title>Log in</title>\n<p>Who are\nyou</p></html>")
    assert not e.value.charged


def run(server, place, ids="abc", **conf):
    compute = {"retries": 1} | conf.pop("compute", {})
    table = prompts({id_: f"Question {id_}?" for id_ in ids})
    return generate(table, client(server.url, compute=compute, **conf), place)


def test_one_lone_surrogate_costs_neither_its_completion_nor_those_beside_it(server, tmp_path):
    server.set(responses={"Question b": body("A cut emoji \ud83d. So a.", reasoning="\udc80")})
    found = run(server, store(tmp_path)).completions
    assert found.num_rows == 3
    row = found.to_pylist()[1]
    assert (row["text"], row["reasoning"]) == ("A cut emoji \ufffd. So a.", "\ufffd")
    assert server.requests() == 3


def test_a_refusal_is_paid_for_once(server, tmp_path):
    server.set(responses={"Question b": body(None, refusal="I cannot.")})
    place = store(tmp_path)
    for _ in range(2):
        assert rows(run(server, place).completions)["b", 0] == ("I cannot.", "refusal")
    assert server.requests() == 3


@pytest.mark.parametrize(
    ("response", "message", "requests"),
    [
        # Two attempts where another may bring a completion, one where it would bring the same.
        ('{"error": {"message": "daily limit", "code": 429}}', "429: daily limit", 4),
        ("<title>Log in</title>", "HTML instead of a response: Log in", 4),
        ("", "an empty response", 4),
        ('{"error": {"message": "too long", "code": 400}}', "400: too long", 3),
        (body(reason="tool_calls"), "finish_reason 'tool_calls'", 3),
    ],
)
def test_a_row_without_a_completion_says_what_the_server_said(
    server, tmp_path, response, message, requests
):
    server.set(responses={"Question b": response})
    with pytest.raises(StillhouseError, match=message):
        run(server, store(tmp_path))
    assert server.requests() == requests


def test_an_error_of_every_request_ends_the_run(server, tmp_path):
    server.set(responses={"Question": '{"error": {"message": "wrong key", "code": 401}}'})
    with pytest.raises(StillhouseError, match=r"refuses: .*401: wrong key"):
        run(server, store(tmp_path), ids=[str(n) for n in range(90)])
    assert server.requests() <= 12


def test_another_model_than_asked_for_is_a_warning_once(server, tmp_path, capfd):
    response = json.dumps(json.loads(body("a")) | {"model": "m-2\x1b]52;c;eA==\x07"})
    server.set(responses={"Question": response})
    run(server, store(tmp_path))
    said = capfd.readouterr().err
    assert said.count("'m-2\\x1b]52;c;eA==\\x07'") == 1
    assert "\x1b" not in said


def test_a_response_never_steers_the_terminal_and_is_cut(server, tmp_path, capfd):
    evil = "\x1b]8;;http://x\x07\x9b31m\u202e\x00" + "x" * 5000
    server.set(responses={"Question b": json.dumps({"error": {"message": evil, "code": 400}})})
    with pytest.raises(StillhouseError) as caught:
        run(server, store(tmp_path))
    said = str(caught.value) + capfd.readouterr().err
    assert not set("\x1b\x07\x9b\u202e\x00") & set(said)
    assert "x" * 201 not in said


def test_the_shared_cases(server, tmp_path):
    if not CASES.exists():
        pytest.skip(f"the cases are not here ({CASES})")
    parts = read((CASES / "reply_content_parts.json").read_text())
    assert (parts.text, parts.reasoning) == ("So the answer is a.", "hm")
    cut = read((CASES / "reply_surrogate.json").read_text())
    assert cut.text == "A cut emoji \ufffd. So the answer is a."
    with pytest.raises(ErrorResponseError, match="Provider returned error: daily limit reached"):
        read((CASES / "reply_error200.json").read_text())
