"""Models asked about the test rows as they are: what is asked, and what their answers are worth."""

from typing import Any

import pyarrow as pa
import pytest

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.config.whole import load_entry
from stillhouse.core.tables import ZERO_SHOT
from stillhouse.store.store import Store
from stillhouse.teacher_generate.generate import generate
from stillhouse.zero_shot.zero_shot import Asked, zero_shot
from tests.conftest import REPOSITORY
from tests.teacher_generate.helpers import teacher

COLOURS = ["red", "blue"]


def dataset() -> DatasetConf:
    return DatasetConf.model_validate(
        {
            "description": "Colours",
            "licence": "none",
            "source": "file:data/raw/colours.jsonl",
            "splits": {"train": {"read": ["a"]}, "test": {"read": ["b"]}},
            "task": "classification",
            "fields": {"query": "{{ text }}", "label": "{{ label }}", "choices": COLOURS},
            "answer": {"metric": "choice"},
        }
    )


def example(id_: str, query: str, label: str, split: str = "test") -> dict[str, Any]:
    return {
        "id": id_,
        "split": split,
        "query": query,
        "label": label,
        "choices": COLOURS,
        "group": None,
        "gold_rationale": None,
        "meta": None,
    }


ROWS = [
    example("t0", "A tomato", "red", "train"),
    example("v0", "A cherry", "red", "validation"),
    example("s0", "The sky", "blue"),
    example("s1", "A poppy", "red"),
    example("s2", "The sea", "blue"),
]


def prompt(name: str) -> PromptConf:
    return load_entry(PromptConf, name, REPOSITORY)


def asked(name: str, said: str, **other: Any) -> Asked:
    model = teacher(model={"name": "m", "source": f"scripted:{said}"}, **other)
    return Asked(name, model, prompt(name.split(":")[1]))


def test_an_answer_that_is_not_understood_is_wrong_and_counted_apart(tmp_path):
    said = "{% if 'poppy' in prompt %}No idea at all{% else %}blue{% endif %}"
    table, metrics = zero_shot(
        [asked("teacher:vanilla", said)], dataset(), ROWS, [], Store(tmp_path)
    )
    found = metrics["teacher:vanilla"]
    assert {row["id"]: row["score"] for row in table} == {"s0": 1.0, "s1": 0.0, "s2": 1.0}
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert (found["parsed"], found["accuracy_of_parsed"]) == (2, 1.0)
    assert found["status"]["ok"] == pytest.approx(2 / 3)
    assert sum(found["status"].values()) == pytest.approx(1)
    assert found["requests"] == 3
    assert found["completion_tokens"] > 0


def test_only_test_rows_are_asked_about_and_nobody_is_told_their_label(tmp_path, monkeypatch):
    seen: list[list[Any]] = []

    def watched(prompts: pa.Table, *others: Any, **options: Any) -> Any:
        seen.append(prompts.to_pylist())
        return generate(prompts, *others, **options)

    monkeypatch.setattr("stillhouse.zero_shot.zero_shot.generate", watched)
    turned = [row | {"label": "red" if row["label"] == "blue" else "blue"} for row in ROWS]
    for rows in (ROWS, turned):
        zero_shot([asked("teacher:vanilla", "blue")], dataset(), rows, [], Store(tmp_path))
    assert [row["id"] for row in seen[0]] == ["s0", "s1", "s2"]
    assert seen[0] == seen[1]


def test_models_and_prompts_stand_apart_in_one_table(tmp_path):
    json = '{"reason": "It looks so.", "answer": "red"}'
    models = [
        asked("teacher:vanilla", "blue"),
        asked("teacher:elaborate", json),
        asked("student:vanilla", "red", format="plain"),
    ]
    table, metrics = zero_shot(models, dataset(), ROWS, [], Store(tmp_path / "store"))
    assert list(metrics) == ["teacher:vanilla", "teacher:elaborate", "student:vanilla"]
    assert metrics["teacher:elaborate"]["accuracy"] == pytest.approx(1 / 3)
    place = ZERO_SHOT.at(tmp_path / "zero_shot.parquet")
    place.write_rows(table)
    assert len(place.read_rows()) == 9


def test_one_completion_is_asked_for_even_where_the_teacher_gives_several(tmp_path):
    several = asked(
        "teacher:vanilla", "blue", decoding={"samples": 5, "temperature": 1.0, "max_tokens": 8}
    )
    _, metrics = zero_shot([several], dataset(), ROWS, [], Store(tmp_path))
    assert metrics["teacher:vanilla"]["requests"] == 3


def test_nothing_is_asked_where_no_model_is_named(tmp_path):
    assert zero_shot([], dataset(), ROWS[:1], [], Store(tmp_path)) == ([], {})
