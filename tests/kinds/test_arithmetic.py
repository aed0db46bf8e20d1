import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.kinds.arithmetic import MAX_DEPTH, MAX_LENGTH, evaluate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42),
        ("1,080", 1080),
        ("1,080.5 + .5", 1081),
        ("( ( 8.0 + 4.0 ) - 5.0 )", 7),
        ("(16 * 17) * 4", 1088),
        ("2 - 3 - 4", -5),
        ("8 / 4 / 2", 1),
        ("2 + 3 * 4", 14),
        ("-3 * -(2 - 5)", -9),
        ("1 / 3 + 2 / 3", 1),
        ("6 × 7", 42),
        ("84 ÷ 2", 42),
        ("7 − 9", -2),
        ("6x7", 42),
        ("(2) x (21)", 42),
        ("  4.  ", 4),
    ],
)
def test_value(text, value):
    assert evaluate(text) == value


def test_values_are_exact():
    assert evaluate("0.1 + 0.2") == Fraction(3, 10)
    assert evaluate("10 / 3") == Fraction(10, 3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "()",
        "(some - 8)",
        "(7x = 14)",
        "2 * x",
        "84 /",
        "* 3",
        "3 4",
        "2(3)",
        "(1 + 2",
        "1 + 2)",
        "1 / 0",
        "1 / (2 - 2)",
        "9**9**9",
        "9^9^9",
        "9^99",
        "5 % 2",
        "5 // 2",
        "1e9",
        "0x1F",
        "1_000",
        "10,80",
        "1,0800",
        "1.2.3",
        "(34 + 40) and (62 - 17)",
        "__import__('os').getcwd()",
        "lambda: 1",
        "٣ + ٤",
        "３ + ４",
        "²",
        "∞",
        "nan",
        "\x00",
        "1\n+\x002",
    ],
)
def test_no_value(text):
    assert evaluate(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "1" + ")" * 10_000,
        "(" * (MAX_DEPTH + 5) + "1" + ")" * (MAX_DEPTH + 5),
        "-" * 200 + "1",
        "9" * 19,
        "999999999*999999999*999999999",
        "1" + "+1" * MAX_LENGTH,
        "9**9**9**9**9**9",
        "1/" * 100_000,
    ],
)
def test_beyond_the_caps_there_is_no_value_and_it_is_fast(text):
    started = time.process_time()
    assert evaluate(text) is None
    assert time.process_time() - started < 0.5


def test_within_the_caps_depth_is_fine():
    assert evaluate("(" * 30 + "1" + ")" * 30) == 1


def _render(tree):
    if isinstance(tree, Fraction):
        return str(tree.numerator) if tree >= 0 else f"(-{-tree.numerator})"
    operator, left, right = tree
    return f"({_render(left)} {operator} {_render(right)})"


def _value(tree):
    if isinstance(tree, Fraction):
        return tree
    operator, left, right = tree[0], _value(tree[1]), _value(tree[2])
    if left is None or right is None or (operator == "/" and right == 0):
        return None
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
    }[operator]()


numbers = st.integers(-99, 99).map(Fraction)
trees = st.recursive(
    numbers, lambda child: st.tuples(st.sampled_from("+-*/"), child, child), max_leaves=7
)


@given(trees)
def test_agrees_with_exact_arithmetic(tree):
    assert evaluate(_render(tree)) == _value(tree)


@given(st.lists(st.tuples(st.sampled_from("+-*/"), st.integers(1, 50)), min_size=1, max_size=6))
def test_precedence_and_associativity_are_those_of_arithmetic(steps):
    text, exact = "7", "Fraction(7)"
    for operator, number in steps:
        text += f" {operator} {number}"
        exact += f" {operator} Fraction({number})"
    assert evaluate(text) == eval(exact, {"Fraction": Fraction})


@given(st.text(alphabet=st.sampled_from("0123456789.,+-*/()x× eE_^%٣²\n"), max_size=60))
def test_never_raises(text):
    assert evaluate(text) is None or isinstance(evaluate(text), Fraction)


@given(st.text())
def test_never_raises_on_any_text(text):
    evaluate(text)
