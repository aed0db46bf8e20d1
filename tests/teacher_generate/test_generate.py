import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import read_events
from stillhouse.core.tables import COMPLETIONS
from stillhouse.store.completion import Completion
from stillhouse.store.store import Store
from stillhouse.teacher_generate.estimate import expected_seconds
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.protocol import Failure
from tests.teacher_generate.helpers import prompts, rows, store, teacher
from tests.teacher_generate.scripts import Puppet, completion, install


def echo(request):
    return completion(f"re: {request.messages[-1].content}")


def test_one_completion_for_each_prompt(tmp_path, monkeypatch):
    puppet = Puppet(echo)
    install(monkeypatch, puppet)
    generated = generate(prompts({"b": "B", "a": "A"}), teacher(), store(tmp_path))
    assert rows(generated.completions) == {("b", 0): ("re: B", "stop"), ("a", 0): ("re: A", "stop")}
    assert generated.metrics == {
        "rows": 2,
        "requests": 2,
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "mean_completion_tokens": 5.0,
        "cut_short": 0.0,
    }
    assert (puppet.opened, puppet.closed) == (1, 1)


def test_a_second_run_does_not_even_open_the_teacher(tmp_path, monkeypatch):
    puppet = Puppet(echo)
    install(monkeypatch, puppet)
    first = generate(prompts(range(30)), teacher(), store(tmp_path))
    second = generate(prompts(range(30)), teacher(), store(tmp_path))
    assert second.completions.equals(first.completions)
    assert (len(puppet.asked), puppet.opened) == (30, 1)


def test_the_table_is_byte_identical_whoever_completes_first(tmp_path):
    for name, order in [("x", range(50)), ("y", reversed(range(50)))]:
        place = store(tmp_path / name)
        for n in order:
            if n % 7 == 0:
                generate(prompts([n]), teacher(), place)
        table = generate(prompts(range(50)), teacher(), place).completions
        COMPLETIONS.at(tmp_path / f"{name}.parquet").write(table)
    assert (tmp_path / "x.parquet").read_bytes() == (tmp_path / "y.parquet").read_bytes()


def test_equal_prompts_are_asked_once(tmp_path, monkeypatch):
    puppet = Puppet(echo)
    install(monkeypatch, puppet)
    table = generate(prompts({"a": "X", "b": "Y", "c": "X"}), teacher(), store(tmp_path))
    assert [text for text, _ in rows(table.completions).values()] == ["re: X", "re: Y", "re: X"]
    assert len(puppet.asked) == 2


def test_a_completion_that_rows_share_is_counted_once(tmp_path, monkeypatch):
    install(monkeypatch, Puppet(lambda r: completion("x", tokens=len(r.messages[-1].content))))
    table = prompts({"a": "XXX", "b": "Y", "c": "XXX"})
    first = generate(table, teacher(), store(tmp_path))
    assert first.metrics == {
        "rows": 3,
        "requests": 2,
        "prompt_tokens": 20,
        "completion_tokens": 4,
        "mean_completion_tokens": 2.0,
        "cut_short": 0.0,
    }
    # Whether the store had them is no part of it: equal tables, equal metrics.
    assert generate(table, teacher(), store(tmp_path)).metrics == first.metrics


def test_samples_have_an_index_and_seeds_of_their_own(tmp_path, monkeypatch):
    puppet = Puppet(lambda request: completion(f"{request.sample}: {request.seed}"))
    install(monkeypatch, puppet)
    conf = teacher(decoding={"temperature": 1.0, "samples": 3})
    found = rows(generate(prompts(range(2)), conf, store(tmp_path)).completions)
    assert list(found) == [(f"row-00000{n}", s) for n in (0, 1) for s in (0, 1, 2)]
    assert len({text for text, _ in found.values()}) == 6
    assert all(0 <= request.seed < 2**31 for request in puppet.asked)
    fewer = teacher(decoding={"temperature": 1.0, "samples": 2})
    again = rows(generate(prompts(range(2)), fewer, store(tmp_path)).completions)
    assert again.items() <= found.items()
    assert len(puppet.asked) == 6


def test_greedy_requests_have_no_seed(tmp_path, monkeypatch):
    puppet = Puppet(echo)
    install(monkeypatch, puppet)
    generate(prompts([1]), teacher(), store(tmp_path))
    assert puppet.asked[0].seed is None


def test_completions_that_belong_to_rows_are_read_anew(tmp_path, monkeypatch):
    puppet = Puppet(lambda request: completion(f"of {request.id}"))
    install(monkeypatch, puppet, stored=False)
    for _ in range(2):
        table = generate(prompts({"a": "X", "b": "X"}), teacher(), store(tmp_path)).completions
        assert [text for text, _ in rows(table).values()] == ["of a", "of b"]
    assert len(puppet.asked) == 4
    assert not list(tmp_path.rglob("*.parquet"))


def test_no_prompts_give_an_empty_table(tmp_path):
    generated = generate(prompts([]), teacher(), store(tmp_path))
    assert generated.completions.schema == COMPLETIONS.schema
    assert generated.metrics == {"rows": 0, "requests": 0}


def test_token_counts_nobody_gave_are_left_out(tmp_path, monkeypatch):
    install(monkeypatch, Puppet(lambda _request: Completion("x", "length", None, None)))
    generated = generate(prompts([1]), teacher(), store(tmp_path))
    assert generated.metrics == {"rows": 1, "requests": 1, "cut_short": 1.0}


def test_a_prompt_beyond_the_context_stops_the_run_before_it_begins(tmp_path, monkeypatch):
    puppet = Puppet(echo)
    puppet.tokens = lambda request: 10 * len(request.messages[-1].content)
    install(monkeypatch, puppet)
    conf = teacher(context=100, decoding={"max_tokens": 40})
    table = prompts({"fits": "123456", "long": "1234567", "longest": "12345678"})
    with pytest.raises(StillhouseError) as caught:
        generate(table, conf, store(tmp_path))
    assert "2 of 3 prompts" in str(caught.value)
    assert "row 'longest': 80 prompt tokens and 40" in str(caught.value)
    assert "smaller k" in str(caught.value)
    assert not puppet.asked
    generate(prompts({"fits": "123456"}), conf, store(tmp_path))


def refuse_odd(request):
    number = int(request.id[-6:])
    return Failure(f"no {number % 2}\x1b[31m") if number % 2 else echo(request)


def test_failures_are_listed_and_the_rest_is_kept(tmp_path, monkeypatch):
    puppet = Puppet(refuse_odd)
    install(monkeypatch, puppet)
    with pytest.raises(StillhouseError) as caught:
        generate(prompts(range(20)), teacher(), store(tmp_path))
    message = str(caught.value)
    assert "10 of 20 completions are missing" in message
    assert "10 x no 1 [31m: row-000001, row-000003" in message
    assert "5 more" in message
    assert "10 of 20 completions are in the store" in message
    puppet.complete = echo
    asked = len(puppet.asked)
    assert generate(prompts(range(20)), teacher(), store(tmp_path)).metrics["rows"] == 20
    assert len(puppet.asked) - asked == 10


@pytest.mark.parametrize(("share", "passes"), [(0.5, True), (0.49, False)])
def test_a_share_of_rows_may_fail(tmp_path, monkeypatch, capsys, share, passes):
    install(monkeypatch, Puppet(refuse_odd))
    conf = teacher(compute={"allow_failures": share})
    if not passes:
        with pytest.raises(StillhouseError, match="allow_failures"):
            generate(prompts(range(20)), conf, store(tmp_path))
        return
    generated = generate(prompts(range(20)), conf, store(tmp_path))
    assert [int(id_[-2:]) % 2 for id_, _ in rows(generated.completions)] == [0] * 10
    assert "10 x no 1" in capsys.readouterr().err


def test_a_request_the_backend_forgets_is_a_failure(tmp_path, monkeypatch):
    install(monkeypatch, Puppet(lambda request: None if "3" in request.id else echo(request)))
    with pytest.raises(StillhouseError, match="1 x the backend returned no completion: row-000003"):
        generate(prompts(range(5)), teacher(), store(tmp_path))


def test_a_fault_of_the_run_keeps_the_completions_before_it(tmp_path, monkeypatch):
    puppet = Puppet(echo)
    puppet.fault_after = 8
    install(monkeypatch, puppet)
    with pytest.raises(StillhouseError, match=r"(?s)server is gone.*8 of 20 completions are in"):
        generate(prompts(range(20)), teacher(), store(tmp_path))
    puppet.fault_after = None
    generate(prompts(range(20)), teacher(), store(tmp_path))
    assert len(puppet.asked) == 20
    assert puppet.closed == 2


def test_an_interrupt_keeps_the_completions_before_it(tmp_path, monkeypatch):
    def interrupted(request):
        if len(puppet.asked) > 8:
            raise KeyboardInterrupt
        return echo(request)

    puppet = Puppet(interrupted)
    install(monkeypatch, puppet)
    with pytest.raises(KeyboardInterrupt):
        generate(prompts(range(20)), teacher(), store(tmp_path))
    puppet.complete = echo
    asked = len(puppet.asked)
    generate(prompts(range(20)), teacher(), store(tmp_path))
    assert len(puppet.asked) - asked == 12


def test_the_estimate_comes_before_the_first_call(tmp_path, monkeypatch, capsys):
    said: list[str] = []

    def complete(request):
        said.append(capsys.readouterr().err)
        return completion("x", tokens=40)

    install(monkeypatch, Puppet(complete))
    conf = teacher(price={"prompt": 1000, "completion": 2000, "currency": "EUR"})
    generate(prompts(range(10)), conf, store(tmp_path))
    said.clear()
    generate(
        prompts({"x": "same", "y": "same"} | dict.fromkeys("z", "other")), conf, store(tmp_path)
    )
    assert "0 of 3 completions are in the store; 2 to ask (1 more are the same prompts)" in said[0]
    assert "128 completion tokens (at most 128)" in said[0]
    assert "EUR" in said[0]
    assert "at the speed of the last run" in said[0]


CONF = {"model": "m", "backend": "scripted", "failed": 0}


@pytest.mark.parametrize(
    ("runs", "seconds"),
    [
        ([], None),
        ([CONF | {"asked": 10, "seconds": 5.0}], 50),
        ([CONF | {"asked": 10, "seconds": 5.0}, CONF | {"asked": 10, "seconds": 1.0}], 10),
        # A run too short for the log's digits is a run.
        ([CONF | {"asked": 10, "seconds": 0.0}], pytest.approx(0, abs=0.01)),
        # What failed says nothing: nor does a run that asked nobody, nor another teacher's.
        ([CONF | {"asked": 10, "seconds": 5.0, "failed": 10}], None),
        ([CONF | {"asked": 10, "seconds": 5.0, "given_up": True}], None),
        ([CONF | {"asked": 10, "seconds": 5.0, "failed": 2}], 62.5),
        ([CONF | {"asked": 0, "seconds": 0.0}], None),
        ([CONF | {"asked": 10, "seconds": 5.0, "model": "n"}], None),
    ],
)
def test_the_time_is_that_of_the_last_run_that_went_well(runs, seconds):
    assert expected_seconds(100, teacher(), runs) == seconds


def test_the_run_log_says_what_was_spent_and_the_metrics_do_not(tmp_path, monkeypatch):
    puppet = Puppet(echo)
    install(monkeypatch, puppet)
    conf = teacher(price={"prompt": 10, "completion": 20})
    cold = generate(prompts(range(4)), conf, store(tmp_path))
    warm = generate(prompts(range(4)), conf, store(tmp_path))
    assert json.dumps(cold.metrics) == json.dumps(warm.metrics)
    first, second = read_events("teacher")
    assert (first["asked"], first["reused"], first["retried"]) == (4, 0, 4)
    assert first["money"] == pytest.approx((40 * 10 + 20 * 20) / 1e6)
    assert (second["asked"], second["reused"], second["money"]) == (0, 4, 0)


def test_what_another_process_completes_meanwhile_is_not_asked(tmp_path, monkeypatch):
    monkeypatch.setattr("stillhouse.teacher_generate.feed.LOOK_SECONDS", 0.0)
    place = store(tmp_path)
    puppet = Puppet(echo)
    other = Puppet(echo)

    def complete(request):
        if not other.asked:
            install(monkeypatch, other)
            generate(prompts(range(100)), teacher(), Store(place.live))
            install(monkeypatch, puppet)
        return echo(request)

    puppet.complete = complete
    install(monkeypatch, puppet)
    generated = generate(prompts(range(100)), teacher(), place)
    assert generated.completions.num_rows == 100
    assert len(other.asked) == 100
    assert len(puppet.asked) == puppet.chunk


def test_messages_reach_the_teacher_as_they_are_in_the_table(tmp_path, monkeypatch):
    puppet = Puppet(echo, chunk=1)
    install(monkeypatch, puppet)
    table = pa.concat_tables([prompts([1], system="one"), prompts([2], system="two")])
    generate(table, teacher(), store(tmp_path))
    seen = {request.id: [tuple(m) for m in request.messages] for request in puppet.asked}
    assert seen == {
        f"row-00000{n}": [("system", s), ("user", f"How many apples are {n} apples?")]
        for n, s in [(1, "one"), (2, "two")]
    }


def test_reasoning_goes_into_its_own_column_and_the_store_keeps_the_raw_text(tmp_path, monkeypatch):
    completions = {
        "a": Completion("<think>A?</think>\n\nB", "stop", 1, 1),
        "b": Completion("B", "stop", 1, 1, reasoning="the server's"),
        "c": Completion("<think>B", "stop", 1, 1, reasoning="the server's"),
        "d": Completion("B", "refusal", 1, 1),
    }
    install(monkeypatch, Puppet(lambda request: completions[request.id]))
    place = store(tmp_path)
    generated = generate(prompts({id_: id_ for id_ in completions}), teacher(), place)
    assert (generated.metrics["cut_short"], generated.metrics["refused"]) == (0.25, 0.25)
    table = generated.completions
    assert table.schema == COMPLETIONS.schema
    columns = ("text", "reasoning", "finish_reason")
    assert [tuple(row[name] for name in columns) for row in table.to_pylist()] == [
        ("B", "A?", "stop"),
        ("B", "the server's", "stop"),
        ("", "the server's\n\nB", "length"),
        ("B", None, "refusal"),
    ]
    segment = place.paths()[0]
    assert b"<think>A?</think>" in b"".join(
        text.encode() for text in pq.read_table(segment)["text"].to_pylist()
    )


@pytest.mark.parametrize("evidence", [True, False])
def test_a_cut_completion_is_reasoning_where_the_others_close_a_block_of_the_template(
    tmp_path, monkeypatch, evidence
):
    whole = "A?\n</think>\n\nB" if evidence else "B"
    completions = {
        "a": Completion(whole, "stop", 1, 1),
        "b": Completion("So the answer is A. Or", "length", 1, 64),
    }
    install(monkeypatch, Puppet(lambda request: completions[request.id]))
    table = generate(prompts({id_: id_ for id_ in completions}), teacher(), store(tmp_path))
    kept = rows(table.completions)["b", 0][0]
    assert kept == ("" if evidence else "So the answer is A. Or")
