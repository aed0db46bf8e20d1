"""Conversations, turn by turn on the teacher's own replies: what is asked, and asked again."""

import json
import multiprocessing
import os
import signal
import time

import pyarrow as pa
import pytest

from stillhouse.config.prompt import Reply
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import COMPLETIONS, PROMPTS
from stillhouse.store import writer
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.protocol import Failure
from stillhouse.teacher_generate.rollout import converse, so_far
from tests.teacher_generate.helpers import client, store, teacher
from tests.teacher_generate.loopback import serve
from tests.teacher_generate.scripts import Puppet, completion, install

REPLY = Reply(content="label", require_stop=True)


def chats(**turns):
    """A prompts table: the user's turns of each conversation, behind a system's message."""
    rows = [
        {"id": id_, "messages": [{"role": "system", "content": "S"}]
         + [{"role": "user", "content": turn} for turn in said]}
        for id_, said in turns.items()
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, PROMPTS.schema)


def many(count):
    """Conversations of one to three turns."""
    return chats(**{f"c{n:03}": [f"{n}.{t}" for t in range(1 + n % 3)] for n in range(count)})


def replies(generated):
    return {row["id"]: json.loads(row["text"]) for row in generated.completions.to_pylist()}


def tell(request):
    """A reply that says all that it is a reply to."""
    return completion("<" + " ".join(message.content for message in request.messages[1:]) + ">")


def bytes_of(generated, path):
    COMPLETIONS.at(path).write(generated.completions)
    return path.read_bytes()


def test_each_turn_is_asked_on_the_teachers_own_replies(tmp_path, monkeypatch):
    puppet = Puppet(tell)
    install(monkeypatch, puppet)
    found = converse(chats(a=["1", "2", "3"], b=["x"]), teacher(), REPLY, store(tmp_path))
    assert replies(found) == {
        "a": ["<1>", "<1 <1> 2>", "<1 <1> 2 <1 <1> 2> 3>"],
        "b": ["<x>"],
    }
    roles = [[message.role for message in request.messages] for request in puppet.asked]
    turn = ["user", "assistant"]
    assert sorted(roles, key=len)[-1] == ["system", *turn, *turn, "user"]
    assert found.metrics == {
        "rows": 2,
        "turns": 4,
        "requests": 4,
        "prompt_tokens": 40,
        "completion_tokens": 20,
        "mean_completion_tokens": 5.0,
        "cut_short": 0.0,
    }
    first = found.completions.to_pylist()[0]
    assert (first["finish_reason"], first["prompt_tokens"], first["sample"]) == ("stop", 30, 0)


@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        (Completion("cut", "length", 1, 1), "length"),
        (Completion("no", "refusal", 1, 1), "refusal"),
        (Completion(" \n", "stop", 1, 1), "stop"),
        (Completion("<|im_end|>", "stop", 1, 1), "stop"),
    ],
)
def test_a_turn_that_does_not_count_ends_its_conversation(tmp_path, monkeypatch, failed, reason):
    puppet = Puppet(lambda r: failed if r.messages[-1].content == "bad" else completion("fine"))
    install(monkeypatch, puppet)
    asked = chats(a=["1", "bad", "3"], b=["1", "2", "3"])
    found = converse(asked, teacher(), REPLY, store(tmp_path))
    said = "" if reason == "stop" else failed.text
    assert replies(found) == {"a": ["fine", said], "b": ["fine"] * 3}
    reasons = {row["id"]: row["finish_reason"] for row in found.completions.to_pylist()}
    assert reasons == {"a": reason, "b": "stop"}
    # The first turns of both are one request.
    assert (found.metrics["turns"], found.metrics["requests"]) == (5, 4)


def test_replies_at_the_token_limit_count_where_the_prompt_lets_them(tmp_path, monkeypatch):
    install(monkeypatch, Puppet(lambda r: Completion("cut", "length", 1, 1)))
    found = converse(chats(a=["1", "2"]), teacher(), Reply(content="label"), store(tmp_path))
    assert replies(found) == {"a": ["cut", "cut"]}
    assert found.metrics["cut_short"] == 1.0
    assert found.completions["finish_reason"].to_pylist() == ["length"]


def test_a_reply_is_its_text_without_reasoning_and_end_tokens(tmp_path, monkeypatch):
    install(monkeypatch, Puppet(lambda r: completion(f"<think>hm</think>\n{len(r.messages)}</s>")))
    found = converse(chats(a=["1", "2"]), teacher(), REPLY, store(tmp_path))
    assert replies(found) == {"a": ["2", "4"]}
    assert found.completions["reasoning"].to_pylist() == ["hm\n\nhm"]


def test_a_conversation_that_nobody_answered_has_no_row(tmp_path, monkeypatch):
    def sometimes(request):
        return Failure("gone") if request.messages[-1].content == "bad" else tell(request)

    install(monkeypatch, Puppet(sometimes))
    asked = chats(a=["1", "bad"], b=["2", "3"])
    patient = teacher(compute={"backend": "scripted", "allow_failures": 0.5})
    found = converse(asked, patient, REPLY, store(tmp_path))
    assert replies(found).keys() == {"b"}
    with pytest.raises(StillhouseError, match="1 of 2 completions are missing"):
        converse(asked, teacher(), REPLY, store(tmp_path))


def test_a_second_run_asks_nothing_and_gives_the_same(tmp_path, monkeypatch):
    puppet = Puppet(tell)
    install(monkeypatch, puppet)
    first, second = (converse(many(20), teacher(), REPLY, store(tmp_path)) for _ in range(2))
    assert second.completions.equals(first.completions)
    assert second.metrics == first.metrics
    assert len(puppet.asked) == first.metrics["turns"]


@pytest.mark.parametrize("after", [4, 20, 32, 36])
def test_a_run_that_breaks_off_goes_on_in_the_middle(tmp_path, monkeypatch, after):
    calm = Puppet(tell)
    install(monkeypatch, calm)
    expected = converse(many(20), teacher(), REPLY, store(tmp_path / "calm"))
    broken = Puppet(tell)
    broken.fault_after = after
    install(monkeypatch, broken)
    with pytest.raises(StillhouseError, match="The server is gone"):
        converse(many(20), teacher(), REPLY, store(tmp_path))
    rest = Puppet(tell)
    install(monkeypatch, rest)
    found = converse(many(20), teacher(), REPLY, store(tmp_path))
    assert len(broken.asked) + len(rest.asked) == len(calm.asked)
    assert bytes_of(found, tmp_path / "a.parquet") == bytes_of(expected, tmp_path / "b.parquet")


def test_what_the_store_has_of_conversations_is_known_without_asking(tmp_path, monkeypatch):
    asked = chats(a=["1", "2"], b=["3"], c=["bad", "4"])
    failed = Completion("", "stop", 1, 1)
    puppet = Puppet(lambda r: failed if r.messages[-1].content == "bad" else tell(r))
    install(monkeypatch, puppet)
    kept = store(tmp_path)

    def known():
        return [(len(e.completions), e.ended) for e in so_far(asked, teacher(), REPLY, kept)]

    assert known() == [(0, False)] * 3
    converse(chats(a=["1"], c=["bad"]), teacher(), REPLY, kept)
    assert known() == [(1, False), (0, False), (1, True)]
    converse(asked, teacher(), REPLY, kept)
    assert known() == [(2, True), (1, True), (1, True)]
    assert len(puppet.asked) == 4


def test_one_budget_holds_for_all_rounds(tmp_path, monkeypatch):
    puppet = Puppet(tell)
    puppet.tokens = lambda request: 10
    install(monkeypatch, puppet)
    poor = teacher(compute={"backend": "scripted", "budget": {"tokens": 100}})
    asked = chats(a=["1", "2", "3", "4", "5"])
    for _ in range(2):  # 15 tokens a turn, and 74 have to be left for one
        with pytest.raises(StillhouseError, match="budget"):
            converse(asked, poor, REPLY, store(tmp_path))
    assert len(puppet.asked) == 4
    assert replies(converse(asked, poor, REPLY, store(tmp_path)))["a"][4].endswith(" 5>")


def work(url, folder, out):
    writer.FLUSH_SECONDS, writer.FLUSH_ROWS = 0.02, 5
    reply = Reply(content="label")
    COMPLETIONS.at(out).write(converse(many(60), client(url), reply, store(folder)).completions)


def test_a_conversation_killed_in_the_middle_of_its_turns_is_the_same_bytes(tmp_path):
    calm, out = tmp_path / "calm.parquet", tmp_path / "out.parquet"
    turns = sum(1 + n % 3 for n in range(60))
    with serve() as server:
        work(server.url, tmp_path / "undisturbed", calm)
        assert server.requests() == turns
        server.set(latency=0.05)
        asked = 0
        for stop_at in (20, 30, 25):
            context = multiprocessing.get_context("fork")
            process = context.Process(
                target=work, args=(server.url, tmp_path / "store", out), daemon=True
            )
            process.start()
            while server.requests() < asked + stop_at and process.is_alive():
                time.sleep(0.001)
            time.sleep(0.1)  # some of it has been written
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            time.sleep(0.1)  # the server has counted what the dead had sent
            asked = server.requests()
        assert not out.exists()
        server.set()
        work(server.url, tmp_path / "store", out)
        assert 0 < server.requests() < turns
    assert out.read_bytes() == calm.read_bytes()
