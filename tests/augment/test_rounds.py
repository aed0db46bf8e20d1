"""Rounds with feedback: the student is trained on what there is, and what it finds hard is next."""

from collections import Counter

import pytest

from stillhouse.augment.augment import training_rows
from stillhouse.core.errors import StillhouseError
from stillhouse.feedback_predict import predict
from stillhouse.feedback_predict.student import feedback_student, read_feedback_student
from stillhouse.store.store import Store
from stillhouse.teacher_generate.backends.scripted import ScriptedTeacher
from tests.augment.project import EXAMPLES, EXEMPLARS, TRAIN, augment, chosen_row, config
from tests.feedback_judge.judges import judge
from tests.students.conftest import local_models, make_conf
from tests.teacher_generate.helpers import store

__all__ = ["local_models", "make_conf"]  # fixtures

CHOSEN = [chosen_row(row, ("hard", "easy")[place % 2]) for place, row in enumerate(TRAIN)]
PARSED = [
    {"id": row["id"], "sample": sample, "label": "3" if sample == 0 else "4"}
    for row in TRAIN
    for sample in (0, 1)
]
PROMPT = "New one: {{ query }}"
LOOP = {"feedback": "wrong", "tau": 1.0, "hard_at_tau": False, "synthetic": 6}


@pytest.fixture
def seeds(monkeypatch):
    """The seed queries that the teacher was asked for new ones from, in order."""
    found = []
    complete = ScriptedTeacher._complete

    def noted(self, request):
        text = request.messages[-1].content
        if text.startswith("New one"):
            found.append(text.partition(": ")[2])
        return complete(self, request)

    monkeypatch.setattr(ScriptedTeacher, "_complete", noted)
    return found


@pytest.fixture
def students(monkeypatch):
    """Students that know the label of some queries by their words: `predictions` says what each
    row gets, `trained` what each student was trained on.
    """

    class Students:
        def __init__(self):
            self.trained, self.hard = [], lambda query: False

        def predictions(self, rows, conf, share):
            assert share == 1.0
            for training, asked in predict.plan(rows, share):
                ids = {row["id"] for row in training}
                assert not ids & {row["id"] for row in asked}
                self.trained.append(ids)
            return [
                {"id": row["id"], "prediction": "no" if self.hard(row["query"]) else label(row)}
                for row in rows
            ]

    def label(row):
        return row["label"] or "3"

    made = Students()
    monkeypatch.setattr("stillhouse.augment.rounds.student_predictions", made.predictions)
    return made


def grow(folder, student="student", rounds=2, chosen=CHOSEN, **changes):
    settings = LOOP | {"augment": augment(rounds=rounds)} | changes
    kept = folder if isinstance(folder, Store) else store(folder)
    rows, metrics = training_rows(
        chosen, EXAMPLES, EXEMPLARS, config(**settings), kept, parsed=PARSED, student=student
    )
    return [row for row in rows if row["origin"] == "synthetic"], metrics


def test_the_next_seeds_are_the_rows_that_the_trained_student_finds_hard(tmp_path, seeds, students):
    students.hard = lambda query: "t1 " in query or query.startswith("Take")
    rows, metrics = grow(tmp_path)
    assert len(rows) == 6
    first, second = seeds[:3], seeds[3:]
    hard = {row["query"] for row in CHOSEN if row["difficulty"] == "hard"}
    assert set(first) <= hard
    new = {row["query"] for row in rows[:3]}
    expected = new | {TRAIN[1]["query"]}
    assert set(second) <= expected
    assert TRAIN[1]["query"] not in hard
    counts = metrics["rounds"]["2"]
    assert counts == {"trained_on": 9, "hard": 4, "easy": 5, "without_verdict": 0}
    # Each half by a student of the other: together they are all rows so far.
    one, other = students.trained
    assert one | other == {row["id"] for row in CHOSEN} | {row["id"] for row in rows[:3]}
    assert not one & other


def test_one_round_and_rounds_without_feedback_train_nobody(tmp_path, students):
    once, metrics = grow(tmp_path, rounds=1)
    assert "rounds" not in metrics
    assert once == grow(tmp_path, rounds=1, student=None)[0]
    without = [chosen_row(row) for row in TRAIN]
    rows, metrics = grow(tmp_path, rounds=2, student=None, feedback="none", chosen=without)
    assert (len(rows), "rounds" in metrics) == (6, False)
    assert students.trained == []


def test_a_seed_that_is_hard_again_is_asked_for_further_queries(tmp_path, seeds, students):
    students.hard = lambda query: not query.startswith("Take")
    only = [chosen_row(TRAIN[0], "hard")]
    rows, metrics = grow(tmp_path, chosen=only, synthetic=4)
    assert Counter(seeds) == {TRAIN[0]["query"]: 4}  # two a round, none of them twice
    assert len({row["query"] for row in rows}) == 4
    assert metrics["asked"] == 4
    rows, metrics = grow(tmp_path, chosen=only, synthetic=6)
    assert (len(rows), metrics["shortfall"]) == (4, 2), "queries_per_seed holds for all rounds"


def test_what_a_round_lacks_the_next_one_makes_up(tmp_path, students):
    students.hard = lambda query: True
    only = [chosen_row(TRAIN[0], "hard")]
    settings = augment(rounds=2, queries_per_seed=2)
    rows, metrics = grow(tmp_path, chosen=only, synthetic=8, augment=settings)
    assert metrics["rounds"]["2"]["trained_on"] == 3  # where four were due
    assert len(rows) == 2 + 4


def test_mixed_feedback_keeps_its_shares_in_every_round(tmp_path, seeds, students):
    students.hard = lambda query: "Take" in query
    lines = [f"Score of {n}: {{{{ 1 if '{n}: no' in prompt else 9 }}}}" for n in (1, 2)]
    model = {"name": "judge", "source": "scripted:" + "\n".join(lines)}
    asked = {"model": model, "format": "plain", "context": 500}
    prompts = {"hard": {"prompt": PROMPT}, "easy": {"prompt": f"New one, rarer{PROMPT[7:]}"}}
    settings = augment(rounds=2, prompts=prompts)
    mixed = {
        "feedback": "mixed", "hard_share": 0.5, "synthetic": 8,
        "judge": judge("pairwise", teacher=asked, compute={"backend": "scripted"}),
    }  # fmt: skip
    rows, metrics = grow(tmp_path, augment=settings, **mixed)
    assert len(rows) == 8
    hard = {row["query"] for row in CHOSEN if row["difficulty"] == "hard"}
    assert Counter(query in hard for query in seeds[:4]) == {True: 2, False: 2}
    assert metrics["rounds"]["2"] == {
        "trained_on": 10, "hard": 4, "easy": 6, "without_verdict": 0,
    }  # fmt: skip
    new = {row["query"] for row in rows}
    assert Counter(query in new for query in seeds[4:]) == {True: 2, False: 2}


def test_without_the_real_rows_the_student_trains_on_new_ones_alone(tmp_path, students):
    students.hard = lambda query: True
    _, metrics = grow(tmp_path, real=False)
    assert metrics["rounds"]["2"]["trained_on"] == 3
    *halves, rest = students.trained
    assert set().union(*halves) == rest
    assert all(id_.startswith("synthetic-") for id_ in rest)


def test_a_run_that_ended_goes_on_without_asking_again(tmp_path, seeds, students):
    students.hard = lambda query: len(query) % 2 == 0 or query.startswith("Take")
    whole = grow(tmp_path / "whole", rounds=3)
    asked = list(seeds)
    seeds.clear()

    def ended(*_):
        raise KeyboardInterrupt

    sound, students.hard = students.hard, ended
    with pytest.raises(KeyboardInterrupt):
        grow(tmp_path / "killed", rounds=3)
    students.hard = sound
    assert grow(tmp_path / "killed", rounds=3) == whole
    assert sorted(seeds) == sorted(asked)


def test_no_row_that_is_hard_ends_the_rounds_with_a_shortfall(tmp_path, students):
    rows, metrics = grow(tmp_path)
    assert len(rows) == 3
    assert metrics["shortfall"] == 3
    assert metrics["rounds"]["2"]["hard"] == 0


def test_choices_that_cannot_be_read_are_said_before_anything_is_asked(tmp_path, seeds, students):
    examples = [row | {"choices": [f"c{n}", "d"]} for n, row in enumerate(EXAMPLES)]
    first = [chosen_row(TRAIN[0], "hard"), chosen_row(TRAIN[1], "easy")]
    settings = config(**LOOP, augment=augment(rounds=2))
    with pytest.raises(StillhouseError, match="choices of its own"):
        training_rows(
            first, examples, EXEMPLARS, settings, store(tmp_path), parsed=PARSED, student="student"
        )
    assert seeds == []


@pytest.mark.slow
def test_a_real_student_is_trained_between_rounds_and_equal_runs_are_equal(tmp_path, make_conf):
    student = make_conf()
    handed = read_feedback_student(feedback_student(student), student)
    assert handed.model_dump(exclude={"description"}) == student.model_dump(exclude={"description"})
    first = grow(tmp_path / "a", student=handed)
    assert first[1]["rounds"]["2"]["hard"] > 0
    assert grow(tmp_path / "b", student=student) == first


def test_a_student_is_handed_on_whole_or_not_at_all(make_conf):
    assert read_feedback_student({}, make_conf()) is None
