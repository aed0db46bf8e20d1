"""What raters see: safe in a spreadsheet, readable, and read back as it was."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.ratings.sheet import Line, read_sheet, sheet_bytes
from stillhouse.ratings.shown import conversation, fingerprint, guarded, plain, reply, unguarded

JOINER, RIGHT_TO_LEFT = "\u200d", "\u200f"
ODD = (
    "=1+1", "'=1+1", "''=x", "+1", "-1", "@SUM(A1)", "\t=x", "  =x", "＝1", "'", "'tis", "",
    "a\nb", '"quoted", and ; more', f"👩{JOINER}👧 family", f"שלום = {RIGHT_TO_LEFT}עולם", "-\n-",
    '=HYPERLINK("u";"t")',
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def with_odd(test):
    for text in ODD:
        test = example(text)(test)
    return given(st.text())(test)


@with_odd
def test_no_cell_is_a_formula_and_every_text_comes_back(text):
    cell = guarded(text)
    assert not cell.startswith(FORMULA)
    assert not cell.lstrip(" ").startswith(FORMULA)
    assert unguarded(cell) == text
    if not text.startswith("'"):  # a spreadsheet may take the quote for its own sign of a text
        assert unguarded(cell.removeprefix("'")) == text


@with_odd
def test_a_text_survives_the_file(text):
    import tempfile
    from pathlib import Path

    shown = plain(text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.csv"
        path.write_bytes(sheet_bytes([Line("bcd", shown, shown)]))
        (row,) = read_sheet(path)
    assert row.texts["reply"] == row.texts["conversation"] == shown
    assert fingerprint(row.texts["reply"]) == fingerprint(shown)


def test_what_a_spreadsheet_drops_is_written_out():
    assert plain("a\x00b\x1b[31m\r\nc\r ") == "a\\x00b\\x1b[31m\nc"
    assert plain("half \ud83d") == "half \ufffd"
    assert plain(" \n") == "(empty)"
    assert fingerprint("a  b\r\nc") == fingerprint("a b\nc") != fingerprint("a b d")


USER, ASSISTANT = {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}


def test_a_conversation_is_a_transcript_that_ends_before_the_reply():
    row = {"id": "r", "query": "not shown", "messages": [USER, ASSISTANT, USER, ASSISTANT]}
    shown = conversation(row, generated=False)
    assert shown == "User: Hello\n\nAssistant: Hi\n\nUser: Hello"
    assert conversation(row, generated=True) == "User: Hello\n\nUser: Hello"
    assert conversation(row | {"messages": [USER, ASSISTANT]}, generated=False) == "Hello"
    for nothing in ([], None):
        assert conversation(row | {"messages": nothing}, generated=False) == "not shown"


def test_a_reply_is_a_text_a_number_or_messages():
    assert reply(" yes ", "it") == "yes"
    assert reply(4, "it") == "4"
    assert reply([USER, ASSISTANT], "it") == "User: Hello\n\nAssistant: Hi"
    for wrong in ([], ["x"], [{"role": "user"}], {"a": 1}, True, None):
        with pytest.raises(StillhouseError, match=r"^it should be a text or a list of messages"):
            reply(wrong, "it")
