"""Judging labels and predictions, by judges whose completions are known."""

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import VERDICTS
from stillhouse.feedback_judge.judging import JudgedRow, judge_rows, rows_to_judge
from stillhouse.feedback_split.difficulty import difficulties
from tests.feedback_judge.judges import judge
from tests.feedback_split.test_split import example, parsed
from tests.teacher_generate.helpers import store, teacher

BY_LENGTH = (
    "{% set lines = messages[-1].content.split('\n') %}"
    "Score of 1: {{ [lines[-2] | length, 10] | min }}\n"
    "Score of 2: {{ [lines[-1] | length, 10] | min }}"
)
FIRST_ALWAYS = "Score of 1: 9\nScore of 2: 4"
NO_VERDICT = "I cannot say."


def to_judge(id_, teacher="five", student="six", gold="five"):
    return JudgedRow(id_, f"query {id_}", (), gold, teacher, student)


def judged(rows, completion=BY_LENGTH, feedback="hard", form="pairwise", folder=None, **changes):
    model = teacher(model={"source": f"scripted:{completion}"})
    found, metrics = judge_rows(
        rows, feedback, "exact", judge(form, **changes), model, store=store(folder)
    )
    return {(row["id"], row["asked"]): row for row in found}, metrics


def scores(row):
    return row["teacher_score"], row["student_score"]


def test_swapped_orders_are_both_asked_and_put_back(tmp_path):
    found, metrics = judged([to_judge("a", "longer", "no")], folder=tmp_path)
    assert scores(found["a", "teacher_first"]) == (9, 5)  # with "1: " before it
    assert scores(found["a", "student_first"]) == (9, 5)
    assert metrics["order_agreement"] == 1
    assert metrics["position_bias"] == 0
    assert metrics["prefers_first"] == metrics["prefers_second"] == 0.5
    assert (metrics["asked"], metrics["missing"], metrics["judged"]) == (2, 0, 1)
    VERDICTS.at(tmp_path / "verdicts.parquet").write_rows(found.values())


def test_a_judge_that_always_prefers_the_first_finds_nothing_hard(tmp_path):
    rows = [to_judge(f"r{n}", f"teacher {n}", f"student {n}") for n in range(6)]
    found, metrics = judged(rows, FIRST_ALWAYS, folder=tmp_path)
    assert metrics["order_agreement"] == 0
    assert metrics["prefers_first"] == 1
    assert metrics["position_bias"] == 5
    hard = difficulties(found.values(), "hard", tau=0.0, hard_at_tau=False)
    assert set(hard.values()) == {"easy"}


def test_malformed_verdicts_are_missing_and_never_scores(tmp_path):
    rows = [to_judge("a"), to_judge("b", student="seven")]
    completion = "{% if 'seven' in prompt %}" + FIRST_ALWAYS + "{% else %}Score of 1: 9{% endif %}"
    found, metrics = judged(rows, completion, folder=tmp_path)
    assert scores(found["a", "teacher_first"]) == (None, None)
    assert metrics["missing"] == 0.5
    assert metrics["judged"] == 1
    assert difficulties(found.values(), "hard", tau=0.0, hard_at_tau=False) == {"b": "easy"}
    _, none = judged(rows, NO_VERDICT, folder=tmp_path / "other")
    assert none["missing"] == 1
    assert "order_agreement" not in none


def test_equal_answers_are_not_asked_about(tmp_path):
    rows = [to_judge("a", student="Five."), to_judge("b", teacher=None), to_judge("c")]
    found, metrics = judged(rows, folder=tmp_path)
    assert {key[0] for key in found} == {"a", "c"}
    assert (metrics["rows"], metrics["equal"], metrics["without_teacher_answer"]) == (3, 1, 1)
    assert metrics["asked"] == 2
    assert difficulties(found.values(), "hard", tau=0.0, hard_at_tau=False)["a"] == "easy"


def test_identical_queries_are_asked_once(tmp_path, monkeypatch):
    from stillhouse.teacher_generate.backends.scripted import ScriptedTeacher

    asked = []
    complete = ScriptedTeacher._complete
    monkeypatch.setattr(
        ScriptedTeacher, "_complete", lambda self, r: (asked.append(r.id), complete(self, r))[1]
    )
    twins = [JudgedRow(id_, "the same", (), "five", "five", "six") for id_ in "ab"]
    found, _ = judged(twins, folder=tmp_path)
    assert len(asked) == 2
    assert scores(found["a", "teacher_first"]) == scores(found["b", "teacher_first"])
    judged(twins, folder=tmp_path)
    assert len(asked) == 2  # from the store


@pytest.mark.parametrize(
    ("form", "completion", "expected"),
    [
        (
            "reference",
            "Verdict: {{ 'correct' if 'said: five' in prompt else 'incorrect' }}",
            (1, 0),
        ),
        ("answer", "Rating: {{ 5 if ': five' in prompt else 2 }}", (5, 2)),
    ],
)
def test_judges_of_one_answer_score_each_by_itself(form, completion, expected, tmp_path):
    found, _ = judged([to_judge("a")], completion, form=form, folder=tmp_path)
    assert scores(found["a", "teacher"]) == (expected[0], None)
    assert scores(found["a", "student"]) == (None, expected[1])
    assert difficulties(found.values(), "hard", tau=0.0, hard_at_tau=False) == {"a": "hard"}


def test_wrong_compares_with_gold_and_asks_nobody(tmp_path):
    rows = [to_judge("a"), to_judge("b", student="five"), to_judge("c", gold=None)]
    found, metrics = judged(rows, "{{ nobody }}", "wrong", folder=tmp_path)
    assert {key: row["student_score"] for key, row in found.items()} == {
        ("a", "metric"): 0,
        ("b", "metric"): 1,
    }
    assert metrics == {"rows": 3, "student_accuracy": 0.5}
    with pytest.raises(StillhouseError, match="none of the 1 chosen rows has one"):
        judged([to_judge("c", gold=None)], feedback="wrong", folder=tmp_path)


def test_no_feedback_no_verdicts(tmp_path):
    assert judged([to_judge("a")], "{{ nobody }}", "none", folder=tmp_path) == ({}, {"rows": 0})


def test_what_cannot_be_judged_is_said(tmp_path):
    with pytest.raises(StillhouseError, match="form `query`"):
        judged([to_judge("a")], form="query", folder=tmp_path)
    with pytest.raises(StillhouseError, match="reply: rationale"):
        judged([to_judge("a", teacher=None)], folder=tmp_path)


def test_labels_and_predictions_are_paired_by_id_and_test_rows_are_refused():
    examples = [example("a"), example("b"), example("t", "test")]
    given = [{"id": "b", "prediction": "mine"}]
    (row,) = rows_to_judge(examples, [parsed("a"), parsed("b", "theirs")], given)
    assert (row.id, row.teacher, row.student, row.gold) == ("b", "theirs", "mine", "gold")
    with pytest.raises(StillhouseError, match="test row 't'"):
        rows_to_judge(examples, [], [{"id": "t", "prediction": "x"}])
    with pytest.raises(StillhouseError, match="stranger"):
        rows_to_judge(examples, [], [{"id": "stranger", "prediction": "x"}])
