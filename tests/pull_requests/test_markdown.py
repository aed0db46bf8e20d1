"""Text from data stays text in Markdown, also in a table."""

import re

import pytest

from stillhouse.pull_requests.markdown import code, table

HOSTILE = [
    "a | b",
    "`rm -rf`",
    "``` fence",
    "\\| bar",
    "`@everyone` <img src=x onerror=alert(1)>",
    "<!-- stillhouse pr-comment -->`",
    "[link](http://example.org)`",
    " space ",
    "",
    "line\nbreak | `x`",
    "ends in \\",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_span_cannot_hold_has_no_mark_left(text):
    shown = code(text)
    inner = re.fullmatch(r"<code>(.*)</code>", shown)
    if inner is None:
        assert re.fullmatch(r"`[^`|\\]+`", shown)
    else:
        assert not re.search(r"[<>`|*_@\[\]\\]", inner[1])
        assert "\n" not in shown


def test_a_name_stays_legible_and_steering_characters_are_written_out():
    assert code("conf/teacher/gpt.yaml: price") == "`conf/teacher/gpt.yaml: price`"
    assert code("@team <b>") == "`@team <b>`"  # in a span neither means anything
    assert code("a\x1b[31m\u202eb") == r"<code>a&#92;x1b&#91;31m&#92;u202eb</code>"
    assert len(code("x" * 5000)) == 82


def test_a_cell_cannot_leave_its_column():
    *_, row = table(("a", "b"), [(code("x | y"), code("z"))])
    assert row.count("|") == 3
