"""Which candidate is taken, what that asks, and what it does without."""

import json
import math
import re
from dataclasses import replace

import pytest

from stillhouse.config.dataset import Answer
from stillhouse.config.search import Halving
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import json_bytes
from stillhouse.teacher_generate.protocol import Failure
from stillhouse.teacher_select.measures import calls, lines, metrics, why
from stillhouse.teacher_select.search import round_sizes, rows_to_search_on, search
from tests.teacher_generate.scripts import install
from tests.teacher_select.world import (
    NAMES,
    Teacher,
    asking,
    chosen,
    conf,
    example,
    outcomes,
    prompt,
    right,
    says,
)

PRICE = {"currency": "EUR", "prompt": 1.0, "completion": 2.0}
HALVING = {"first_rows": 25, "keep": 0.5}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def teacher(monkeypatch):
    """Makes a teacher of what it says, and lets the backend be it."""

    def make(said):
        puppet = Teacher(said)
        install(monkeypatch, puppet)
        return puppet

    return make


def test_what_is_best_by_far_is_taken_whatever_it_costs(tmp_path, teacher):
    puppet = teacher(says({"bee": 40}, ant=0.3, bee=0.9))
    ready = asking(tmp_path, 60, price=PRICE)
    found = search(conf("ant", "bee"), ready)
    assert outcomes(found) == {"ant": "worse", "bee": "chosen"}
    assert found.chosen.standing.mean == sum(right("bee", 0.9, row) for row in range(60)) / 60
    assert "every other one is worse by more than chance explains" in why(
        found, ready.teacher.price
    )
    assert len(puppet.asked) == found.requests == 120


def test_of_a_best_within_the_noise_the_cheaper_one_is_taken(tmp_path, teacher):
    teacher(says({"bee": 40}, ant=0.80, bee=0.83, cat=0.3))
    ready = asking(tmp_path, 200, price=PRICE)
    found = search(conf("bee", "cat", "ant"), ready)
    assert outcomes(found) == {"bee": "best", "cat": "worse", "ant": "chosen"}
    assert found.chosen.standing.mean < found.best.mean
    said = why(found, ready.teacher.price)
    assert re.match(
        r"ant is chosen: it scores \d\d\.\d% on 200 validation rows, which is not", said
    )
    assert "of the best, bee, by more than chance explains (" in said
    assert "costs less: 0.0140 EUR against 0.0900 EUR for 1,000 answers" in said
    measured = metrics(found, ready.teacher.price)["candidates"]["ant"]
    assert measured["against_best_low"] < measured["against_best"] < 0
    assert measured["against_best_high"] >= 0 or measured["p_value"] >= 0.05


def test_without_a_price_tokens_decide(tmp_path, teacher):
    teacher(says({"bee": 40, "ant": 3}, ant=0.80, bee=0.83))
    found = search(conf("bee", "ant"), asking(tmp_path, 200))
    assert outcomes(found) == {"bee": "best", "ant": "chosen"}
    assert found.chosen.standing.cost == 1000 * (10 + 3)


@pytest.mark.parametrize("order", [("ant", "bee", "cat"), ("cat", "bee", "ant")])
def test_equal_costs_go_by_the_order_of_the_entry(tmp_path, teacher, order):
    teacher(says(ant=0.7, bee=0.7, cat=0.7))
    ready = asking(tmp_path, 30)
    found = search(conf(*order), ready)
    assert chosen(found) == order[0]
    assert "worse" not in outcomes(found).values()


def test_uncounted_tokens_are_no_low_cost(tmp_path, teacher):
    puppet = teacher(says(ant=0.7, bee=0.7))
    counted = puppet.complete

    def reply(request):
        found = counted(request)
        return replace(found, completion_tokens=None) if "ant:" in puppet.shown[-1] else found

    puppet.complete = reply
    found = search(conf("ant", "bee"), asking(tmp_path, 30))
    assert chosen(found) == "bee"
    assert found.every[0].standing.cost == math.inf
    assert "-" in "\n".join(lines(found, asking(tmp_path, 1).teacher.price))


def test_a_failed_parse_is_wrong_and_a_cut_completion_too_where_a_stop_is_required(
    tmp_path, teacher
):
    def said(name, row, _decoding):
        return {"ant": "who knows", "bee": "Answer: 7 " + "indeed " * 70, "cat": "Answer: 7"}[name]

    teacher(said)
    reply = {"content": "label", "require_stop": True}
    prompts = {name: prompt(name, reply=reply) for name in NAMES}
    found = search(conf("ant", "bee", "cat"), asking(tmp_path, 20, prompts=prompts))
    scored = {each.standing.candidate.prompt: each.standing for each in found.every}
    assert [scored[name].mean for name in ("ant", "bee", "cat")] == [0, 0, 1]
    assert [scored[name].usable for name in ("ant", "bee", "cat")] == [0, 0, 1]


def test_validation_rows_alone_are_asked_about(tmp_path, teacher):
    puppet = teacher(says(ant=0.7, bee=0.7))
    search(conf("ant", "bee", rows=20), asking(tmp_path, 30))
    assert len(puppet.shown) == 40
    assert all(re.fullmatch(r"(ant|bee): row \d+ of validation", said) for said in puppet.shown)


def test_more_rows_hold_those_of_fewer_whatever_order_the_table_has(tmp_path):
    ready, turned = asking(tmp_path, 40), asking(tmp_path, 40)
    turned.examples.reverse()
    assert rows_to_search_on(turned, None)[:15] == rows_to_search_on(ready, 15)


def test_summaries_need_no_reference_to_be_chosen_by(tmp_path, teacher):
    """Each row is the document that its summaries are scored against."""
    said = {"ant": "Barack Obama spoke in London.", "bee": "Somebody spoke somewhere at last."}
    teacher(lambda name, *_: said[name])
    query = "row {} of validation. Barack Obama spoke in London."
    rows = [example("validation", n, query=query.format(n), label=None) for n in range(12)]
    summaries = {"task": "summary", "answer": Answer(metric="summary", markers=("Summary:",))}
    ready = asking(tmp_path, 0)
    ready = replace(
        ready,
        dataset=ready.dataset.model_copy(update=summaries),
        examples=rows,
        prompts={
            name: prompt(name, tasks={"summary": {"query": f"{name}: {{{{ query }}}}"}})
            for name in said
        },
    )
    found = search(conf("ant", "bee"), ready)
    assert outcomes(found) == {"ant": "chosen", "bee": "worse"}
    assert "0.333 on 12 validation rows" in why(found, ready.teacher.price)
    assert found.chosen.standing.mean == pytest.approx(2 / 6)  # entities by tokens


@pytest.mark.parametrize("label", [None, "7"])
def test_without_labelled_validation_rows_nothing_is_asked(tmp_path, teacher, label):
    puppet = teacher(says(ant=0.7, bee=0.7))
    ready = asking(tmp_path, 0)
    split = "validation" if label is None else "train"
    ready.examples.append(example(split, 99, label=label))
    with pytest.raises(StillhouseError, match="There is no validation row with a label"):
        search(conf("ant", "bee"), ready)
    assert not puppet.asked


def test_a_changed_candidate_asks_its_own_rows_alone_and_a_second_run_nobody(tmp_path, teacher):
    puppet = teacher(says(ant=0.7, bee=0.8, dog=0.9))
    before = search(conf("ant", "bee"), asking(tmp_path, 30))
    del puppet.asked[:], puppet.shown[:]
    again = search(conf("ant", "bee"), asking(tmp_path, 30))
    assert not puppet.asked
    price = asking(tmp_path, 1).teacher.price
    assert metrics(again, price) == metrics(before, price)
    changed = {"ant": prompt("ant"), "bee": prompt("dog")}
    search(conf("ant", "bee"), asking(tmp_path, 30, prompts=changed))
    assert len(puppet.shown) == 30
    assert all(said.startswith("dog: ") for said in puppet.shown)


def test_a_search_that_broke_off_asks_the_rest_and_finds_the_same(tmp_path, teacher):
    search_conf = conf("ant", "bee", "cat", halving=HALVING)
    said = says(ant=0.7, bee=0.72, cat=0.2)
    teacher(said)
    calm = search(search_conf, asking(tmp_path / "calm", 100, price=PRICE))
    puppet = teacher(said)
    puppet.fault_after = 61
    with pytest.raises(StillhouseError, match="gone"):
        search(search_conf, asking(tmp_path / "own", 100, price=PRICE))
    had = set(puppet.shown)
    assert 0 < len(had) < calm.requests
    puppet = teacher(said)
    found = search(search_conf, asking(tmp_path / "own", 100, price=PRICE))
    assert not had & set(puppet.shown)
    assert len(had) + len(puppet.shown) == calm.requests
    price = asking(tmp_path, 1, price=PRICE).teacher.price
    assert json_bytes(metrics(found, price)) == json_bytes(metrics(calm, price))


def test_one_budget_is_for_all_candidates(tmp_path, teacher):
    puppet = teacher(says(ant=0.7, bee=0.8))
    puppet.tokens = lambda _: 10
    budget = {"backend": "scripted", "budget": {"tokens": 500}}
    with pytest.raises(StillhouseError, match="budget of this run"):
        search(conf("ant", "bee"), asking(tmp_path, 30, compute=budget))
    assert 0 < len(puppet.asked) * 12 <= 500  # 10 of the prompt, 2 of the completion
    assert len(puppet.asked) < 60


def test_halving_saves_what_it_says(tmp_path, teacher):
    said = says(ant=0.2, bee=0.9, cat=0.25, dog=0.85)
    everything = teacher(said)
    whole = search(conf(*NAMES), asking(tmp_path / "whole", 100))
    halved = teacher(said)
    found = search(conf(*NAMES, halving=HALVING), asking(tmp_path / "halved", 100))
    assert chosen(found) == chosen(whole)
    assert whole.saved == 0
    assert found.saved == len(everything.asked) - len(halved.asked) > 0
    assert found.requests == len(halved.asked)
    assert [(each.rows, each.candidates) for each in found.rounds] == [(25, 4), (50, 2), (100, 2)]
    assert outcomes(found)["ant"] == outcomes(found)["cat"] == "dropped"
    assert f"saved {found.saved:,}" in calls(found)
    assert "saved" not in calls(whole)


def test_halving_drops_none_that_is_as_good_for_all_that_its_rows_tell(tmp_path, teacher):
    teacher(says(ant=0.7, bee=0.71, cat=0.7, dog=0.69))
    found = search(conf(*NAMES, halving={"first_rows": 10, "keep": 0.25}), asking(tmp_path, 40))
    assert [each.candidates for each in found.rounds] == [4, 4]
    assert found.saved == 0


def test_with_one_left_the_search_ends(tmp_path, teacher):
    puppet = teacher(says(ant=0.0, bee=1.0))
    found = search(conf("ant", "bee", halving=HALVING), asking(tmp_path, 100))
    assert chosen(found) == "bee"
    assert len(puppet.asked) == 50
    assert found.saved == 150


@pytest.mark.parametrize(
    ("rows", "halving", "sizes"),
    [
        (100, None, [100]),
        (100, {"first_rows": 25}, [25, 50, 100]),
        (100, {"first_rows": 30}, [30, 60, 100]),
        (20, {"first_rows": 25}, [20]),
        (100, {"first_rows": 10, "keep": 0.25}, [10, 40, 100]),
        (100, {"first_rows": 1, "keep": 0.9}, None),
    ],
)
def test_rounds_grow_to_all_rows(rows, halving, sizes):
    found = round_sizes(rows, halving and Halving.model_validate(halving))
    assert found == sorted(set(found))
    assert found[-1] == rows
    assert sizes is None or found == sizes


def test_what_another_limit_serves_is_asked_once(tmp_path, teacher):
    def said(name, row, _decoding):
        return "well, " * (20 if row % 2 else 2) + "Answer: 7"

    puppet = teacher(said)
    grid = {"temperature": [0.0], "top_p": [0.5, 1.0], "max_tokens": [8, 64]}
    found = search(conf("ant", decoding=grid), asking(tmp_path, 30))
    names = ["ant, temperature 0, max_tokens 8", "ant, temperature 0, max_tokens 64"]
    assert list(outcomes(found)) == names  # greedy: top_p changes nothing
    assert found.answers == 60
    assert found.requests == len(puppet.asked) == 45  # half of the rows ended below 8
    assert chosen(found) == names[1]


def test_each_decoding_is_opened_once_a_round(tmp_path, teacher):
    puppet = teacher(says(ant=0.7, bee=0.7, cat=0.7))
    search(conf("ant", "bee", "cat", decoding={"temperature": [0, 0.5]}), asking(tmp_path, 20))
    assert puppet.opened == 2
    assert len(puppet.asked) == 120


def test_several_samples_of_a_row_are_one_score(tmp_path, teacher):
    def said(name, row, _decoding):
        return "Answer: 7" if name == "ant" or len(puppet.shown) % 2 else "Answer: 8"

    puppet = teacher(said)
    decoding = {"max_tokens": 8, "samples": 4, "temperature": 1.0}
    found = search(conf("ant", "bee"), asking(tmp_path, 20, decoding=decoding))
    assert [each.standing.mean for each in found.every] == [1.0, 0.5]
    assert len(found.every[1].standing.scores) == 20
    assert found.answers == found.requests == 160


def test_rows_that_failed_are_left_out_of_every_candidate(tmp_path, teacher):
    puppet = teacher(says(ant=0.7, bee=0.7))
    fine = puppet.complete
    puppet.complete = lambda request: (
        Failure("no") if request.id == "ant/validation-0003" else fine(request)
    )
    lenient = {"backend": "scripted", "allow_failures": 0.1}
    found = search(conf("ant", "bee"), asking(tmp_path, 30, compute=lenient))
    assert [len(each.standing.scores) for each in found.every] == [29, 29]
    assert found.requests == 59


def test_rows_of_one_group_are_no_more_evidence_than_one(tmp_path, teacher):
    teacher(says(ant=0.0, bee=1.0))
    apart = search(conf("ant", "bee"), asking(tmp_path, 30))
    ready = asking(tmp_path, 30)
    grouped = [row | {"group": "one"} for row in ready.examples if row["split"] == "validation"]
    ready.examples[:] = grouped
    together = search(conf("ant", "bee"), ready)
    assert outcomes(apart) == {"ant": "worse", "bee": "chosen"}
    assert outcomes(together) == {"ant": "chosen", "bee": "best"}


def test_the_table_has_every_candidate_in_columns(tmp_path, teacher):
    teacher(says({"bee": 40}, ant=0.80, bee=0.83, cat=0.3))
    ready = asking(tmp_path, 200, price=PRICE)
    found = search(conf("bee", "cat", "ant"), ready)
    printed = lines(found, ready.teacher.price)
    _, heading, *rows = printed[:5]
    assert heading.split()[:3] == ["Candidate", "Rows", "Accuracy"]
    assert heading.endswith("Outcome")
    assert [row.split()[0] for row in rows] == ["bee", "cat", "ant"]
    assert len({len(line) for line in (heading, *rows)}) == 1
    json.loads(json_bytes(metrics(found, ready.teacher.price)))
