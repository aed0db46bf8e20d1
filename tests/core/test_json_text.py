import math

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.json_text import parse_json, whole


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
