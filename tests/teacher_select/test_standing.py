"""The rule that decides, over whatever scores and costs there are."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.search import Candidate
from stillhouse.config.teacher import Decoding, Price
from stillhouse.kinds.measures import ACCURACY, ENTITY_DENSITY
from stillhouse.teacher_select.standing import Standing, cost_of, going_on, placed, taken

SCORES = st.integers(1, 12).flatmap(
    lambda rows: st.lists(
        st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=rows, max_size=rows),
        min_size=1,
        max_size=6,
    )
)
COSTS = st.lists(st.sampled_from([1.0, 2.0, math.inf]), min_size=6, max_size=6)


def standings(scores, costs):
    return [
        Standing(
            Candidate(f"p{place}", {}, Decoding(max_tokens=8)),
            place,
            1,
            each,
            ACCURACY,
            None,
            1.0,
            1.0,
            1.0,
            cost,
        )
        for place, (each, cost) in enumerate(zip(scores, costs, strict=False))
    ]


@given(SCORES, COSTS)
def test_what_is_taken_is_as_good_as_the_best_and_no_dearer_than_any_that_is(scores, costs):
    order = placed(standings(scores, costs))
    best, chosen = order[0].standing, taken(order)
    assert best.mean == max(each.standing.mean for each in order)
    assert chosen.is_as_good
    for each in order:
        if each.is_as_good:
            assert chosen.standing.thrift <= each.standing.thrift
        else:
            assert each.standing.mean < best.mean


@given(SCORES, COSTS, st.randoms())
def test_the_order_of_the_list_decides_nothing(scores, costs, chance):
    found = standings(scores, costs)
    shuffled = sorted(found, key=lambda _: chance.random())
    assert placed(shuffled) == placed(found)


@given(SCORES, COSTS, st.floats(0.01, 0.9))
def test_at_least_the_better_share_goes_on_and_all_that_are_as_good(scores, costs, keep):
    order = placed(standings(scores, costs))
    staying = going_on(order, keep)
    assert len(staying) >= keep * len(order)
    assert order[0] in staying
    assert all(each in staying for each in order if each.is_as_good)
    # A search that ends here takes what one over all of them would.
    assert taken(staying) == taken(order)


def test_few_rows_prove_nothing():
    order = placed(standings([[1.0] * 5, [0.0] * 5], [2.0, 1.0]))
    assert order[1].gap.difference.high < 0  # so the interval alone would say
    assert taken(order).standing.place == 1


def test_graded_scores_are_compared_on_their_own_scale():
    best = [0.10 + 0.001 * (row % 3) for row in range(30)]
    scores = [best, [score - 0.02 for score in best], [score - 0.0001 for score in best]]
    scores[2][:15] = [score + 0.0002 for score in best[:15]]
    order = placed([replace(s, measure=ENTITY_DENSITY) for s in standings(scores, [3.0, 2.0, 1.0])])
    by_place = {each.standing.place: each for each in order}
    assert by_place[1].gap.is_worse
    assert by_place[2].is_as_good
    assert taken(order).standing.place == 2
    assert "0.1" in ENTITY_DENSITY.shown(by_place[2].standing.mean)


def test_a_cost_is_money_where_tokens_cost_any_and_else_tokens():
    assert cost_of(Price(prompt=1.0, completion=2.0), 100, 50) == 0.2
    assert cost_of(Price(), 100, 50) == 150_000
    assert cost_of(Price(), 100, None) == math.inf
