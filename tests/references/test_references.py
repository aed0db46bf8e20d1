"""References: what they learn, from which rows, and where they have nothing to say."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stillhouse.config.dataset import Answer
from stillhouse.core.tables import EMBEDDINGS, REFERENCES
from stillhouse.embed.embed import _table as vectors_table
from stillhouse.references import references
from stillhouse.references.references import score_references
from tests.evaluate.test_scoring import row

COLOURS = ("red", "blue")
WORDS = {"red": ("tomato", "cherry", "poppy"), "blue": ("sky", "sea", "sapphire")}
NOISE = ("small", "large", "old", "wet", "far")
CHOICE, EXACT = Answer(metric="choice"), Answer(metric="exact")
NONE = EMBEDDINGS.schema.empty_table()


def examples(count: int, split: str, choices: tuple[str, ...] = COLOURS) -> list[dict[str, Any]]:
    """Rows whose label one of their words tells."""
    found = []
    for n in range(count):
        label = COLOURS[n % 2]
        query = f"A {NOISE[n % 5]} {WORDS[label][n % 3]}, {NOISE[n // 5 % 5]}. What colour?"
        found.append(row(f"{split}{n:03}", label, split, choices) | {"query": query})
    return found


def training(rows: list[dict[str, Any]], origin: str = "real") -> list[dict[str, Any]]:
    kept = ("id", "query", "label")
    return [{**{c: r[c] for c in kept}, "rationale": None, "origin": origin} for r in rows]


def embedded(rows: list[dict[str, Any]], *, noise: float = 0.3) -> pa.Table:
    """Vectors that tell the labels apart."""
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(len(rows), 5)) * noise
    vectors[:, 0] += [1.0 if r["label"] == "red" else -1.0 for r in rows]
    return vectors_table([r["id"] for r in rows], vectors.astype(np.float32))


def test_three_models_learn_what_words_and_vectors_tell(tmp_path):
    rows = examples(40, "train") + examples(20, "test")
    table, metrics = score_references(rows, training(rows[:40]), embedded(rows), CHOICE)
    assert list(metrics) == ["logistic_tfidf", "logistic_embeddings", "nearest_neighbour"]
    for measured in metrics.values():
        assert measured["accuracy"] == 1.0
        assert measured["accuracy_low"] < 1.0
        assert (measured["rows"], measured["trained_on"]) == (20, 40)
        assert measured["by_label"]["red"]["recall"] == 1.0
    assert metrics["nearest_neighbour"]["by"] == "embeddings"
    place = REFERENCES.at(tmp_path / "references.parquet")
    place.write_rows(table)
    assert len(place.read_rows()) == 60
    again, _ = score_references(rows[::-1], training(rows[:40])[::-1], embedded(rows[::-1]), CHOICE)
    assert {(r["model"], r["id"]) for r in again} == {(r["model"], r["id"]) for r in table}


def test_the_order_of_rows_changes_nothing():
    rows = examples(30, "train") + examples(20, "test")
    found = score_references(rows, training(rows[:30]), NONE, CHOICE)
    other = score_references(rows[::-1], training(rows[:30])[::-1], NONE, CHOICE)
    assert found[1] == other[1]
    key = lambda line: (line["model"], line["id"])  # noqa: E731
    assert sorted(found[0], key=key) == sorted(other[0], key=key)


def test_they_learn_the_labels_that_the_student_learns():
    """A teacher that mixes the colours up gives references that do."""
    rows = examples(40, "train") + examples(20, "test")
    unlabelled = [r | {"label": None} for r in rows[:40]] + rows[40:]
    swapped = [r | {"label": COLOURS[r["label"] == "red"]} for r in training(rows[:40])]
    _, metrics = score_references(unlabelled, swapped, NONE, CHOICE)
    assert [measured["accuracy"] for measured in metrics.values()] == [0.0, 0.0]


def test_without_vectors_the_nearest_are_so_by_their_words():
    rows = examples(40, "train") + examples(20, "test")
    _, metrics = score_references(rows, training(rows[:40]), NONE, CHOICE)
    assert list(metrics) == ["logistic_tfidf", "nearest_neighbour"]
    nearest = metrics["nearest_neighbour"]
    assert (nearest["by"], nearest["neighbours"], nearest["accuracy"]) == ("tfidf", 6, 1.0)


def test_new_queries_have_no_vector_and_count_for_the_words_alone():
    rows = examples(40, "train") + examples(20, "test")
    added = [r | {"id": f"new{r['id']}"} for r in training(rows[:10], "synthetic")]
    _, metrics = score_references(rows, training(rows[:40]) + added, embedded(rows), CHOICE)
    assert [m["trained_on"] for m in metrics.values()] == [50, 40, 40]
    _, metrics = score_references(rows, added, embedded(rows), CHOICE)
    assert list(metrics) == ["logistic_tfidf", "nearest_neighbour"]
    assert metrics["nearest_neighbour"]["by"] == "tfidf"


def test_validation_rows_choose_the_strength_and_how_many_vote_and_test_rows_do_not():
    rows = examples(40, "train") + examples(20, "test") + examples(10, "validation")
    vectors = embedded(rows, noise=2.0)
    _, metrics = score_references(rows, training(rows[:40]), vectors, CHOICE)
    assert metrics["logistic_tfidf"]["strength"] == 0.1  # all are equally good: the strongest
    assert metrics["nearest_neighbour"]["neighbours"] in (1, 5, 15)
    other = [
        r | {"label": COLOURS[r["label"] == "red"]} if r["split"] == "test" else r for r in rows
    ]
    _, changed = score_references(other, training(rows[:40]), vectors, CHOICE)
    for name, measured in metrics.items():
        chosen = {"strength", "neighbours"} & measured.keys()
        assert {key: measured[key] for key in chosen} == {key: changed[name][key] for key in chosen}
        assert changed[name]["accuracy"] == pytest.approx(1 - measured["accuracy"], abs=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_rows_are_learnt_from_or_left(count: int):
    rows = examples(count, "train") + examples(4, "test")
    _, metrics = score_references(rows, training(rows[:count]), embedded(rows), CHOICE)
    several = ["logistic_tfidf", "logistic_embeddings", "nearest_neighbour"]
    assert list(metrics) == {0: [], 1: several[2:], 2: several, 3: several}[count]


def test_one_class_alone_is_left_to_the_majority():
    rows = [r | {"label": "red"} for r in examples(8, "train")] + examples(4, "test")
    _, metrics = score_references(rows, training(rows[:8]), NONE, CHOICE)
    assert list(metrics) == ["nearest_neighbour"]
    assert metrics["nearest_neighbour"]["accuracy"] == 0.5


def test_rows_that_are_like_none_get_the_most_frequent_label():
    rows = [*examples(9, "train"), row("t", "red", choices=COLOURS) | {"query": "???"}]
    table, _ = score_references(rows, training(rows[:9]), NONE, CHOICE)
    assert {line["prediction"] for line in table if line["model"] == "nearest_neighbour"} == {"red"}


def test_queries_without_any_word_do_not_end_it():
    rows = [r | {"query": "?" * (n + 1)} for n, r in enumerate(examples(6, "train"))]
    rows += examples(4, "test")
    _, metrics = score_references(rows, training(rows[:6]), NONE, CHOICE)
    assert set(metrics) == {"logistic_tfidf", "nearest_neighbour"}


def test_a_dataset_without_labelled_test_rows_has_no_references():
    rows = examples(6, "train") + [r | {"label": None} for r in examples(4, "test")]
    assert score_references(rows, training(rows[:6]), embedded(rows), CHOICE) == ([], {})


def test_choices_of_each_rows_own_are_scored_one_by_one():
    """The right choice is the edible one, wherever it stands."""
    food, other = ("bread", "soup", "rice", "cake"), ("stone", "chair", "paper", "nail")
    rows = []
    for n in range(60):
        own = (food[n % 4], other[n // 2 % 4], other[(n + 1) // 2 % 4 - 1])
        choices = tuple(dict.fromkeys(own[n % 3 :] + own[: n % 3]))
        listed = " ".join(f"({'abc'[place]}) {text}" for place, text in enumerate(choices))
        query = f"Q{n}: what to eat?\n{listed}"
        made = row(f"r{n:02}", food[n % 4], "train" if n < 40 else "test", choices)
        rows.append(made | {"query": query})
    new = [{"id": "new", "query": "What?", "label": "bread", "rationale": None, "origin": "s"}]
    table, metrics = score_references(rows, training(rows[:40]) + new, embedded(rows), CHOICE)
    assert list(metrics) == ["logistic_tfidf"]
    assert metrics["logistic_tfidf"]["accuracy"] == 1.0
    assert metrics["logistic_tfidf"]["trained_on"] == 40  # the new row's choices are not known
    assert len(table) == 20
    valid = [r | {"split": "validation"} if r["split"] == "train" else r for r in rows[30:]]
    _, chosen = score_references(rows[:30] + valid, training(rows[:30]), NONE, CHOICE)
    assert chosen["logistic_tfidf"]["strength"] == 0.1


def test_free_answers_are_those_of_the_nearest_row():
    rows = [
        row(f"r{n}", str(n * n), "train") | {"query": f"A shop sells {n} {NOISE[n % 5]} {w}s."}
        for n, w in enumerate(("tomato", "cherry", "sapphire", "poppy"))
    ]
    rows.append(row("t", "4") | {"query": "A shop sells 2 old sapphires."})
    table, metrics = score_references(rows, training(rows[:4]), NONE, Answer(metric="number"))
    assert list(metrics) == ["nearest_neighbour"]
    assert metrics["nearest_neighbour"]["accuracy"] == 1.0
    assert metrics["nearest_neighbour"]["neighbours"] == 1
    assert table[0]["prediction"] == "4"


def test_few_free_labels_are_classes():
    rows = examples(40, "train", ()) + examples(20, "test", ())
    _, metrics = score_references(rows, training(rows[:40]), NONE, EXACT)
    assert metrics["logistic_tfidf"]["accuracy"] == 1.0
    assert "by_label" not in metrics["logistic_tfidf"]


def test_of_too_much_text_a_nested_part_is_taken(monkeypatch):
    rows = examples(40, "train") + examples(20, "test")
    monkeypatch.setattr(references, "MOST_CHARACTERS", 600)
    _, metrics = score_references(rows, training(rows[:40]), NONE, CHOICE)
    assert 10 < metrics["logistic_tfidf"]["trained_on"] < 25


def test_many_classes_and_long_texts_take_fewer_features(monkeypatch):
    monkeypatch.setattr("stillhouse.references.models.COEFFICIENTS", 9)
    monkeypatch.setattr("stillhouse.references.features.MOST_CHARACTERS", 9)
    names = ("red", "blue", "grey")
    rows = [
        row(f"r{n:02}", names[n % 3], "train" if n < 30 else "test", names)
        | {"query": f"{names[n % 3]} {names[n % 3]} {NOISE[n % 5]}{n}"}
        for n in range(45)
    ]
    _, metrics = score_references(rows, training(rows[:30]), NONE, CHOICE)
    assert metrics["logistic_tfidf"]["accuracy"] == 1.0  # three words tell the three classes
