import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.retrieve.choose import choose_exemplars
from tests.retrieve.examples import chosen, embeddings, example


def choose(examples, exemplars, k, seed=0, exclude_same_group=True):
    return choose_exemplars(
        examples,
        embeddings({"unused": [0.0]}),
        exemplars=exemplars,
        k=k,
        seed=seed,
        exclude_same_group=exclude_same_group,
    )


def train(number, **columns):
    return [example(f"r{n:03d}", **columns) for n in range(number)]


def test_a_seed_gives_one_choice_and_another_seed_another():
    examples = train(60)
    first = chosen(choose(examples, "random", 5, seed=1)[0])
    assert first == chosen(choose(reversed_copy(examples), "random", 5, seed=1)[0])
    second = chosen(choose(examples, "random", 5, seed=2)[0])
    assert sum(first[id_] != second[id_] for id_ in first) > 55
    for id_, ids in first.items():
        assert len(set(ids) - {id_}) == 5


def reversed_copy(examples):
    return list(reversed(examples))


@settings(deadline=None, max_examples=30)
@given(st.integers(10, 60), st.integers(1, 4), st.text(min_size=1, max_size=5))
def test_a_new_row_takes_a_place_or_leaves_the_choice_as_it_was(number, k, id_):
    before = chosen(choose(train(number), "random", k)[0])
    after = chosen(choose([*train(number), example(id_)], "random", k)[0])
    for row, ids in before.items():
        kept = [other for other in after[row] if other != id_]
        assert kept == ids[: len(kept)]
        assert len(kept) >= k - 1


def test_few_rows_change_when_one_is_added():
    before = chosen(choose(train(300), "random", 3)[0])
    after = chosen(choose([*train(300), example("new")], "random", 3)[0])
    assert sum(after[id_] != before[id_] for id_ in before) < 15  # 3 expected


def test_random_exemplars_are_spread_evenly():
    counts = Counter(itertools.chain(*chosen(choose(train(400), "random", 10)[0]).values()))
    assert len(counts) == 400
    assert max(counts.values()) < 30  # 10 expected, standard deviation 3


def test_random_exemplars_obey_the_same_exclusions():
    examples = [example(f"g{n}", group="g") for n in range(6)]
    examples += [example(f"t{n}", query=["Same text", "same   TEXT"][n % 2]) for n in range(4)]
    examples += [example("asks", "test", query="SAME text")]
    found = chosen(choose(examples, "random", 4)[0])
    assert all(set(found[f"g{n}"]) == {"t0", "t1", "t2", "t3"} for n in range(6))
    assert all(id_.startswith("g") for id_ in found["asks"] + found["t0"])
    with pytest.raises(StillhouseError, match="`k` is 5, but row 'g0'"):
        choose(examples, "random", 5)
    assert len(chosen(choose(examples, "random", 5, exclude_same_group=False)[0])["g0"]) == 5


def test_human_exemplars_are_the_first_of_the_file_for_every_row():
    people = [example(f"exemplar-{n:03d}", "exemplar", query=f"written {n}") for n in range(4)]
    table, metrics = choose([*train(3), example("t", "test"), *people], "human", 2)
    assert chosen(table) == {
        id_: ["exemplar-000", "exemplar-001"] for id_ in ("r000", "r001", "r002", "t")
    }
    assert table["distance"].null_count == table.num_rows
    assert metrics == {"k": 2, "rows": 4}


def test_a_row_is_not_shown_a_human_exemplar_with_its_own_text():
    people = [example(f"exemplar-{n:03d}", "exemplar", query=f"written {n}") for n in range(3)]
    copied = example("copied", query="Written  0")
    found = chosen(choose([*train(2), copied, *people], "human", 2)[0])
    assert found["copied"] == ["exemplar-001", "exemplar-002"]
    with pytest.raises(StillhouseError, match="row 'copied' can be given only 2"):
        choose([*train(2), copied, *people], "human", 3)


@pytest.mark.parametrize(
    ("people", "message"), [(0, "has no human exemplars"), (2, "only 2 human exemplars")]
)
def test_too_few_human_exemplars_are_an_error(people, message):
    written = [example(f"exemplar-{n:03d}", "exemplar") for n in range(people)]
    with pytest.raises(StillhouseError, match=message):
        choose([*train(9), *written], "human", 3)


@pytest.mark.parametrize(("exemplars", "k"), [("none", 4), ("topk", 0), ("random", 0)])
def test_without_exemplars_the_table_is_empty(exemplars, k):
    table, metrics = choose(train(3), exemplars, k)
    assert table.num_rows == 0
    assert metrics == {"k": 0, "rows": 0}


def test_label_agreement_is_counted_over_training_rows():
    examples = [example("a", label="x"), example("b", label="x"), example("c", label="y")]
    examples.append(example("t", "test", label="y"))
    table, metrics = choose_exemplars(
        examples,
        embeddings({"a": [0.0], "b": [1.0], "c": [3.0], "t": [3.0]}),
        exemplars="topk", k=1, seed=0, exclude_same_group=True,
    )  # fmt: skip
    assert chosen(table) == {"a": ["b"], "b": ["a"], "c": ["b"], "t": ["c"]}
    assert metrics["same_label_share"] == pytest.approx(2 / 3, abs=1e-6)
    assert metrics["chance_same_label_share"] == pytest.approx((1 / 2 + 1 / 2 + 0) / 3, abs=1e-6)


def test_random_exemplars_agree_as_often_as_chance():
    examples = [
        example(f"r{n:03d}", label="xyzz"[n % 4], group=f"g{n // 5}", query=f"text {n // 2}")
        for n in range(100)
    ]
    metrics = [choose(examples, "random", 8, seed=seed)[1] for seed in range(12)]
    shares = [found["same_label_share"] for found in metrics]
    chance = {found["chance_same_label_share"] for found in metrics}
    assert len(chance) == 1
    # 9,600 pairs: the standard error is half a point.
    assert sum(shares) / len(shares) == pytest.approx(chance.pop(), abs=0.02)
