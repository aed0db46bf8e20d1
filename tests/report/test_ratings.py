"""Ratings of conversations through the report: of the rows that a judge rated of every student."""

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.report.notes import notes
from stillhouse.report.ratings import rated_scores, with_ratings
from tests.report.results import ANSWER, example, report, stages
from tests.report.test_table import flat, printed

RATED = ANSWER.model_copy(update={"metric": "rating"})
ROWS = 30


def rating(model, id_, value, turn=1):
    return {"model": model, "id": id_, "turn": turn, "rating": value}


def figures(mean, unrated=0):
    return {
        "rows": ROWS, "rated": ROWS - unrated, "unrated": unrated, "rating": mean,
        "rating_low": mean - 0.2, "rating_high": mean + 0.2,
    }  # fmt: skip


def rated_report(*, teacher=True, missing=()):
    ids = [f"r{n:02}" for n in range(ROWS)]
    worth = {"untrained": 1.5, "seed=0": 3.0} | ({"teacher": 4.0} if teacher else {})
    ratings = [
        rating(model, id_, None if (model, id_) in missing else value + (n % 3 - 1) / 2)
        for model, value in worth.items()
        for n, id_ in enumerate(ids)
    ]
    made = stages()
    made["baseline"] = {"untrained": {"rows": ROWS, "turns": ROWS, "answered": 0.4}}
    made["references"] = {}
    made["parse"] = {"rows": 8, "status": {"ok": 1.0}}
    made["parse"] |= {"test": {"rows": ROWS, "status": {"ok": 1.0}}} if teacher else {}
    tables = {name: [{"id": id_, "score": 0.5} for id_ in ids] for name in ("untrained", "seed=0")}
    return report(
        made,
        {0: {"rows": ROWS, "turns": ROWS, "mean_answer_tokens": 12.0}},
        [*(example(id_, "test", None) for id_ in ids), example("t0", "train")],
        tables,
        answer=RATED,
        ratings=ratings,
        rated={model: figures(value) for model, value in worth.items()}
        | ({"untrained": figures(1.5, 2)} if missing else {}),
    )


def test_models_are_compared_by_their_ratings_and_not_by_how_turns_ended():
    found = rated_report()
    assert found["measure"] == "rating"
    assert found["student"]["rating"] == pytest.approx(3.0)
    assert found["against"]["untrained"]["difference"] == pytest.approx(1.5)
    assert found["against"]["teacher"]["difference"] == pytest.approx(-1.0)
    text = flat(printed(found))
    assert "Rating on 30 test rows" in text
    assert "rating 3.00 against 1.50" in text
    assert "The teacher scores higher" in text
    assert "%" not in text.partition("The student's interval")[0].replace("95%", "")


def test_without_its_test_rows_the_teacher_is_not_there():
    found = rated_report(teacher=False)
    assert "teacher" not in found["against"]


def test_a_conversation_that_is_not_rated_of_every_student_counts_for_none():
    missing = {("untrained", "r00"), ("untrained", "r01")}
    found = rated_report(missing=missing)
    assert found["student"]["rows"] == ROWS - 2
    assert found["against"]["untrained"]["rows"] == ROWS - 2
    told = " ".join(notes(found))
    assert "no verdict on 2 of 90 replies, which are left out (untrained 2)" in told


def test_nothing_that_all_have_is_an_error():
    rows = [rating("untrained", "a", 3.0), rating("seed=0", "b", 3.0)]
    with pytest.raises(StillhouseError, match="rated no test conversation of all of untrained, s"):
        rated_scores(rows, ["untrained", "seed=0"])


def test_without_ratings_nothing_changes():
    made = stages()
    assert with_ratings(made, {0: {"accuracy": 0.5}}, {}) == (made, {0: {"accuracy": 0.5}})
