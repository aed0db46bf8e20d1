"""A number is made only of a number, and no text of a null."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.core.templates import columns_read, evaluate_expression, render


def of(expression, value):
    return evaluate_expression(expression, {"x": value}, "x.csv:2")


def refused(expression, value):
    with pytest.raises(StillhouseError) as error:
        of(expression, value)
    return str(error.value)


@pytest.mark.parametrize("four", ["4", " 4 ", 4, 4.0, "4.0", "+4", "4.", "4e0", "\uff14", "04"])
def test_what_people_read_as_four_is_four(four):
    assert of("x | int", four) == 4
    assert of("x | int(7)", four) == 4
    assert of("x | float", four) == 4
    assert isinstance(of("x | int", four), int)


@pytest.mark.parametrize(
    "value", ["", " ", None, "n/a", "four", "4 stars", "1_0", "1,000", "nan", "inf", "-", [4], {}]
)
def test_what_is_no_number_is_an_error_unless_something_stands_for_it(value):
    for name in ("int", "float"):
        message = refused(f"x | {name}", value)
        assert message.startswith("x.csv:2: ")
        assert "is no number" in message
        assert f"`{name}(0)`" in message
        assert of(f"x | {name}(7)", value) == 7
        assert of(f"x | {name}(default=none)", value) is None


def test_a_message_names_the_value_and_is_short():
    assert "'n/a' is no number" in refused("x | int", "n/a")
    assert "null is no number" in refused("x | int", None)
    assert len(refused("x | float", "a" * 100_000)) < 400


@pytest.mark.parametrize("value", [4.5, "4.5", "-0.1", "45e-1"])
def test_a_fraction_is_not_cut_to_a_whole_number(value):
    for filter_ in ("int", "int(0)"):
        message = refused(f"x | {filter_}", value)
        assert "is no whole number" in message
        assert "`float | round | int`" in message
    assert of("x | float | round | int", value) == round(float(value))


def test_other_numbers():
    assert of("x | int", "12345678901234567890") == 12345678901234567890
    assert of("x | int", "12345678901234567890.0") == 12345678901234567890
    assert of("x | int", True) == 1
    assert of("x | int(base=16)", "1F") == 31
    assert "no number of base 16" in refused("x | int(base=16)", "1G")
    assert of("x | float", "1e-3") == 0.001
    for huge in ("9" * 5000, "1e999999999"):
        assert "is no number" in refused("x | int", huge)
    with pytest.raises(StillhouseError, match="'y' is undefined"):
        evaluate_expression("y | int(0)", {"x": 1}, "here")


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_kept(value):
    assert of("x | float", str(value)) == float(value)
    if value == int(value):
        assert of("x | int", str(value)) == of("x | int", value) == int(value)


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        *((value, True) for value in ("True", "yes", " 1 ", 1, True, "1.0")),
        *((value, False) for value in ("False", "no", "0", 0.0, False)),
    ],
)
def test_a_cell_says_what_is_true(value, truth):
    assert of("x | bool", value) is truth
    assert of("x | bool(none)", value) is truth


@pytest.mark.parametrize("value", ["", None, "maybe", 2, []])
def test_what_is_neither_true_nor_false_is_an_error(value):
    assert "neither true nor false" in refused("x | bool", value)
    assert of("x | bool(false)", value) is False


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ x }}", ""),
        ("{{ x ~ '!' ~ y }}", "!3"),
        ("{{ 'a' ~ (x ~ y) }}", "a3"),
        ("{% macro m(a) %}{{ a ~ x ~ y }}{% endmacro %}{{ m(x) }}", "3"),
        ("{{ x | upper }}|{{ x | lower }}|{{ x | title }}|{{ x | capitalize }}", "|||"),
        (
            "{{ x | trim }}|{{ x | string }}|{{ x | replace('N', 'M') }}|{{ x | truncate(9) }}",
            "|||",
        ),
        ("{{ x | indent }}|{{ x | e }}|{{ x | wordcount }}|{{ x | striptags }}", "||0|"),
        ("{{ [x, 'a', y] | join('-') }}", "-a-3"),
        ("{{ '%s and %s' | format(x, y) }}", " and 3"),
        ("{{ x is none }}", "True"),
    ],
)
def test_of_a_null_there_is_no_text(template, text):
    assert render(template, {"x": None, "y": 3}, "here") == text


@given(st.text(), st.integers())
def test_other_values_are_joined_as_ever(text, number):
    joined = render("{{ a ~ b }}{{ [a, b] | join('+') }}", {"a": text, "b": number}, "here")
    assert joined == f"{text}{number}{text}+{number}"


@pytest.mark.parametrize(
    ("template", "columns"),
    [
        ("{{ text }} {{ row['Correct Answer'] }}", {"text", "row", "Correct Answer"}),
        ("{{ row.text }}{{ row.get('b c', '') }}", {"row", "text", "b c"}),
        ("{% for name in row.keys() %}{{ row[name] }}{% endfor %}", {"row"}),
        ("{% for row in rows %}{{ row['x'] }}{% endfor %}", {"rows"}),
        ("{% set t = text %}{{ t }} {{ range(3) | join }}", {"text"}),
        ("{{ {'a': row['z']}[row['q']] | default(d) }}", {"row", "z", "q", "d"}),
        ("{% if why %}{{ other.inner['x'] }}{% endif %}", {"why", "other"}),
        ("nothing", set()),
    ],
)
def test_the_columns_that_a_template_reads(template, columns):
    assert columns_read(template) == columns
