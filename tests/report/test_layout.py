"""Text in columns: nothing is cut, nothing is too wide, nothing ends in spaces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from stillhouse.report.layout import LEAST_NAME, Column, table, terminal_width, whole_width, wrapped

WORDS = st.text(st.characters(exclude_categories=["C", "Z", "M"]), min_size=1, max_size=30)
NAMES = st.lists(st.text("abcdeü否", min_size=1, max_size=30), min_size=1).map(" ".join)
TEXTS = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)


@given(TEXTS, st.integers(12, 60), st.integers(0, 4))
def test_wrapped_text_is_all_there_and_fits(text, width, indent):
    lines = wrapped(text, width, indent)
    assert "".join(text.split()) == "".join("".join(lines).split())
    assert all(cell_len(line) <= width and line == line.rstrip() for line in lines)
    assert all(line.startswith(" " * indent) for line in lines[1:])


@given(st.lists(NAMES, min_size=1, max_size=4), st.integers(40, 120))
def test_a_table_is_as_wide_as_there_is_room_and_no_name_is_cut(names, width):
    columns = [Column("1", ["1,000"] * len(names)), Column("2", ["5"] * len(names), needed=False)]
    lines = table(Column("", names), columns, width)
    assert all(cell_len(line) <= width and line == line.rstrip() for line in lines)
    shown = "".join(letter for line in lines for letter in line if letter.isalpha())
    assert shown == "".join(names).replace(" ", "")


def test_columns_that_are_not_needed_go_first():
    names = Column("", ["a" * 20])
    columns = [
        Column("one", ["1"]),
        Column("second", ["2"], needed=False),
        Column("three", ["3"]),
        Column("4", ["4"], needed=False),
    ]
    assert whole_width(names, columns) == 20 + 5 + 8 + 7 + 3
    assert table(names, columns, 43)[0].split() == ["one", "second", "three", "4"]
    assert table(names, columns, 41)[0].split() == ["one", "second", "three"]
    assert table(names, columns, 36)[0].split() == ["one", "three", "4"]
    assert table(names, columns, 32)[0].split() == ["one", "three"]
    folded = table(names, columns, 20)
    assert folded[0].split() == ["one", "three"]
    assert folded[1].startswith("a" * LEAST_NAME)


def test_wide_letters_are_counted_as_the_terminal_shows_them():
    lines = table(Column("", ["否定的", "plain"]), [Column("n", ["1", "2"])], 40)
    assert [cell_len(line) for line in lines] == [9, 9, 9]


@pytest.mark.parametrize(("columns", "width"), [("120", 120), ("10", 40), ("", 80)])
def test_the_width_is_the_terminals(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.__stdout__", None)  # no terminal
    assert terminal_width() == width
