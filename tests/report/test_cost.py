"""What 1,000 answers cost, by tokens and by the hour, and when distilling has paid for itself."""

from typing import Any

import pytest

from stillhouse.config.teacher import Price
from stillhouse.report.cost import Rates, cost_lines, gained, paid_off, rates
from tests.report.results import contest
from tests.teacher_generate.helpers import teacher

HOSTED = Price(prompt=5.0, completion=15.0)
TOKENS = {
    "teacher": {"prompt": 400.0, "completion": 100.0},
    "teacher:vanilla": {"prompt": 100.0, "completion": 10.0},
    "student": {"prompt": 100.0, "completion": 5.0},
}
"""Of one answer: 0.0035, 0.00065 and, at the student's price, 0.000015."""


def report(**others: Any) -> dict[str, Any]:
    found = contest(100, untrained=5, teacher=90, student=80)
    found["against"]["teacher:vanilla"] = found["against"]["teacher"]
    return found | {"tokens": TOKENS, "teacher": {"requests": 1_000, "splits": {}}} | others


def by_tokens(**seconds: float) -> Rates:
    student = Price(prompt=0.1, completion=1.0)
    return Rates({"teacher": HOSTED, "student": student}, seconds, training=600.0)


def test_tokens_cost_what_they_are_counted_as():
    lines = list(cost_lines(report(), by_tokens(), 100))
    assert lines[1] == "1,000 answers of each model"
    assert [line.split() for line in lines[2:]] == [
        ["Tokens", "in", "Tokens", "out", "Money"],
        ["Teacher,", "as", "it", "labelled", "400,000", "100,000", "3.50", "USD"],
        ["Teacher,", "vanilla", "100,000", "10,000", "0.6500", "USD"],
        ["Student", "100,000", "5,000", "0.0150", "USD"],
    ]


def test_an_hour_costs_where_somebody_measured_how_long_an_answer_takes():
    own = Price(hour=3.6)
    measured = Rates({"teacher": own, "student": own}, {"student": 0.01})
    assert measured.money("student", TOKENS["student"]) == pytest.approx(0.00001)
    assert measured.money("teacher", TOKENS["teacher"]) is None


def test_distilling_has_paid_for_itself_after_so_many_answers():
    said = paid_off(report(), by_tokens())
    # 1,000 labels at 0.0035 are 3.50; an answer saves 0.00065 - 0.000015.
    assert said is not None
    assert said.startswith("Distilling cost 3.50 USD: 3.50 USD for the teacher's labels")
    assert said.endswith("It has paid for itself after 5,512 answers.")


def test_training_counts_by_the_hour_of_the_students_machine():
    paid = Price(prompt=0.1, completion=1.0, hour=6.0)
    measured = Rates({"teacher": HOSTED, "student": paid}, {"student": 0.0}, training=600.0)
    said = paid_off(report(), measured)
    assert said is not None
    assert "4.50 USD: 3.50 USD for the teacher's labels, 1.00 USD for training." in said


def test_a_student_that_costs_as_much_never_pays():
    alike = Rates({"teacher": HOSTED, "student": Price(prompt=50.0)}, {})
    assert "cost no less than the teacher's" in (paid_off(report(), alike) or "")


def test_without_prices_nothing_is_said_of_money():
    free = Rates({"teacher": Price(), "student": Price()}, {})
    assert paid_off(report(), free) is None
    assert "Money" not in "\n".join(cost_lines(report(), free, 100))


def test_what_is_gained_is_said_in_one_line():
    assert gained(report(), by_tokens()) == (
        "It has 89% of the teacher's accuracy, at 0.4% of its cost."
    )
    fast = by_tokens(teacher=2.0, student=0.1)
    assert gained(report(), fast) == (
        "It has 89% of the teacher's accuracy, at 20 times its speed and 0.4% of its cost."
    )
    served = report()
    served["against"]["teacher:vanilla"] |= {"other": 0.95}  # all of whose answers were stored
    assert "20 times its speed" in (gained(served, fast) or "")
    assert gained(contest(100, untrained=5, student=80), fast) is None


def test_seconds_are_of_the_models_that_are_named_now(student):
    conf = teacher()
    events = {
        "teacher": [
            {"purpose": "teacher", "model": "m", "asked": 10, "seconds": 5.0},
            {"purpose": "teacher", "model": "another", "asked": 10, "seconds": 50.0},
            {"purpose": "teacher", "model": "m", "asked": 0, "seconds": 0.1},
            {"purpose": None, "model": "m", "asked": 10, "seconds": 70.0},
        ],
        "student": [{"seed": 0, "rows_per_second": 4.0}, {"seed": 0, "rows_per_second": 5.0}],
    }
    found = rates(conf, student, events, {"train_student@0": 30.0, "ingest": 2.0})
    assert found.seconds == {"teacher": 0.5, "student": 0.2}
    assert found.training == 30.0


@pytest.fixture
def student() -> Any:
    from stillhouse.config.student import StudentConf
    from stillhouse.config.whole import load_entry
    from tests.conftest import REPOSITORY

    return load_entry(StudentConf, "smollm2_135m", REPOSITORY)
