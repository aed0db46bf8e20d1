"""Functions of a project's own at work: rows, scores, filters; and what goes wrong in them."""

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.ingest.examples import build_examples
from stillhouse.ingest.raw import read_splits
from stillhouse.kinds.registry import kind_of
from tests.feedback_split.test_split import EXAMPLES, IDS, PARSED, choose, example, parsed
from tests.ingest.conf import make_conf

ROWS = """
import json
from pathlib import Path


def rows(split):
    for line in Path(f"data/raw/{split}.txt").read_text().splitlines():
        yield parsed(line)


def parsed(line):
    label, _, text = line.partition(" ")
    return {"text": text, "label": label, "words": len(text.split())}
"""
OWN = {
    "source": "python:mine:rows",
    "splits": {"train": {"read": ["a", "b"]}, "test": {"hold_out_from": "train", "share": 0.5}},
    "reject": [{"when": "words > 3", "reason": "long"}],
}


def raised(function, *arguments):
    with pytest.raises(StillhouseError) as error:
        function(*arguments)
    return str(error.value)


def write_raw(project, **splits):
    folder = project.root / "data/raw"
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in splits.items():
        (folder / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")


def test_rows_go_on_as_those_of_a_file_do(project):
    project.write("mine", ROWS)
    write_raw(project, a=["yes one", "no two"], b=["no three", "yes much too long a row"])
    conf = make_conf(**OWN)
    raw = read_splits(conf)
    assert [row.where for row in raw["train"]] == [
        "python:mine:rows a row 1", "python:mine:rows a row 2",
        "python:mine:rows b row 1", "python:mine:rows b row 2",
    ]  # fmt: skip
    examples, looked = build_examples(conf, raw)
    assert {(row["query"], row["label"]) for row in examples} == {
        ("one", "yes"), ("two", "no"), ("three", "no"),
    }  # fmt: skip
    assert looked.metrics["rejects"] == {"long": 1}
    assert {row["split"] for row in examples} == {"train", "test"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            'yield {"x": 1}\n    raise ValueError("no more")',
            "`source: python:mine:rows`, split 'a', failed at row 2: stages/mine.py:3 in rows: "
            "ValueError: no more",
        ),
        ("import sys\n    sys.exit(3)\n    yield", "stages/mine.py:3 in rows: SystemExit: 3"),
        ("yield 3", "row 1 is '3', a int; stages/mine.py:1 has to give dictionaries"),
        ("yield {1: 2}", "row 1 is '{1: 2}', a dict; stages/mine.py:1 has to give dictionaries"),
        ('yield {"x": [{"y": {1}}]}', "row 1: the column 'x' holds a set (stages/mine.py:1)"),
        ("return None", "gave NoneType; stages/mine.py:1 has to yield a dictionary"),
        ("return {}", "gave dict; stages/mine.py:1 has to yield a dictionary"),
        ("return []", "gave no rows: see stages/mine.py:1"),
    ],
)
def test_what_is_no_row_names_the_users_own_line(project, body, words):
    project.write("mine", f"def rows(split):\n    {body}\n")
    assert words in raised(read_splits, make_conf(source=OWN["source"], splits=OWN["splits"]))


def test_every_call_of_the_users_is_named_and_none_of_ours(project):
    project.write("own.inner", "def third(x):\n    return 1 / x\n")
    project.write(
        "mine",
        "from own.inner import third\n\n\ndef rows(split):\n    yield {'x': third(0)}\n",
    )
    said = raised(read_splits, make_conf(source=OWN["source"], splits=OWN["splits"]))
    assert said.endswith(
        "failed at row 1: stages/mine.py:5 in rows, stages/own/inner.py:2 in third: "
        "ZeroDivisionError: division by zero"
    )


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("x = 1\ny = x / 0\n", "cannot be imported: stages/mine.py:2: ZeroDivisionError: division"),
        ("import nowhere_at_all\n", "stages/mine.py:1: ModuleNotFoundError: No module named"),
    ],
)
def test_a_module_that_cannot_be_imported_names_its_line(project, module, words):
    project.write("mine", f"{module}\n\ndef rows(split):\n    yield {{}}\n")
    assert words in raised(read_splits, make_conf(source=OWN["source"], splits=OWN["splits"]))


def test_a_metric_scores_and_reads_as_text_is_read(project):
    project.write(
        "mine",
        "def near(prediction, label):\n    return 1 - abs(len(prediction) - len(label)) / 10\n",
    )
    kind = kind_of("python:mine:near")
    assert kind.score("four", "fours") == 0.9
    assert kind.read(" Paris. ").label == "Paris"
    assert kind.canonical("Paris") == kind.canonical(" paris.")


def test_a_metric_is_given_the_choices_if_it_asks_for_them(project):
    project.write(
        "mine",
        "def place(prediction, label, choices):\n"
        "    return choices.index(prediction) / len(choices)\n",
    )
    kind = kind_of("python:mine:place", ("a", "b"))
    assert kind.score("b", "a") == 0.5
    assert kind.read("(b)").label == "b"


@pytest.mark.parametrize("value", ["None", "2", "-0.1", "'1'", "float('nan')"])
def test_a_score_that_is_none_names_the_row(project, value):
    project.write("mine", f"def score(prediction, label):\n    return {value}\n")
    said = raised(kind_of("python:mine:score").score, "p", "g")
    assert "with prediction 'p' and label 'g' returned" in said
    assert "stages/mine.py:1 has to return a number in [0, 1]" in said


FILTER = """
def keep(row):
    return row["gold_label"] == row["teacher_label"] and row["split"] == "train"


def short(row):
    row["choices"].append("changed")
    return len(row["rationale"]) < 5
"""


def test_a_filter_of_labels_keeps_rows_and_counts_the_others(project):
    project.write("mine", FILTER)
    right = [parsed(id_, label="gold" if n % 4 else "teacher") for n, id_ in enumerate(IDS)]
    rows, metrics = choose(EXAMPLES, right, label_filter="python:mine:keep")
    assert [row["id"] for row in rows] == sorted(
        row["id"] for row in right if row["label"] == "gold"
    )
    assert (metrics["rejected"], metrics["rows"]) == (10, 30)
    assert "incorrect_label" not in metrics


def test_a_filter_of_rationales_drops_them_and_no_row(project):
    project.write("mine", FILTER)
    given = [parsed(id_, rationale=("why", "a long one", None)[n % 3]) for n, id_ in enumerate(IDS)]
    rows, metrics = choose(EXAMPLES, given, filter_="python:mine:short")
    assert len(rows) == 40
    assert {row["rationale"] for row in rows} == {"why", None}
    assert metrics["rejected_rationale"] == 13
    assert metrics["without_rationale"] == 26
    assert EXAMPLES[0]["choices"] == []  # a filter sees a copy


def test_a_filter_never_sees_a_row_that_is_not_trained_on(project):
    project.write("mine", 'def keep(row):\n    assert row["split"] == "train"\n    return True\n')
    others = [example("t", split="test"), example("v", split="validation")]
    rows, _ = choose([*EXAMPLES, *others], PARSED, label_filter="python:mine:keep")
    assert len(rows) == 40


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("row['id']", "row 'r0', returned None; stages/mine.py:1 has to return True"),
        ("return row['gold']", "row 'r0', failed: stages/mine.py:2 in keep: KeyError: 'gold'"),
        ("return False", "`label_filter: python:mine:keep` leaves no row: it keeps none of 40"),
    ],
)
def test_what_a_filter_cannot_return_names_the_row(project, body, words):
    project.write("mine", f"def keep(row):\n    {body}\n")
    with pytest.raises(StillhouseError) as error:
        choose(EXAMPLES, PARSED, label_filter="python:mine:keep")
    assert words in str(error.value)
