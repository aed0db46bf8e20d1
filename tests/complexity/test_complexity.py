"""How complex test questions are: every one is asked about once, and no score is guessed."""

from typing import Any

import pytest

from stillhouse.complexity.complexity import rate_complexity
from stillhouse.config.judge import JudgeConf, judging_model
from stillhouse.config.whole import load_all, load_entry
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import COMPLEXITY
from stillhouse.store.store import Store
from tests.config.project import write_project
from tests.conftest import REPOSITORY
from tests.evaluate.test_scoring import row
from tests.teacher_generate.helpers import teacher

SAID = (
    "{% if 'integral' in prompt %}Complexity: 5{% elif 'prose' in prompt %}It is rather complex."
    "{% elif 'six' in prompt %}Complexity: 6{% else %}Few steps.\nComplexity: 1{% endif %}"
)


def question(id_: str, query: str, split: str = "test") -> dict[str, Any]:
    return row(id_, "1", split) | {"query": query}


ROWS = [
    question("t", "What is 9 - 3?", "train"),
    question("a", "What is 1 + 1?"),
    question("b", "What is this integral?"),
    question("c", "Say it in prose."),
    question("d", "Is it six?"),
]


def rated(tmp_path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    judge = load_entry(JudgeConf, "complexity", REPOSITORY)
    model = judging_model(judge, teacher(model={"source": f"scripted:{SAID}"}))
    return rate_complexity(ROWS, judge, model, Store(tmp_path / "store"))


def test_mean_and_median_are_of_the_test_questions_that_have_a_score(tmp_path):
    table, metrics = rated(tmp_path)
    assert {each["id"]: each["score"] for each in table} == {"a": 1, "b": 5, "c": None, "d": None}
    assert (metrics["rows"], metrics["rated"]) == (4, 2)
    assert metrics["mean"] == metrics["median"] == 3
    assert 1 <= metrics["mean_low"] < 3 < metrics["mean_high"] <= 5
    place = COMPLEXITY.at(tmp_path / "complexity.parquet")
    place.write_rows(table)
    assert len(place.read_rows()) == 4


def test_a_score_of_zero_is_a_score(tmp_path):
    judge = load_entry(JudgeConf, "complexity", REPOSITORY).model_copy(update={"scale": (0.0, 4.0)})
    model = judging_model(judge, teacher(model={"source": "scripted:Complexity: 0"}))
    _, metrics = rate_complexity(ROWS, judge, model, Store(tmp_path))
    assert (metrics["rated"], metrics["mean"], metrics["mean_low"]) == (4, 0, 0)


def test_without_any_score_there_is_no_mean(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.complexity.test_complexity.SAID", "Who knows?")
    _, metrics = rated(tmp_path)
    assert metrics == {"rows": 4, "rated": 0}


def test_without_the_judge_of_complexity_it_is_refused_before_anything_runs(tmp_path):
    root = write_project(tmp_path, complexity=True)
    with pytest.raises(StillhouseError, match="`stillhouse add judge complexity` brings it"):
        load_all(root)
