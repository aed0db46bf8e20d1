import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.json_text import parse_json, parse_json_object

BRACKETS = 200_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * BRACKETS, "nested too deeply"),
        ('{"a":' * BRACKETS, "nested too deeply"),
        ("[" * BRACKETS + "]" * BRACKETS, "nested too deeply"),
        ("9" * 5_000, "more than 4,300 digits"),
        ('{"a": 1', "line 1, column 8"),
        ("", "Expecting value"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        (b"\x00", "Expecting value"),
    ],
)
def test_what_is_no_json_is_one_error_that_says_where(text, says):
    with pytest.raises(StillhouseError, match=says) as error:
        parse_json(text, "the reply of row 'a'")
    assert "the reply of row 'a'" in str(error.value)
    assert len(str(error.value)) < 300


def test_json_is_read_with_or_without_a_byte_order_mark():
    assert parse_json('\ufeff{"a": "√"}'.encode(), "x") == {"a": "√"}
    assert parse_json("[1, null]", "x") == [1, None]
    assert parse_json_object("{}", "x") == {}
    with pytest.raises(StillhouseError, match="x should be a JSON object, found list"):
        parse_json_object("[]", "x")
