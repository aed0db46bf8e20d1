import math

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import read_json
from stillhouse.core.json_text import parse_json, read_json_file, read_json_object
from stillhouse.core.text import whole

BRACKETS = 200_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * BRACKETS, "nested too deeply"),
        ('{"a":' * BRACKETS, "nested too deeply"),
        ("[" * BRACKETS + "]" * BRACKETS, "nested too deeply"),
        ('{"a": 1', "line 1, column 8"),
        ("", "Expecting value"),
        ("\x00", "Expecting value"),
    ],
)
def test_what_is_no_json_is_one_error_that_says_where(tmp_path, text, says):
    (tmp_path / "x.json").write_text(text)
    for read, where in [
        (lambda: parse_json(text, "the completion of row 'a'"), "the completion of row 'a'"),
        (lambda: read_json(tmp_path / "x.json"), str(tmp_path / "x.json")),
    ]:
        with pytest.raises(StillhouseError, match=says) as error:
            read()
        assert where in str(error.value)
        assert len(str(error.value)) < 300


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes('\ufeff{"a": "√"}'.encode())
    assert read_json_object(path) == {"a": "√"}
    path.write_bytes(b"[1, null]")
    assert read_json_file(path) == [1, None]
    with pytest.raises(StillhouseError, match=r"x\.json should be a JSON object, found list"):
        read_json_object(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(StillhouseError, match="byte 0 is not UTF-8"):
        read_json_object(path)


def test_half_characters_become_whole_ones_and_pairs_stay():
    assert parse_json('{"a\\uDC00": ["x \\ud83d y \\ud83d\\ude00", {"b": "\\udfff"}]}', "here") == {
        "a\ufffd": ["x \ufffd y 😀", {"b": "\ufffd"}]
    }
    assert parse_json(r'"\\ud83d is how it is written"', "here") == r"\ud83d is how it is written"
    assert whole({"a": "\udcff", "b": 3}) == {"a": "\ufffd", "b": 3}


def test_not_a_number_is_a_missing_value_and_infinity_is_not():
    assert parse_json('{"a": NaN, "b": [NaN, 1]}', "here") == {"a": None, "b": [None, 1]}
    assert parse_json("-Infinity", "here") == -math.inf


def test_an_integer_of_any_length_is_read():
    assert parse_json("9" * 5000, "here") == "9" * 5000
    assert parse_json("-12", "here") == -12


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_json_that_is_nested_too_deeply_is_one_message(text):
    with pytest.raises(StillhouseError, match="here is JSON nested too deeply"):
        parse_json(text, "here")
