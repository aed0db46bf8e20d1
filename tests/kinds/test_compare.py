from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.dataset import METRICS
from stillhouse.core.templates import letter
from stillhouse.kinds.numbers import read_number, written
from stillhouse.kinds.registry import KINDS, kind_of


def normalise(text, metric, choices=()):
    return kind_of(metric, choices).canonical(text)


def is_correct(prediction, label, metric, choices=()):
    return kind_of(metric, choices).score(prediction, label) == 1


PLACES = ("bus depot", "train station", "beach", "a ledge")
NLI = ("entailment", "neutral", "contradiction")


@pytest.mark.parametrize(
    "text",
    [
        "train station",
        "Train Station.",
        "  train \n station ",
        "the train station",
        '"train station"',
        "b",
        "B.",
        "(b)",
        "(B).",
        "b)",
        "[b]",
        "b:",
        "option b",
        "Choice (b)",
        "(b) train station",
        "(b) train station.",
        "(b)train station",
        "b. Train station",
        "B: train station",
        "b - train station",
        "(b) the train station",
        "(b) trian stashun",
    ],
)
def test_choice_by_text_by_letter_or_both(text):
    assert normalise(text, "choice", PLACES) == "train station"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "e",
        "(e)",
        "z",
        "airport",
        "station",
        "a train station near the beach",
        "either (b) train station or (c) beach",
        "(b) train station or (c) beach",
        "(b) or (c)",
        "(b) beach",
        "b. bus depot",
        "(b) train station or beach",
        "not (b)",
        "(b) is not it",
        "(b) isn't it",
        "1",
    ],
)
def test_choice_that_is_none_or_several(text):
    assert normalise(text, "choice", PLACES) is None


def test_a_leading_article_is_not_the_letter_a():
    assert normalise("a train station", "choice", PLACES) == "train station"
    assert normalise("ledge", "choice", PLACES) == "a ledge"
    assert normalise("a", "choice", PLACES) == "bus depot"


def test_text_that_is_itself_a_letter_or_starts_like_one():
    assert normalise("b", "choice", ("b", "a")) == "b"
    assert normalise("(b) x", "choice", ("(b) x", "y")) == "(b) x"


def test_choices_with_the_same_text_are_one_choice():
    twice = ("park", "Bridge", "beach", "bridge")
    for answer in ("b", "(d)", "bridge", "(b) bridge", "(d) Bridge"):
        assert normalise(answer, "choice", twice) == "Bridge"
    assert is_correct("(b)", "bridge", "choice", twice)


@pytest.mark.parametrize(
    "text", ["not an entailment", "not entailment", "no entailment", "non-entailment", "entailed"]
)
def test_a_negated_label_is_not_the_label(text):
    assert normalise(text, "choice", NLI) is None
    assert not is_correct(text, "entailment", "choice", NLI)
    assert not is_correct(text, "entailment", "exact", NLI)


def test_the_longer_choice_is_not_the_shorter_one():
    choices = ("jail", "going to jail")
    assert normalise("going to jail", "choice", choices) == "going to jail"
    assert normalise("jail", "choice", choices) == "jail"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", "42"),
        ("42.", "42"),
        ("42.0", "42"),
        ("$1,080", "1080"),
        ("$ 1,080.50", "1080.5"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("−3", "-3"),
        ("9 (apples)", "9"),
        ("5 apples", "5"),
        ("5 apples per day.", "5"),
        ("12-foot", "12"),
        ("50%", "50"),
        ("50 %", "50"),
        ("1/2", "0.5"),
        ("1/3", "1/3"),
        (".25", "0.25"),
        ("0.000001", "0.000001"),
        ("-0.5", "-0.5"),
        ("007", "7"),
        ("5 million", "5000000"),
        ("about 5", "5"),
        ("1 1/2", "1.5"),
        ("2½", "2.5"),
        ("3,5 kg", "3.5"),
        ("1 080", "1080"),
        ("1.5e3", "1500"),
        ("−7°C", "-7"),
        ("twelve (12)", "12"),
        ("3 tenths", "0.3"),
        ("٤٢", "42"),
        ("४२", "42"),
    ],
)
def test_number(text, value):
    assert normalise(text, "number") == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "apples",
        "Yes",
        "5 or 6",
        "3:30 p.m.",
        "7x = 14",
        "5 + x",
        "--5",
        "-$-5",
        "1/0",
        "1.2.3",
        "9" * 400,
    ],
)
def test_no_number(text):
    assert normalise(text, "number") is None
    assert not is_correct(text, text, "number")


def test_equation():
    assert is_correct("(84 / 2).", "( 84.0 / 2.0 )", "equation")
    assert is_correct("42", "( 84.0 / 2.0 )", "equation")
    assert not is_correct("(2 / 84)", "( 84.0 / 2.0 )", "equation")
    assert not is_correct("(some - 8)", "(some - 8)", "equation")
    assert not is_correct("1 / 0", "1 / 0", "equation")


def test_exact():
    assert is_correct("  The  Answer. ", "the answer", "exact")
    assert not is_correct("answer", "the answer", "exact")
    assert not is_correct("", "", "exact")
    assert not is_correct(" . ", ".", "exact")


texts = st.text(max_size=40)


def test_every_metric_has_its_kind():
    assert set(KINDS) == set(METRICS)


metrics = st.sampled_from(sorted(KINDS.keys() - {"latex"}))


@given(texts, texts, metrics, st.lists(texts, max_size=5))
def test_never_raises_and_is_symmetric(left, right, metric, choices):
    assert is_correct(left, right, metric, choices) == is_correct(right, left, metric, choices)


@given(st.lists(st.text(min_size=1, max_size=12).filter(str.strip), min_size=1, max_size=8))
def test_every_choice_is_itself_and_a_canonical_form_is_stable(choices):
    for choice in choices:
        canonical = normalise(choice, "choice", choices)
        assert canonical in choices
        assert normalise(canonical, "choice", choices) == canonical


@given(st.lists(st.from_regex(r"[a-z]{2,6} [a-z]{2,6}", fullmatch=True), min_size=2, unique=True))
def test_a_letter_means_the_choice_at_its_place(choices):
    for place, choice in enumerate(choices):
        assert normalise(f"({letter(place)})", "choice", choices) == choice
        assert normalise(f"{letter(place).upper()}. {choice}", "choice", choices) == choice


def test_letters_of_a_list_that_is_longer_than_the_alphabet():
    choices = [f"choice {n}" for n in range(60)]
    for place, choice in enumerate(choices):
        for said in (letter(place), f"({letter(place)})", f"{letter(place).upper()}. {choice}"):
            assert normalise(said, "choice", choices) == choice
    assert normalise("bi", "choice", choices) is None
    assert normalise("(ab) choice 3", "choice", choices) is None
    assert normalise("(ab)", "choice", ["ab", *choices]) is None
    assert normalise("no", "choice", ["no", *choices]) == "no"


@given(st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10**4))
def test_a_written_number_reads_as_itself(value):
    assert read_number(written(value)) == (value, True)


@given(st.integers(-(10**12), 10**12))
def test_commas_and_currency_do_not_change_a_number(value):
    assert normalise(f"{value:,}", "number") == str(value)
    assert normalise(f"${abs(value):,}.00 dollars", "number") == str(abs(value))
    assert written(Fraction(value)) == str(value)
