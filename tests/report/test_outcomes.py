"""Outcomes give every score back exactly, in few bytes, and say of which rows they are."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import json_bytes
from stillhouse.kinds.measures import ACCURACY, AGREEING, ENTITY_DENSITY, RATED
from stillhouse.report.outcomes import Outcomes, digest_of, outcomes_of, parse_outcomes


def example(id_, group=None, **others):
    row = {"id": id_, "split": "test", "query": f"q {id_}", "label": "a", "choices": ["a", "b"]}
    return row | {"group": group} | others


def again(outcomes):
    return parse_outcomes(json_bytes(outcomes.written()).decode(), "main")


@given(st.data())
def test_what_is_written_is_read_back_exactly(data):
    rows = data.draw(st.integers(0, 40))
    kinds = [
        st.sampled_from([0.0, 1.0]),
        st.just(1.0),
        st.none() | st.floats(1, 5),
        st.floats(allow_nan=False, allow_infinity=False),
    ]
    models = {
        f"seed={n}": data.draw(st.lists(kind, min_size=rows, max_size=rows))
        for n, kind in enumerate(kinds)
    }
    codes = data.draw(st.lists(st.integers(0, 5), min_size=rows, max_size=rows))
    seen: dict[int, int] = {}
    groups = tuple(seen.setdefault(code, len(seen)) for code in codes)
    whole = Outcomes(RATED, rows, "abc", groups, models)
    assert again(whole) == whole
    assert again(replace(whole, groups=None)).groups is None


def test_five_thousand_rows_of_four_models_take_a_few_kilobytes():
    draw = random.Random(0)
    models = {f"seed={n}": [float(draw.random() < 0.7) for _ in range(5000)] for n in range(4)}
    right = Outcomes(ACCURACY, 5000, "0" * 64, None, models)
    assert len(json_bytes(right.written())) < 4_000
    pairs = tuple(row // 2 for row in range(5000))
    assert len(json_bytes(replace(right, groups=pairs).written())) < 5_000
    rated = {f"seed={n}": [draw.randint(4, 20) / 4 for _ in range(5000)] for n in range(4)}
    assert len(json_bytes(Outcomes(RATED, 5000, "0" * 64, None, rated).written())) < 18_000


def test_rows_stand_in_the_order_of_their_ids_whatever_the_order_of_the_tables():
    examples = [example(id_, group) for id_, group in (("b", "x"), ("c", None), ("a", "x"))]
    scored = {"seed=0": {"c": 0.0, "a": 1.0, "b": 0.0}, "gold": {"a": 1.0}}
    found = outcomes_of(examples, scored, [], "choice", ACCURACY)
    assert found.models == {"seed=0": [1.0, 0.0, 0.0]}  # gold is not of every row
    assert found.groups == (0, 0, 1)
    other = outcomes_of(
        [*reversed(examples), example("t", split="train")], scored, [], "choice", ACCURACY
    )
    assert json_bytes(other.written()) == json_bytes(found.written())


@pytest.mark.parametrize("change", [{"label": "b"}, {"query": "other"}, {"choices": ["a"]}])
def test_the_digest_is_of_ids_queries_labels_and_choices(change):
    test = {id_: example(id_) for id_ in ("a", "b")}
    assert digest_of(test) == digest_of({id_: test[id_] | {"group": "g"} for id_ in ("b", "a")})
    assert digest_of(test) != digest_of(test | {"b": test["b"] | change})
    assert digest_of(test) != digest_of({"a": test["a"]})


def test_conversations_without_a_rating_have_none():
    ratings = [
        {"model": model, "id": id_, "turn": turn, "rating": rating}
        for model, id_, turn, rating in [
            ("seed=0", "a", 1, 3.0),
            ("seed=0", "a", 2, 4.0),
            ("seed=0", "b", 1, None),
            ("teacher", "b", 1, 5.0),
        ]
    ]
    examples = [example("a", label=None), example("b", label=None)]
    found = again(outcomes_of(examples, {"seed=0": {}}, ratings, "rating", RATED))
    assert found.models == {"seed=0": [3.5, None], "teacher": [None, 5.0]}


def test_agreement_with_a_teacher_has_no_outcomes():
    found = outcomes_of([example("a", label=None)], {"seed=0": {"a": 1.0}}, [], "choice", AGREEING)
    assert again(found).models == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found["models"]["seed=0"].update(packed="AAAA"),
        lambda found: found["models"]["seed=0"].update(packed="%"),
        lambda found: found["models"]["seed=0"].update(packed="/w=="),  # more than three rows
        lambda found: found["models"]["seed=0"].update(scores="0.5 often"),
        lambda found: found.update(measure="luck"),
        lambda found: found.update(models=[]),
        lambda found: found.update(groups={"steps": "9", "packed": ""}),
        lambda found: found.pop("rows"),
    ],
)
def test_what_is_not_as_it_was_written_is_refused(change):
    found = Outcomes(ENTITY_DENSITY, 3, "abc", None, {"seed=0": [0.5, 0.25, 0.5]}).written()
    change(found)
    with pytest.raises(StillhouseError, match=r"metrics/outcomes\.json of 'main' is not as the"):
        parse_outcomes(json.dumps(found), "main")


def test_a_conflict_of_git_in_the_file_is_refused():
    with pytest.raises(StillhouseError, match="edited, merged"):
        parse_outcomes("<<<<<<< HEAD\n{}\n", "main")
