"""What a search is said to ask is what it then asks."""

import pytest

from stillhouse.cost.commands import as_lines
from stillhouse.cost.search import search_cost
from stillhouse.teacher_select.search import search
from tests.teacher_generate.scripts import install
from tests.teacher_select.world import Teacher, asking, conf, says

PRICE = {"currency": "EUR", "prompt": 1000.0, "completion": 2000.0}


@pytest.fixture
def puppet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = Teacher(says(ant=0.1, bee=0.9))
    install(monkeypatch, found)
    return found


def shown(cost):
    return "\n".join(as_lines([cost], None))


def test_without_halving_it_is_known(tmp_path, puppet):
    ready = asking(tmp_path, 60, price=PRICE)
    tried = conf("ant", "bee", rows=50)
    cost = search_cost(tried, ready, ready.store)
    assert (cost.exact, cost.requests, cost.stored, cost.to_ask) == (True, 100, 0, 100)
    assert cost.most.completion == 100 * 64
    assert "search, m: 100 of 100 requests to ask, 0 are in the store" in shown(cost)
    assert "2 candidates, 50 validation rows" in shown(cost)
    search(conf("ant", "bee", rows=10), ready)
    assert len(puppet.asked) == 20
    cost = search_cost(tried, ready, ready.store)
    assert (cost.stored, cost.to_ask) == (20, 80)
    assert cost.expected.completion == 80 * 2  # as those that are there
    search(tried, ready)
    assert len(puppet.asked) == 100
    cost = search_cost(tried, ready, ready.store)
    assert (cost.exact, cost.to_ask, cost.completion_most) == (True, 0, 0)


def test_with_halving_or_several_limits_it_is_between_two_numbers(tmp_path, puppet):
    ready = asking(tmp_path, 60)
    halved = search_cost(conf("ant", "bee", halving={"first_rows": 15}), ready, ready.store)
    assert (halved.exact, halved.least, halved.requests) == (False, 30, 120)
    assert "30 to 120 requests" in shown(halved)
    limits = conf("ant", decoding={"max_tokens": [1, 64]})
    cost = search_cost(limits, ready, ready.store)
    assert (cost.least, cost.requests, cost.completion_most) == (60, 120, 60 * 65)
    found = search(limits, ready)
    assert cost.least <= found.requests == len(puppet.asked) <= cost.requests
