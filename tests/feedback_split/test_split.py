import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.dataset import Answer, DatasetConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import CHOSEN
from stillhouse.feedback_split.config import FeedbackSplitConfig
from stillhouse.feedback_split.split import choose_rows, validation_rows


def example(id_, split="train", label="gold", gold_rationale="gold why"):
    return {
        "id": id_, "split": split, "query": f"query {id_}", "label": label, "choices": [],
        "gold_rationale": gold_rationale, "group": None, "meta": None,
    }  # fmt: skip


def parsed(id_, label="teacher", rationale="teacher why", sample=0):
    return {"id": id_, "sample": sample, "rationale": rationale, "label": label, "status": "ok"}


def choose(
    examples, parsed_rows, fraction=1.0, label="teacher", rationale="teacher", feedback="none",
    verdicts=(), tau=1.0, hard_at_tau=False, filter_="none", metric="exact",
    label_filter="none",
):  # fmt: skip
    config = FeedbackSplitConfig.model_construct(
        dataset=DatasetConf.model_construct(answer=Answer(metric=metric)), fraction=fraction,
        label_source=label, label_filter=label_filter, rationale_source=rationale,
        rationale_filter=filter_, feedback=feedback, tau=tau, hard_at_tau=hard_at_tau,
    )  # fmt: skip
    return choose_rows(examples, parsed_rows, verdicts, config)


IDS = [f"r{i}" for i in range(40)]
EXAMPLES = [example(id_) for id_ in IDS]
PARSED = [parsed(id_) for id_ in IDS]


@pytest.mark.parametrize(
    ("label", "rationale", "expected"),
    [
        ("gold", "gold", ("gold", "gold why")),
        ("gold", "teacher", ("gold", "teacher why")),
        ("gold", "none", ("gold", None)),
        ("teacher", "gold", ("teacher", "gold why")),
        ("teacher", "teacher", ("teacher", "teacher why")),
        ("teacher", "none", ("teacher", None)),
    ],
)
def test_sources(label, rationale, expected, tmp_path):
    rows, metrics = choose(EXAMPLES, PARSED, label=label, rationale=rationale)
    assert {(row["label"], row["rationale"]) for row in rows} == {expected}
    assert {row["difficulty"] for row in rows} == {None}
    assert metrics == {
        "candidates": 40, "selected": 40, "without_label": 0, "rows": 40,
        "without_rationale": 40 if rationale == "none" else 0,
    }  # fmt: skip
    CHOSEN.at(tmp_path / "chosen.parquet").write_rows(rows)


def test_only_train_rows_are_chosen_and_unlabelled_ones_with_teacher_labels():
    splits = ("train", "validation", "test", "exemplar")
    examples = [example(split, split) for split in splits]
    examples += [example("asked", "unlabelled", None, None), example("not", "unlabelled", None)]
    parsed_rows = [parsed(id_) for id_ in ("train", "validation", "test", "asked")]
    assert [row["id"] for row in choose(examples, parsed_rows)[0]] == ["asked", "train"]
    assert [row["id"] for row in choose(examples, parsed_rows, label="gold")[0]] == ["train"]


def test_a_row_without_a_teacher_label_is_left_out_and_one_without_a_rationale_stays():
    parsed_rows = [parsed("r0", None), parsed("r1", rationale=None), *PARSED[2:-1]]
    rows, metrics = choose(EXAMPLES, parsed_rows)
    chosen = {row["id"]: row["rationale"] for row in rows}
    assert "r0" not in chosen
    assert IDS[-1] not in chosen
    assert chosen["r1"] is None
    assert metrics == {
        "candidates": 40, "selected": 40, "without_label": 2, "without_rationale": 1, "rows": 38,
    }  # fmt: skip
    assert len(choose(EXAMPLES, parsed_rows, label="gold")[0]) == 40


def test_the_first_sample_counts():
    parsed_rows = [parsed("r0", "second", sample=1), parsed("r0", "first"), *PARSED[1:]]
    assert {row["id"]: row["label"] for row in choose(EXAMPLES, parsed_rows)[0]}["r0"] == "first"


@given(st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=30), st.data())
def test_fractions_are_nested_and_the_same_for_every_source(ids, data):
    small, large = sorted(data.draw(st.tuples(*[st.floats(0.01, 1)] * 2)))
    examples, parsed_rows = [example(id_) for id_ in ids], [parsed(id_) for id_ in ids]
    chosen = [
        {row["id"] for row in choose(examples, parsed_rows, fraction, label)[0]}
        for fraction in (small, large)
        for label in ("gold", "teacher")
    ]
    assert chosen[0] == chosen[1] <= chosen[2] == chosen[3]
    assert len(chosen[0]) == max(1, int(len(ids) * small + 0.5))


def test_validation_rows_are_the_validation_split_with_gold_labels():
    splits = ("train", "validation", "test", "exemplar", "unlabelled")
    examples, said = [example(split, split) for split in splits], [parsed(s) for s in splits]
    rows = validation_rows(examples, said)
    assert rows == [{"id": "validation", "query": "query validation", "label": "gold"}]
    assert validation_rows(EXAMPLES, []) == []


def test_validation_rows_without_gold_have_the_teachers_first_label_or_are_left_out():
    examples = [example(id_, "validation", label=None) for id_ in ("a", "b", "c")]
    said = [parsed("a", "one"), parsed("a", "two", sample=1), parsed("b", None)]
    assert validation_rows(examples, said) == [{"id": "a", "query": "query a", "label": "one"}]


def test_a_fraction_does_not_depend_on_order():
    rows, _ = choose(EXAMPLES, PARSED, 0.3)
    again, _ = choose(EXAMPLES[::-1], PARSED[::-1], 0.3)
    assert rows == again
    assert len(rows) == 12


@pytest.mark.parametrize(
    ("change", "parsed_rows", "message"),
    [
        ({}, [parsed(id_, None) for id_ in IDS], "teacher label.*reply: rationale.*gold"),
        ({}, [], "teacher label"),
        ({}, [parsed(id_, rationale=None) for id_ in IDS], "teacher rationale.*reply: label"),
        ({}, [parsed("stranger")], "stranger"),
    ],
)
def test_what_cannot_be_done_is_said(change, parsed_rows, message):
    with pytest.raises(StillhouseError, match=message):
        choose(EXAMPLES, parsed_rows, **change)


def test_gold_that_is_not_there_is_said():
    bare = [example("a", label=None, gold_rationale=None)]
    with pytest.raises(StillhouseError, match="gold label"):
        choose(bare, [parsed("a")], label="gold")
    with pytest.raises(StillhouseError, match=r"gold rationale.*fields\.rationale"):
        choose(bare, [parsed("a")], rationale="gold")


def verdict(id_, teacher, student, asked="teacher_first"):
    return {"id": id_, "asked": asked, "teacher_score": teacher, "student_score": student}


def swapped(id_, first, second):
    """Two verdicts on one row: teacher and student score in one order, then in the other."""
    return [verdict(id_, *first), verdict(id_, *second, asked="student_first")]


VERDICTS = [
    *swapped("r0", (9, 5), (8, 6)),  # a mean gap of 3
    *swapped("r1", (9, 7), (8, 8)),  # of exactly 1
    *swapped("r2", (5, 9), (9, 5)),  # of 0, whatever the order
    *swapped("r3", (9, 1), (None, None)),  # one order alone says nothing
    verdict("r4", None, None, "equal"),
]


def difficulty(**rule):
    rows, metrics = choose(EXAMPLES, PARSED, verdicts=VERDICTS, **rule)
    return {row["id"]: row["difficulty"] for row in rows if row["id"] in IDS[:5]}, metrics


def test_hard_is_a_gap_of_the_mean_scores_above_tau():
    found, metrics = difficulty(feedback="hard")
    assert {id_: found[id_] for id_ in IDS[:5]} == {
        "r0": "hard", "r1": "easy", "r2": "easy", "r3": None, "r4": "easy",
    }  # fmt: skip
    assert (metrics["hard"], metrics["easy"], metrics["without_verdict"]) == (1, 3, 36)
    assert metrics["rows"] == 40  # all of them still train


@pytest.mark.parametrize(
    ("tau", "hard_at_tau", "hard"),
    [
        (1.0, True, {"r0", "r1"}),
        (3.0, False, set()),
        (3.0, True, {"r0"}),
        (0.0, False, {"r0", "r1"}),
    ],
)
def test_tau_and_what_counts_at_it(tau, hard_at_tau, hard):
    found, _ = difficulty(feedback="mixed", tau=tau, hard_at_tau=hard_at_tau)
    assert {id_ for id_, value in found.items() if value == "hard"} == hard


def test_wrong_is_what_the_metric_found_whatever_tau_is():
    verdicts = [verdict("r0", None, 0.0, "metric"), verdict("r1", None, 1.0, "metric")]
    rows, metrics = choose(EXAMPLES, PARSED, feedback="wrong", verdicts=verdicts, tau=9.0)
    found = {row["id"]: row["difficulty"] for row in rows}
    assert (found["r0"], found["r1"], found["r2"]) == ("hard", "easy", None)
    assert metrics["without_verdict"] == 38


def test_without_feedback_no_row_is_hard():
    rows, metrics = choose(EXAMPLES, PARSED, verdicts=VERDICTS)
    assert {row["difficulty"] for row in rows} == {None}
    assert "hard" not in metrics


NUMBERS = [example("right", label="(3 + 4)"), example("wrong", label="(3 + 4)")]
REASONED = [
    parsed("right", label="(3 + 4)", rationale="3 + 4 = 7."),
    parsed("wrong", label="(3 * 4)", rationale="3 * 4 = 12."),
]


def test_the_filter_takes_a_rationale_that_ends_on_another_answer_and_keeps_its_row():
    rows, metrics = choose(NUMBERS, REASONED, label="gold", filter_="consistent", metric="equation")
    assert {row["id"]: row["rationale"] for row in rows} == {"right": "3 + 4 = 7.", "wrong": None}
    assert {row["label"] for row in rows} == {"(3 + 4)"}
    assert metrics["inconsistent_rationale"] == metrics["without_rationale"] == 1
    unfiltered, counts = choose(NUMBERS, REASONED, label="gold", metric="equation")
    assert [row["rationale"] for row in unfiltered] == ["3 + 4 = 7.", "3 * 4 = 12."]
    assert "inconsistent_rationale" not in counts


def test_the_filter_holds_a_teachers_rationale_against_its_own_label_and_never_gold():
    other_gold = [row | {"label": "(5 - 1)"} for row in NUMBERS]
    for examples in (NUMBERS, other_gold):
        rows, metrics = choose(
            examples, REASONED, label="teacher", filter_="consistent", metric="equation"
        )
        assert [row["rationale"] for row in rows] == ["3 + 4 = 7.", "3 * 4 = 12."]
        assert metrics["inconsistent_rationale"] == 0


def test_a_filter_that_leaves_nothing_says_so():
    vague = [parsed(id_, label="(3 + 4)", rationale="Count all.") for id_ in ("right", "wrong")]
    with pytest.raises(StillhouseError, match=r"all 2 end on another answer"):
        choose(NUMBERS, vague, label="gold", filter_="consistent", metric="equation")


@pytest.mark.parametrize("source", ["gold", "teacher"])
def test_only_rows_that_the_teacher_got_right(source):
    examples = [*EXAMPLES[:4], example("asked", "unlabelled", None)]
    said = {"r0": "gold", "r1": " GOLD.", "r2": "other", "r3": None, "asked": "gold"}
    parsed_rows = [parsed(id_, label) for id_, label in said.items()]
    rows, metrics = choose(examples, parsed_rows, label=source, label_filter="correct")
    assert [row["id"] for row in rows] == ["r0", "r1"]
    assert metrics["rows"] == 2
    assert metrics["incorrect_label"] + metrics["without_label"] == metrics["selected"] - 2
    with pytest.raises(StillhouseError, match="leaves no row"):
        choose(EXAMPLES[:1], [parsed("r0", None)], label="gold", label_filter="correct")
