import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.config.compute import Budget
from stillhouse.config.teacher import Price
from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import read_events
from stillhouse.core.messages import Message
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.protocol import Failure, Outcome, Request
from stillhouse.teacher_generate.spending import Ledger, Tokens, most_prompt_tokens
from tests.teacher_generate.helpers import prompts, store, teacher
from tests.teacher_generate.scripts import Puppet, completion, install

PRICE = Price(prompt=1_000_000, completion=3_000_000)
REQUEST = Request("a", 0, (Message("user", "x"),))


def outcome(prompt: int | None, tokens: int | None, charged: int = 0) -> Outcome:
    return Outcome(REQUEST, Completion("x", "stop", prompt, tokens), charged=charged)


def test_what_came_back_replaces_what_was_held():
    ledger = Ledger(PRICE, None)
    most = Tokens(10, 100)
    for _ in range(4):
        ledger.reserve(most)
    ledger.settle(most, outcome(8, 20))
    ledger.settle(most, outcome(None, 5, charged=1))
    ledger.settle(most, Outcome(REQUEST, Failure("no")))
    assert ledger.spent == Tokens(8 + 10 + 10, 20 + 100 + 5)
    assert ledger.reserved == most


@settings(deadline=None)
@given(
    limit=st.integers(1, 500),
    costs=st.lists(st.tuples(st.integers(0, 10), st.integers(0, 40)), max_size=40),
    money=st.booleans(),
    pause=st.integers(1, 5),
)
def test_a_budget_is_never_passed(limit, costs, money, pause):
    budget = Budget(money=limit) if money else Budget(tokens=limit)
    ledger, most, flying = Ledger(PRICE, budget), Tokens(10, 40), []
    for prompt, tokens in costs:
        if ledger.admits(most):
            ledger.reserve(most)
            flying.append(outcome(prompt, tokens))
        if len(flying) >= pause:
            ledger.settle(most, flying.pop(0))
        spent = ledger.spent + ledger.reserved
        assert (spent.money(PRICE) if money else spent.total) <= limit


@given(st.text())
def test_no_tokenizer_makes_more_tokens_than_bytes(text):
    assert most_prompt_tokens([Message("user", text)]) >= len(text.encode())


def test_a_budget_is_used_up_but_not_passed_and_the_next_run_goes_on(tmp_path, monkeypatch):
    puppet = Puppet(lambda _request: completion("x", tokens=5), chunk=8)
    puppet.tokens = lambda _request: 10
    install(monkeypatch, puppet)
    conf = teacher(compute={"budget": {"tokens": 1000}}, decoding={"max_tokens": 90})
    with pytest.raises(StillhouseError) as caught:
        generate(prompts(range(100)), conf, store(tmp_path))
    # 15 tokens each, and no request goes out that could need the 100 that are left or more.
    assert len(puppet.asked) == 61
    spent = read_events("teacher")[-1]
    assert spent["prompt_tokens"] + spent["completion_tokens"] == 61 * 15
    assert "1,000 tokens" in str(caught.value)
    assert "61 of 100 completions are in the store" in str(caught.value)
    assert "compute.budget" in str(caught.value)
    generate(prompts(range(100)), conf, store(tmp_path))
    assert len(puppet.asked) == 100


def test_a_budget_of_money_stops_in_the_price_s_currency(tmp_path, monkeypatch):
    puppet = Puppet(lambda _request: completion("x", tokens=5), chunk=8)
    install(monkeypatch, puppet)
    conf = teacher(
        compute={"budget": {"money": 0.5}},
        price={"prompt": 1000, "completion": 1000, "currency": "EUR"},
    )
    with pytest.raises(StillhouseError, match=r"budget of this run \(0\.5000 EUR\) is used up"):
        generate(prompts(range(100)), conf, store(tmp_path))
    assert 0.35 < read_events("teacher")[-1]["money"] <= 0.5


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (
            {"tokens": 73},
            r"\(73 tokens\) is less than one request may cost.*: 74 tokens \(10 of",
        ),
        ({"money": 0.05}, r"\(0\.0500 EUR\) is less than .* up to 0\.0740 EUR: 74 tokens"),
    ],
)
def test_a_budget_too_small_for_one_request_says_what_one_may_cost(
    tmp_path, monkeypatch, budget, said
):
    puppet = Puppet(lambda _request: completion("x"))
    puppet.tokens = lambda _request: 10
    install(monkeypatch, puppet)
    price = {"prompt": 1000, "completion": 1000, "currency": "EUR"}
    with pytest.raises(StillhouseError, match=said):
        generate(prompts([1]), teacher(compute={"budget": budget}, price=price), store(tmp_path))
    assert not puppet.asked


def test_a_ledger_s_budget_holds_for_all_the_runs_that_share_it(tmp_path, monkeypatch):
    puppet = Puppet(lambda _request: completion("x", tokens=5))
    puppet.tokens = lambda _request: 10
    install(monkeypatch, puppet)
    conf = teacher(compute={"budget": {"tokens": 1000}}, decoding={"max_tokens": 90})
    ledger = Ledger(conf.price, conf.compute.budget)
    generate(prompts(range(30)), conf, store(tmp_path), ledger)
    with pytest.raises(StillhouseError, match="is used up"):
        generate(prompts(range(30, 100)), conf, store(tmp_path), ledger)
    assert len(puppet.asked) == 61
    first, second = read_events("teacher")
    assert (first["asked"], first["prompt_tokens"]) == (30, 300)
    assert (second["asked"], second["prompt_tokens"]) == (31, 310)


def test_attempts_that_may_be_billed_count_against_the_budget(tmp_path, monkeypatch):
    puppet = Puppet(lambda _request: completion("x", tokens=5), chunk=1)
    puppet.tokens = lambda _request: 10
    puppet.charged = 1
    install(monkeypatch, puppet)
    conf = teacher(compute={"budget": {"tokens": 1000}}, decoding={"max_tokens": 90})
    with pytest.raises(StillhouseError):
        generate(prompts(range(100)), conf, store(tmp_path))
    assert len(puppet.asked) == 8
