"""Templates are data: sandboxed, strict about names, with errors that say where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.core.templates import (
    check_expression,
    check_syntax,
    evaluate_expression,
    of_row,
    render,
)

ESCAPES = [
    "query.__class__",
    "query.__class__.__mro__[1].__subclasses__()",
    "query['__class__'].__name__",
    "query|attr('__class__')",
    "''.__class__.__base__",
    "'{0.__class__.__mro__}'.format(query)",
    "self.__init__.__globals__",
    "cycler.__init__.__globals__.os",
    "choices.append('x')",
    "choices.__setitem__(0, 'x')",
]


@pytest.mark.parametrize("expression", ESCAPES)
def test_the_sandbox_holds(expression):
    values = {"query": "q", "choices": ["a"]}
    with pytest.raises(StillhouseError) as in_template:
        render("{{ " + expression + " }}", values, "here")
    with pytest.raises(StillhouseError):
        evaluate_expression(expression, values, "here")
    assert values == {"query": "q", "choices": ["a"]}
    assert str(in_template.value).startswith("here: ")


def test_a_template_cannot_read_files():
    with pytest.raises(StillhouseError):
        render("{% include '/etc/passwd' %}", {}, "here")


def test_a_missing_field_is_named_with_a_near_one():
    with pytest.raises(StillhouseError, match=r"conf/x.yaml: .*questoin.*Did you mean 'question'"):
        render("{{ questoin }}", {"question": "q", "answer": "a"}, "conf/x.yaml")
    with pytest.raises(StillhouseError, match="Did you mean 'choices'"):
        evaluate_expression("choises", {"choices": []}, "conf/x.yaml")


@pytest.mark.parametrize(
    "source", ["{{ 1 / 0 }}", "{{ 'a' + 1 }}", "{{ rows[5] }}", "{{ 'x'|int('y')|round('z') }}"]
)
def test_a_failing_template_is_a_users_error(source):
    with pytest.raises(StillhouseError, match="here"):
        render(source, {"rows": [1]}, "here")


@given(st.text(alphabet=st.characters(exclude_characters="\r"), max_size=50))
def test_values_are_never_templates_and_never_escaped(text):
    assert render("{{ query }}", {"query": text}, "here") == text


def test_an_expression_keeps_its_type():
    row = {"choices": {"text": ["x", "y"]}, "label": 1}
    assert evaluate_expression("choices.text", row, "here") == ["x", "y"]
    assert evaluate_expression("choices.text[label]", row, "here") == "y"
    assert evaluate_expression("label == 2", row, "here") is False


def test_syntax_is_checked_before_any_row_is_seen():
    check_syntax("{% for c in choices %}{{ c }}{% endfor %}")
    check_expression("a if b else c")
    with pytest.raises(ValueError, match="line 2"):
        check_syntax("fine\n{{ broken")
    with pytest.raises(ValueError, match="expression"):
        check_expression("a b")


def test_names_that_no_template_can_write_are_pointed_to_row():
    hint = r'row\["'
    for check, source in (
        (check_syntax, "{{ Correct Answer }}"),
        (check_expression, "Correct Answer"),
        (check_syntax, "{{ self }}"),
        (check_expression, "self == 'x'"),
    ):
        with pytest.raises(ValueError, match=hint):
            check(source)
    values = of_row({"self": "a", "x y": "b"})
    assert render('{{ row["self"] }}{{ row["x y"] }}', values, "here") == "ab"
    assert evaluate_expression('row["self"]', values, "here") == "a"
    with pytest.raises(StillhouseError, match=hint):
        render("{{ self }}", values, "here")


@pytest.mark.parametrize(("place", "name"), [(0, "a"), (5, "f"), (25, "z"), (26, "aa"), (53, "bb")])
def test_choices_are_lettered_without_end(place, name):
    assert render("{{ place | letter }}", {"place": place}, "here") == name


def test_a_template_that_is_nested_too_deeply_is_a_users_error():
    with pytest.raises(ValueError, match="nested too deeply"):
        check_syntax("{{ " + "(" * 50_000 + ")" * 50_000 + " }}")
    with pytest.raises(ValueError, match="nested too deeply"):
        check_expression("(" * 50_000 + ")" * 50_000)
