"""Order and subsets are a property of ids and seed alone."""

from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.sampling import digest, nested_subset, share_size, shuffled

IDS = st.sets(st.text(max_size=8), max_size=30)
SEEDS = st.integers(0, 5)


@given(IDS, SEEDS, st.integers(0, 30), st.integers(0, 30))
def test_smaller_subsets_lie_inside_larger_ones(ids, seed, one, other):
    small, large = sorted((one, other))
    inner, outer = nested_subset(ids, small, seed), nested_subset(ids, large, seed)
    assert inner <= outer <= ids
    assert len(inner) == min(small, len(ids))


@given(IDS, st.text(max_size=8), SEEDS)
def test_an_added_row_moves_no_other(ids, added, seed):
    with_it = shuffled(ids | {added}, seed)
    assert [id_ for id_ in with_it if id_ in ids] == shuffled(ids, seed)


@given(IDS, SEEDS, st.randoms(use_true_random=False))
def test_the_order_that_ids_come_in_does_not_matter(ids, seed, random):
    listed = sorted(ids)
    random.shuffle(listed)
    assert shuffled(listed, seed) == shuffled(ids, seed)


def test_seeds_give_different_orders_on_every_machine_alike():
    ids = [f"row-{number}" for number in range(50)]
    assert shuffled(ids, 0) != shuffled(ids, 1)
    assert sorted(shuffled(ids, 0)) == sorted(ids)
    assert shuffled(ids, 0)[:3] == ["row-46", "row-0", "row-31"]


def test_a_digest_keeps_its_parts_apart():
    assert digest("a", "bc") != digest("ab", "c")
    assert digest(1, "x") == digest("1", "x")


@given(st.integers(0, 10_000), st.floats(0.001, 1), st.floats(0.001, 1))
def test_shares_grow_with_the_fraction_and_are_never_nothing(total, one, other):
    small, large = sorted((share_size(total, one), share_size(total, other)))
    assert (small <= large) and large <= total
    assert (share_size(total, min(one, other)) == small) and (small > 0 or total == 0)
    assert share_size(total, 1.0) == total
