"""What a table is taken for: its task, its choices, its templates."""

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.templates import of_row, render
from stillhouse.ingest.files import RawRow
from stillhouse.project import look
from stillhouse.project.dataset import Said, entry, in_order, labels_of, template


def rows(*values: dict) -> list[RawRow]:
    return [RawRow(f"it:{number}", value) for number, value in enumerate(values, 2)]


def made(said: Said, table: list[RawRow]) -> dict:
    return entry("it", said, table, list(table[0].values))


def shown(values: dict, field: str, row: RawRow) -> str:
    return render(values["fields"][field], of_row(row.values), "it").strip()


CLASSES = rows(*({"text": f"t{n}", "stars": str(n % 5 + 1)} for n in range(30)))


def test_few_labels_are_classes_in_the_order_of_their_values():
    found = made(Said("text", "stars"), CLASSES)
    assert (found["task"], found["answer"]["metric"]) == ("classification", "choice")
    assert found["fields"]["choices"] == ["1", "2", "3", "4", "5"]
    assert shown(found, "query", CLASSES[0]) == "t0\nWhat is the stars: 1, 2, 3, 4 or 5?"
    assert in_order({"10": 1, "9": 1}) == ["9", "10"]
    assert in_order({"b": 1, "A": 1}) == ["A", "b"]


def test_a_question_of_ones_own_stands_below_the_text():
    found = made(Said("text", "stars", question="How many stars?"), CLASSES)
    assert shown(found, "query", CLASSES[0]) == "t0\nHow many stars?"


def test_numbers_and_texts():
    numbers = rows(*({"q": f"q{n}", "a": str(n * 7)} for n in range(9)))
    texts = rows(*({"q": f"q{n}", "a": f"the answer {n}"} for n in range(9)))
    assert made(Said("q", "a"), numbers)["answer"]["metric"] == "number"
    assert made(Said("q", "a"), numbers)["task"] == "math"
    assert made(Said("q", "a"), texts)["answer"]["metric"] == "exact"
    assert "choices" not in made(Said("q", "a"), texts)["fields"]


@pytest.mark.parametrize("right", ["B", "b", "opt2", "two"])
def test_columns_of_options_are_a_multiple_choice(right):
    table = rows(*({"q": f"q{n}", "opt1": "one", "opt2": "two", "key": right} for n in range(4)))
    found = made(Said("q", "key", choices=("opt1", "opt2")), table)
    assert found["task"] == "multiple_choice"
    assert [render(c, of_row(table[0].values), "it") for c in found["fields"]["choices"]] == [
        "one",
        "two",
    ]
    assert shown(found, "label", table[0]) == "two"
    assert shown(found, "query", table[0]) == "q0\n(a) one\n(b) two"


def test_a_label_that_counts_options_is_no_guess():
    table = rows(*({"q": "q", "x": "one", "y": "two", "key": "1"} for _ in range(4)))
    with pytest.raises(StillhouseError, match="from 0 or from 1"):
        made(Said("q", "key", choices=("x", "y")), table)


def test_rows_with_an_empty_cell_have_no_label():
    found = rows({"stars": "5"}, {"stars": " "}, {"stars": None}, {"stars": "1"})
    assert labels_of("{{ 'good' if stars | int > 3 else 'bad' }}", found) == {"good": 1, "bad": 1}


def test_options_that_are_numbers_are_no_places():
    table = rows(*({"q": "q", "x": str(n), "y": str(n + 30), "key": str(n)} for n in range(4)))
    found = made(Said("q", "key", choices=("x", "y")), table)
    assert [shown(found, "label", row) for row in table] == ["0", "1", "2", "3"]


def test_labels_that_differ_by_case_alone_are_said():
    table = rows(*({"t": str(n), "l": ("Good", "good", "bad")[n % 3]} for n in range(12)))
    with pytest.raises(StillhouseError, match=r"'Good' \(4 rows\) and 'good' \(4 rows\)"):
        made(Said("t", "l"), table)
    assert made(Said("t", "{{ l | lower }}"), table)["fields"]["choices"] == ["bad", "good"]


@pytest.mark.parametrize("column", ["plain", "with blank", 'a "quote"', "self", "if", "ü", "a.b"])
def test_any_column_has_a_template(column):
    assert render(template(column, [column]), of_row({column: "it"}), "here") == "it"


def test_an_unknown_column_has_near_names():
    with pytest.raises(StillhouseError, match="Did you mean 'rating'"):
        template("ratng", ["rating", "text"])


def test_the_likely_columns():
    table = rows(
        *(
            {"n": str(n), "text": "some long text " * (n % 4 + 1), "ok": "yn"[n % 2]}
            for n in range(9)
        )
    )
    columns = look.columns_of(table)
    query = look.likely_query(columns)
    label = look.likely_label(columns, query)
    assert query is not None
    assert label is not None
    assert (query.name, label.name) == ("text", "ok")
