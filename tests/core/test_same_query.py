"""One definition of the same query, and that everything that keeps repeats apart uses it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.same_query import query_key

SAME = [
    ("What is it?", "what  is\n it"),
    ("The cribriform plate connects", "The cribriform plate connects:"),
    ("Aim of phase 1 trials is:", "Aim of phase 1 trials is:-"),
    ("Fossa ovalis is a remnant of ?", "Fossa ovalis is a remnant of -"),
    ("The Ｗｈｏｌｅ　text", "the whole text"),
    ("follow-up care", "follow up care"),
    ("COVID-19 is", "Covid 19 is"),
    ("a 10-year-old", "a 10 year old"),
    ("He said “no”", 'he said "no"'),
    ("the letter 'a'", "the letter a"),
    ("don’t", "don't"),
    ("(a) sea (b) sky", "a) sea b) sky"),
    ("Add 1,2 and 3", "add 1, 2 and 3."),
    ("2+3", "2 + 3"),
    ("5–3", "5 − 3"),
    ("It costs $5.", "It costs $ 5"),
    ("at 12 : 30", "at 12:30"),
    ("10²", "10^2"),
    ("wait — 5 people", "wait, 5 people"),
    ("zero\u200bwidth", "zerowidth"),
    ("\ufeffa\u00a0b", "a b"),
    ("Enzyme ___ is", "Enzyme ____ is"),
    ("你好吗？", "你好吗"),
    ("¿Qué es?", "qué es"),
]
DIFFERENT = [
    ("3.5", "35"), ("3.5", "3 5"), (".5", "5"), ("1,000", "1 000"),
    ("C++", "C"), ("C#", "C"), ("50%", "50"), ("$5", "5"), ("a/b", "ab"), ("a & b", "a b"),
    ("-5", "5"), ("-5 + 3", "5 + 3"), ("-$5", "$5"), ("5-3", "5 3"), ("x - y", "x y"),
    ("x-5", "x 5"), ("y = -x", "y = x"), ("(-x)", "(x)"), ("-(a+b)", "(a+b)"), ("e^{-x}", "e^{x}"),
    ("z + 1", "z * 1"), ("5 != 3", "5 = 3"), ("5!", "5"), ("n!", "n"), ("f'(x)", "f(x)"),
    ("y''", "y'"), ("10²", "102"), ("2½", "21/2"), ("12:30", "12 30"),
    ("(2+3)*4", "2+(3*4)"), ("2 - (3 - 4)", "(2 - 3) - 4"), ("[0,1)", "[0,1]"), ("[0,1]", "(0,1)"),
    ("café", "cafe"), ("कि", "का"), ("we're", "were"), ("👍", "👎"), ("?", "!"), ("- = ?", "+ = ?"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_case_space_width_and_framing_marks_make_no_difference(one, other):
    assert query_key(one) == query_key(other)
    assert query_key(f"Is {one} so") == query_key(f"is {other} so.")


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_signs_that_carry_meaning_make_a_difference(one, other):
    assert query_key(one) != query_key(other)
    if one not in ("?", "!"):
        assert query_key(f"What is {one}") != query_key(f"What is {other}")


@given(st.text(max_size=40))
def test_any_text_has_a_key_and_outer_marks_do_not_change_it(text):
    key = query_key(text)
    assert key == query_key(f"  {text} \n")
    assert key == " ".join(key.split())
    assert bool(key) or not text.strip() or not text.isprintable()


def test_every_use_takes_the_same_definition():
    """Retrieval, overlap, hold-outs and new queries: the same pairs are one query in each."""
    from stillhouse.augment.augment import content_id
    from stillhouse.augment.filters import HeldOut
    from stillhouse.ingest.overlap import keys_of, overlap
    from stillhouse.ingest.splits import _groups
    from stillhouse.retrieve.rows import split_sides

    def repeats(one, other):
        rows = [
            {"id": id_, "split": split, "query": query, "group": None}
            for id_, split, query in (("a", "train", one), ("b", "test", other))
        ]
        sides = split_sides(rows, exclude_same_group=False)
        return {
            "retrieval": sides.pool.text[0] in sides.asking.text[[1]],
            "overlap": overlap(rows)["test"]["train"]["queries"] == 1,
            "hold-out": len(set(_groups(rows, keys_of(rows)))) == 1,
            "held out": HeldOut([one], [], 99).repeats(other),
            "new id": content_id(one) == content_id(other),
        }

    for one, other in SAME:
        assert set(repeats(one, other).values()) == {True}, (one, other, repeats(one, other))
    for one, other in DIFFERENT:
        assert set(repeats(one, other).values()) == {False}, (one, other, repeats(one, other))
