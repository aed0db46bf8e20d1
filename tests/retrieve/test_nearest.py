import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.core import tables
from stillhouse.core.errors import StillhouseError
from stillhouse.core.same_query import query_key
from stillhouse.retrieve.choose import choose_exemplars
from tests.retrieve.examples import chosen, embeddings, example


def choose(examples, vectors, k, **changes):
    options = {"exemplars": "topk", "seed": 0, "exclude_same_group": True} | changes
    return choose_exemplars(examples, embeddings(vectors), k=k, **options)


def by_hand(examples, vectors, row, k, distinct_groups=True):
    """The definition: sort what may be shown by distance, then id."""

    allowed = [
        other
        for other in examples
        if other["split"] == "train"
        and query_key(other["query"]) != query_key(row["query"])
        and not (distinct_groups and row["group"] and other["group"] == row["group"])
    ]
    own = np.asarray(vectors[row["id"]], dtype=np.float64)

    def distance(other):
        return np.float32(np.linalg.norm(np.asarray(vectors[other["id"]], np.float64) - own))

    ranked = sorted(allowed, key=lambda other: (distance(other), other["id"]))
    return [(other["id"], distance(other)) for other in ranked[:k]]


@st.composite
def corpora(draw):
    """Few distinct points, texts and groups: ties, duplicates and families abound."""
    number = draw(st.integers(6, 30))
    examples = [
        example(
            f"{draw(st.integers(0, 9))}-{n:02d}",
            draw(st.sampled_from(["train", "train", "train", "test", "validation", "unlabelled"])),
            query=draw(st.sampled_from([None, None, None, "Same  text", "same text.", "other"])),
            group=draw(st.sampled_from([None, None, None, "g", "h"])),
        )
        for n in range(number)
    ]
    point = st.tuples(*[st.integers(-2, 2)] * 3)
    offset = draw(st.sampled_from([0.0, 0.25, 1000.0]))
    return examples, {row["id"]: np.array(draw(point)) + offset for row in examples}


@settings(deadline=None, max_examples=40)
@given(corpora(), st.integers(1, 4), st.booleans())
def test_neighbours_are_those_of_the_definition(corpus, k, distinct_groups):
    examples, vectors = corpus
    expected = {row["id"]: by_hand(examples, vectors, row, k, distinct_groups) for row in examples}
    if any(len(found) < k for found in expected.values()):
        with pytest.raises(StillhouseError, match=f"`k` is {k}, but row"):
            choose(examples, vectors, k, exclude_same_group=distinct_groups)
        return
    table, metrics = choose(examples, vectors, k, exclude_same_group=distinct_groups)
    assert chosen(table) == {id_: [i for i, _ in found] for id_, found in expected.items()}
    for row in table.to_pylist():
        assert row["distance"] == expected[row["id"]][row["rank"] - 1][1]
    assert (metrics["k"], metrics["rows"]) == (k, len(examples))


@pytest.fixture(params=["first", "last"])
def tie_order(request, monkeypatch):
    """FAISS promises nothing about ties: an exact search that returns the last of them is right."""
    import faiss

    class LastOfTies(faiss.IndexFlatL2):
        def search(self, vectors, width):
            distances, found = super().search(vectors, self.ntotal)
            order = np.lexsort((-found, distances), axis=-1)[:, :width]
            return tuple(np.take_along_axis(a, order, axis=1) for a in (distances, found))

    if request.param == "last":
        monkeypatch.setattr(faiss, "IndexFlatL2", LastOfTies)


def test_ties_beyond_the_first_search_are_broken_by_id(tie_order):
    examples = [example(f"{n:03d}") for n in range(300)] + [example("asks", "test")]
    vectors = {row["id"]: [1.0, 2.0] for row in examples}
    found = chosen(choose(examples, vectors, 3)[0])
    assert found["asks"] == found["299"] == ["000", "001", "002"]
    assert found["001"] == ["000", "002", "003"]


def test_close_vectors_far_from_the_origin_are_told_apart():
    # |x|^2 + |y|^2 - 2xy, one way to search, loses these distances in float32.
    examples = [example(f"{n:03d}") for n in range(400)] + [example("asks", "test")]
    order = np.random.default_rng(0).permutation(400)
    vectors = {f"{n:03d}": [4096.0 + (order[n] + 1) / 1024] * 64 for n in range(400)}
    table, _ = choose(examples, vectors | {"asks": [4096.0] * 64}, 5)
    nearest = [f"{n:03d}" for n in np.argsort(order)[:5]]
    assert chosen(table)["asks"] == nearest


def test_a_large_group_does_not_use_up_the_search():
    examples = [example(f"g{n:03d}", group="g") for n in range(200)]
    examples += [example(f"z{n}", group=f"z{n}") for n in range(3)]
    vectors = {row["id"]: [float(n)] for n, row in enumerate(examples)}
    found = chosen(choose(examples, vectors, 2)[0])
    assert all(found[f"g{n:03d}"] == ["z0", "z1"] for n in range(200))
    assert chosen(choose(examples, vectors, 2, exclude_same_group=False)[0])["g000"] == [
        "g001",
        "g002",
    ]


def test_only_training_rows_are_neighbours_and_every_row_has_some():
    splits = ["train"] * 6 + ["test", "validation", "unlabelled", "exemplar"]
    examples = [example(f"r{n}", split) for n, split in enumerate(splits)]
    vectors = {row["id"]: [0.0] for row in examples if row["split"] != "exemplar"}
    found = chosen(choose(examples, vectors, 2)[0])
    assert set(found) == {f"r{n}" for n in range(9)}
    assert {id_ for ids in found.values() for id_ in ids} <= {f"r{n}" for n in range(6)}


def test_neither_labels_nor_the_order_of_rows_matter(tmp_path):
    random = np.random.default_rng(0)
    examples = [example(f"r{n:02d}", label=str(n % 3)) for n in range(40)]
    vectors = {row["id"]: random.integers(-2, 3, 4) for row in examples}
    relabelled = [row | {"label": "same"} for row in reversed(examples)]
    for name, rows in (("one", examples), ("two", relabelled)):
        table, _ = choose(rows, dict(reversed(vectors.items())), 4)
        tables.EXEMPLARS.at(tmp_path / name).write(table)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_too_large_a_k_names_the_row_and_the_pool():
    examples = [example("a"), example("b"), example("c", query="query  OF a"), example("d", "test")]
    with pytest.raises(StillhouseError) as error:
        choose(examples, {row["id"]: [0.0] for row in examples}, 2)
    assert "`k` is 2, but row 'a' can be given only 1 exemplars" in str(error.value)
    assert "of the 3 rows to choose from, 2 are the row itself" in str(error.value)


@pytest.mark.parametrize("arm", ["topk", "random"])
def test_a_row_is_not_shown_its_own_query_but_for_a_full_stop(arm):
    pairs = [
        ("Skeletal muscles", "Skeletal muscles:"),
        ("A is -", "A is ?"),
        ("Follow-up of", "follow up of."),
    ]
    examples = [
        example(f"{n}{side}", query=query)
        for n, pair in enumerate(pairs)
        for side, query in zip("xy", pair, strict=True)
    ]
    examples += [example("p", query="What is 3.5?"), example("q", query="What is 35?")]
    vectors = {row["id"]: [float(n // 2)] for n, row in enumerate(examples)}
    found = chosen(choose(examples, vectors, 6, exemplars=arm)[0])
    for n in range(3):
        assert f"{n}y" not in found[f"{n}x"]
        assert f"{n}x" not in found[f"{n}y"]
    assert "q" in chosen(choose(examples, vectors, 1)[0])["p"], "another query"


def test_vectors_of_another_run_are_refused():
    examples = [example("a"), example("b"), example("c")]
    with pytest.raises(StillhouseError, match="not in 'embeddings', the first 'b'"):
        choose(examples, {"a": [0.0], "c": [0.0]}, 1)
    with pytest.raises(StillhouseError, match="different lengths"):
        choose(examples, {"a": [0.0], "b": [0.0, 1.0], "c": [0.0, 0.0]}, 1)
