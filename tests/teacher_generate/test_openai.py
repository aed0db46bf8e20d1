import json
import subprocess
import sys
import time

import pyarrow as pa
import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import read_events
from stillhouse.core.messages import Message
from stillhouse.core.tables import PROMPTS
from stillhouse.store.store import Store
from stillhouse.teacher_generate.backends import openai as backend
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.openai_api import retrying
from stillhouse.teacher_generate.openai_api.requests import request_body
from stillhouse.teacher_generate.protocol import Request
from tests.teacher_generate.helpers import client, prompts, read_response, rows, store
from tests.teacher_generate.loopback import Server, complete

KEY = "sk-very-secret-7391"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(retrying, "FIRST_WAIT", 0.005)
    monkeypatch.setattr(retrying, "LONGEST_WAIT", 0.05)


def run(server: Server, place: Store, table=None, **conf):
    table = prompts(range(40)) if table is None else table
    return generate(table, client(server.url, **conf), place)


def test_chat_and_plain_reach_their_endpoints_with_all_that_was_asked(server, tmp_path):
    for layout in ("chat", "plain"):
        decoding = {"temperature": 0.5, "top_p": 0.9, "stop": ["ab"], "extra": {"top_k": 3}}
        conf = client(server.url, format=layout, decoding=decoding | {"max_tokens": 9})
        found = rows(generate(prompts({"x": "Hi"}), conf, store(tmp_path)).completions)
        text, reason = found["x", 0]
        plan = {"model": "m", "temperature": 0.5, "top_p": 0.9, "stop": ["ab"], "top_k": 3}
        system, user = {"role": "system", "content": "Think."}, {"role": "user", "content": "Hi"}
        prompt = {"messages": [system, user]}
        if layout == "plain":
            prompt = {"prompt": "System: Think.\n\nUser: Hi\n\nAssistant:"}
        seeds = [_seed(conf)]
        expected = [complete(plan | prompt | {"seed": s, "max_tokens": 9}, "") for s in seeds]
        assert (text, reason) == expected[0][:2]


def _seed(conf):
    from stillhouse.store.key import completion_key

    key = completion_key(conf, [Message("system", "Think."), Message("user", "Hi")], 0)
    return int.from_bytes(key[:4], "big") >> 1


def test_a_greedy_request_names_no_seed_and_the_limit_as_the_server_wants_it():
    conf = client("http://x/v1", compute={"max_tokens_field": "max_completion_tokens"})
    body = request_body(conf, Request("a", 0, (Message("user", "x"),)))
    assert body == (
        b'{"model": "m", "max_completion_tokens": 64, "temperature": 0.0, '
        b'"messages": [{"role": "user", "content": "x"}]}'
    )


def test_in_flight_requests_are_bounded_and_full(server, tmp_path):
    server.set(latency=0.3)  # long enough for seven to be sent meanwhile on any machine
    run(server, store(tmp_path), prompts(range(14)), compute={"max_in_flight": 7})
    assert server.stats() == {"requests": 14, "completed": 14, "distinct": 14, "peak": 7}


def test_token_counts_come_from_the_server_when_it_gives_any(server, tmp_path):
    assert run(server, store(tmp_path / "a")).metrics["completion_tokens"] > 0
    server.set(usage=False)
    assert "completion_tokens" not in run(server, store(tmp_path / "b")).metrics


FAULTS = {
    "share_429": 0.05,
    "share_500": 0.02,
    "share_malformed": 0.02,
    "share_reset": 0.01,
    "latency": 0.004,
    "sigma": 1.0,
}


def test_all_rows_arrive_under_faults(server, tmp_path):
    expected = run(server, store(tmp_path / "calm"), prompts(range(1000))).completions
    server.set(**FAULTS)
    stormy = run(server, store(tmp_path / "storm"), prompts(range(1000))).completions
    assert stormy.equals(expected)
    stats = server.stats()
    assert stats["completed"] == stats["distinct"] == 1000
    assert 1040 < stats["requests"] == 1000 + read_events("teacher")[-1]["retried"]


def test_a_slow_drip_is_cut_at_the_timeout_and_asked_again(server, tmp_path):
    server.set(share_drip=0.2)
    compute = {"timeout_s": 0.5, "retries": 50}  # a slow machine may miss it now and then
    found = run(server, store(tmp_path), prompts(range(20)), compute=compute)
    assert found.completions.num_rows == 20


def test_a_row_is_given_up_after_its_retries(server, tmp_path):
    server.set(share_500=1.0)
    with pytest.raises(StillhouseError, match=r"40 x HTTP 500 \(given up after 2 retries\)"):
        run(server, store(tmp_path), compute={"retries": 2})
    assert server.requests() == 120


def test_a_row_is_given_up_at_its_deadline(server, tmp_path):
    server.set(share_429=1.0, retry_after="30")
    started = time.monotonic()
    with pytest.raises(StillhouseError, match=r"HTTP 429 \(given up at the deadline of 29 s\)"):
        run(server, store(tmp_path), compute={"deadline_s": 29})
    assert time.monotonic() - started < 29  # it does not wait for what it cannot use
    assert server.requests() == 40


def test_the_run_is_given_up_when_no_completion_comes_for_long(server, tmp_path):
    server.set(share_500=1.0)
    with pytest.raises(StillhouseError, match="No completion came from"):
        run(server, store(tmp_path), compute={"deadline_s": 0.3, "retries": 1000})


def test_retry_after_is_waited_for(server, tmp_path):
    server.set(share_429=0.5, retry_after="0.4")
    started = time.monotonic()
    run(server, store(tmp_path), prompts(range(8)))
    assert time.monotonic() - started > 0.4


def test_a_run_whose_every_row_is_refused_stops_after_the_first_dozen(server, tmp_path):
    server.set(status=400)
    compute = {"max_in_flight": 64}
    with pytest.raises(StillhouseError, match=r"The first \d+ requests to .* HTTP 400: always 400"):
        run(server, store(tmp_path), prompts(range(200)), compute=compute)
    assert server.requests() <= 24, "the dozen, and one more for each that asked it"
    # Rows that may fail can be all that is left of a table, so those are all asked.
    server.set(status=400)
    with pytest.raises(StillhouseError, match="200 x HTTP 400"):
        compute["allow_failures"] = 0.1
        run(server, store(tmp_path), prompts(range(200)), compute=compute)


def test_fewer_rows_than_the_first_dozen_all_refused(server, tmp_path):
    server.set(status=400)
    with pytest.raises(StillhouseError, match="3 x HTTP 400"):
        run(server, store(tmp_path), prompts(range(3)), compute={"max_in_flight": 64})


def test_an_address_that_no_request_can_be_made_of_is_neither_retried_nor_charged(tmp_path):
    conf = client("http://127.0.0.1/v1")
    # As a proxy of the environment may be, which no check of the conf sees.
    compute = conf.compute.model_copy(update={"base_url": "http://a..b/v1"})
    conf = conf.model_copy(update={"compute": compute})
    with pytest.raises(StillhouseError, match=r"No request can be sent to .* Correct") as caught:
        generate(prompts(range(3)), conf, store(tmp_path))
    assert "broke off" not in str(caught.value)
    assert read_events("teacher")[-1]["prompt_tokens"] == 0


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "Check the key in STILLHOUSE_TEST_KEY"), (404, "model's name, 'm'"), (302, "base_url")],
)
def test_a_fault_of_every_request_stops_the_run_at_once(
    server, tmp_path, monkeypatch, status, hint
):
    monkeypatch.setenv("STILLHOUSE_TEST_KEY", KEY)
    server.set(status=status)
    conf = {"api_key_env": "STILLHOUSE_TEST_KEY", "max_in_flight": 2}
    with pytest.raises(StillhouseError) as caught:
        run(server, store(tmp_path), compute=conf)
    assert hint in str(caught.value)
    assert f"HTTP {status}" in str(caught.value)
    assert server.requests() <= 4


def test_the_key_is_sent_and_never_shown(server, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("STILLHOUSE_TEST_KEY", KEY)
    compute = {"api_key_env": "STILLHOUSE_TEST_KEY"}
    server.set(key=KEY)
    run(server, store(tmp_path), compute=compute)
    server.set(key="another")
    messages = []
    for options in ({"key": "another"}, {"status": 400}, {"status": 503}):
        server.set(**options)
        with pytest.raises(StillhouseError) as caught:
            run(server, store(tmp_path / "new"), compute=compute | {"retries": 1})
        messages.append(str(caught.value))
    assert "[key]" in messages[0]
    assert "[key]" in messages[1]
    shown = "".join([*messages, *capfd.readouterr(), str(read_events("teacher"))])
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY not in shown
    assert KEY.encode() not in files


def test_a_key_is_taken_out_before_anything_is_cut(server, tmp_path, monkeypatch):
    monkeypatch.setenv("STILLHOUSE_TEST_KEY", KEY)
    compute = {"api_key_env": "STILLHOUSE_TEST_KEY", "retries": 0}
    for length in range(140, 171):
        error = {"message": "x" * length + f" {KEY} ", "code": 400}
        server.set(responses={"apples": json.dumps({"error": error})})
        with pytest.raises(StillhouseError) as caught:
            run(server, store(tmp_path), prompts(range(1)), compute=compute)
        assert KEY[:6] not in str(caught.value)


def test_a_key_in_a_completion_reaches_no_table(server, tmp_path, monkeypatch):
    monkeypatch.setenv("STILLHOUSE_TEST_KEY", KEY + "/+")
    message = {"content": f"Your key is {KEY}/+.", "reasoning": f"{KEY}%2F%2B it is"}
    response = {"choices": [{"message": message, "finish_reason": "stop"}]}
    server.set(responses={"apples": json.dumps(response)})
    compute = {"api_key_env": "STILLHOUSE_TEST_KEY"}
    (row,) = run(server, store(tmp_path), prompts([1]), compute=compute).completions.to_pylist()
    assert (row["text"], row["reasoning"]) == ("Your key is [key].", "[key] it is")


def test_a_placeholder_for_a_key_is_a_word_like_others(server, tmp_path, monkeypatch):
    monkeypatch.setenv("STILLHOUSE_TEST_KEY", "EMPTY")
    response = {"choices": [{"message": {"content": "EMPTY"}, "finish_reason": "stop"}]}
    server.set(responses={"apples": json.dumps(response)})
    compute = {"api_key_env": "STILLHOUSE_TEST_KEY"}
    found = run(server, store(tmp_path), prompts([1]), compute=compute).completions
    assert found["text"].to_pylist() == ["EMPTY"]


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://example.org/v1", True),
        ("https://example.org/v1", False),
        ("http://127.0.0.3:8000/v1", False),
        ("http://localhost/v1", False),
        ("http://[::1]/v1", False),
    ],
)
def test_a_key_over_plain_http_is_a_warning(monkeypatch, capfd, url, warned):
    monkeypatch.setenv("STILLHOUSE_TEST_KEY", KEY)
    conf = client(url, compute={"api_key_env": "STILLHOUSE_TEST_KEY"})
    backend.open_teacher(conf).close()
    said = capfd.readouterr().err
    assert ("without encryption" in said) == warned
    assert KEY not in said


@pytest.mark.parametrize("add", ["\nX-Header: 1", " two", "\u00e9", "\x01"])
def test_a_key_that_no_header_can_hold(monkeypatch, add):
    monkeypatch.setattr(backend.os, "environ", {"STILLHOUSE_TEST_KEY": f"{KEY}{add}x"})
    conf = client("http://127.0.0.1/v1", compute={"api_key_env": "STILLHOUSE_TEST_KEY"})
    with pytest.raises(StillhouseError, match="STILLHOUSE_TEST_KEY") as caught:
        backend.open_teacher(conf)
    assert KEY not in str(caught.value)


def test_passwords_of_the_home_folder_are_not_read(server, tmp_path, monkeypatch):
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("netrc", ".netrc"):
        (tmp_path / name).write_text(f"machine 127.0.0.1 login me password {KEY}\n")
        (tmp_path / name).chmod(0o600)
    monkeypatch.setattr(backend, "is_loopback", lambda _host: False)
    monkeypatch.setattr(backend, "getproxies", dict)
    server.set(status=400)
    with pytest.raises(StillhouseError) as caught:
        run(server, store(tmp_path), prompts([1]))
    assert "always 400: row" in str(caught.value), "the server repeats what it is sent"


def test_a_proxy_of_the_environment_is_used_but_on_this_machine(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.org")
    assert backend._proxy("http://example.org/v1") == "http://proxy:3128"
    assert backend._proxy("https://example.org/v1") is None
    assert backend._proxy("http://inside.org/v1") is None
    assert backend._proxy("http://127.0.0.1:8000/v1") is None


def test_requests_go_through_the_proxy(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
    monkeypatch.setenv("no_proxy", "")
    conf = client("http://nobody.invalid/v1")
    assert generate(prompts([1]), conf, store(tmp_path)).completions.num_rows == 1


def test_a_key_that_is_not_set(server, tmp_path, monkeypatch):
    monkeypatch.delenv("STILLHOUSE_TEST_KEY", raising=False)
    with pytest.raises(StillhouseError, match="environment variable STILLHOUSE_TEST_KEY"):
        run(server, store(tmp_path), compute={"api_key_env": "STILLHOUSE_TEST_KEY"})
    assert server.requests() == 0


def test_a_refused_row_is_not_asked_twice(server, tmp_path):
    server.set(refuse="13 apples")
    with pytest.raises(StillhouseError, match="1 x HTTP 400: refused: 13 apples: row-000013"):
        run(server, store(tmp_path))
    assert server.requests() == 40


def test_requests_per_minute_are_kept(server, tmp_path):
    started = time.monotonic()
    run(server, store(tmp_path), prompts(range(11)), compute={"requests_per_minute": 1200})
    assert time.monotonic() - started >= 10 * 60 / 1200


def test_tokens_per_minute_are_kept(server, tmp_path):
    started = time.monotonic()
    run(server, store(tmp_path), prompts(range(11)), compute={"tokens_per_minute": 60_000})
    # Each request reserves its limit of 64 tokens and a guess of its prompt.
    assert time.monotonic() - started >= 10 * 64 / 1000


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (b"", "MalformedResponseError"),
        (b"[]", "MalformedResponseError"),
        (b'{"choices": []}', "MalformedResponseError"),
        (b'{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}', "Malformed"),
        (b'{"choices": [{"message": {"content": 3}, "finish_reason": "stop"}]}', "Malformed"),
        (b"[" * 200_000, "Malformed"),
        (b"\xff\xfe{", "Malformed"),
        (
            b'{"choices": [{"message": {"content": [{"type": "image"}]},'
            b' "finish_reason": "stop"}]}',
            "Malformed",
        ),
        (b'{"choices": [{"message": {"content": "a"}, "finish_reason": "odd"}]}', "'odd'"),
        (b'{"choices": [{"message": {"content": "a"}, "finish_reason": null}]}', "'null'"),
        (b'{"choices": [{"message": {"content": "a"}, "finish_reason": "error"}]}', "'error'"),
    ],
)
def test_responses_that_hold_no_completion(response, error):
    with pytest.raises(Exception) as caught:
        read_response(client("http://x/v1"), response)
    assert error in f"{type(caught.value).__name__} {caught.value}"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00", 0.0),
    ],
)
def test_retry_after_headers(value, seconds):
    assert retrying.parse_retry_after(value) == seconds


def test_back_off_doubles_up_to_a_cap(monkeypatch):
    monkeypatch.setattr(retrying, "FIRST_WAIT", 1.0)
    monkeypatch.setattr(retrying, "LONGEST_WAIT", 30.0)
    assert [retrying.backoff(n, 1.0) for n in (1, 2, 3, 6, 99)] == [1, 2, 4, 30, 30]
    assert retrying.backoff(3, 0.0) == 2
    assert retrying.wait_before(1, 99.0) == 99.0


def test_what_the_chat_template_sees_is_sent_when_there_is_any():
    decoding = {"chat_template_kwargs": {"enable_thinking": False}}
    request = Request("a", 0, (Message("user", "x"),))
    conf = client("http://x/v1", decoding=decoding)
    sent = json.loads(request_body(conf, request))
    assert sent["chat_template_kwargs"] == {"enable_thinking": False}
    assert "chat_template_kwargs" not in json.loads(request_body(client("http://x/v1"), request))


def test_a_plain_prompt_that_opens_a_block_of_thinking(server, tmp_path):
    response = json.dumps({"choices": [{"text": "So a.", "finish_reason": "length"}]})
    server.set(responses={"Hi": response})
    table = pa.table(
        {"id": ["x"], "messages": [[{"role": "user", "content": "Hi\n<think>\n"}]]},
        schema=PROMPTS.schema,
    )
    (row,) = run(server, store(tmp_path), table, format="plain").completions.to_pylist()
    assert (row["text"], row["reasoning"], row["finish_reason"]) == ("", "So a.", "length")


def test_importing_the_backend_does_not_import_aiohttp():
    module = "stillhouse.teacher_generate.backends.openai"
    code = f"import sys, {module}; sys.exit('aiohttp' in sys.modules)"
    path = f"import sys; sys.path[:0] = {sys.path}"
    subprocess.run([sys.executable, "-c", f"{path}; {code}"], check=True)
