"""The near-duplicate filter accepts exactly what comparing every pair accepts."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.augment.duplicates import NearDuplicates
from stillhouse.augment.filters import Kept
from stillhouse.config.augment import Filters
from stillhouse.core.rouge import tokens
from tests.augment.rouge import rouge_l

WORDS = st.lists(st.sampled_from(["a", "b", "97", "de", "e", "fgh", "ß1", "水"]), max_size=14)
TEXTS = st.lists(WORDS.map(" ".join), max_size=30)
THRESHOLDS = st.sampled_from([0.1, 0.5, 0.7, 0.75, 0.9, 1.0])


def accepted_by_all_pairs(texts, threshold):
    limit = Fraction(str(threshold))
    kept = []
    for text in map(tokens, texts):
        if all(rouge_l(text, other) <= limit for other in kept):
            kept.append(text)
    return kept


def accepted(texts, threshold, common=()):
    seen, kept = NearDuplicates(threshold, common), []
    for text in texts:
        if not seen.holds(text):
            seen.add(text)
            kept.append(tokens(text))
    return kept


@settings(max_examples=120)
@given(TEXTS, THRESHOLDS, TEXTS)
def test_the_same_set_as_the_quadratic_rule(texts, threshold, common):
    assert accepted(texts, threshold, common) == accepted_by_all_pairs(texts, threshold)


@given(WORDS, st.lists(st.tuples(st.integers(0, 13), st.sampled_from("abcxyz")), max_size=5))
def test_edited_copies_are_decided_alike(words, edits):
    copy = list(words)
    for place, word in edits:
        copy[place : place + 1] = [word]
    texts = [" ".join(words), " ".join(copy)]
    assert accepted(texts, 0.7) == accepted_by_all_pairs(texts, 0.7)


@pytest.mark.parametrize(
    ("one", "other", "score"),
    [
        ("the cat sat", "The cat, sat!", 1),
        ("police killed the gunman", "police kill the gunman", 0.75),
        ("police killed the gunman", "the gunman kill police", 0.5),
        ("a b", "c d", 0),
        ("", "", 0),
        ("Ünïcode zählt", "ünïcode ZÄHLT", 1),
    ],
)
def test_what_is_close_has_a_rouge_l_above_the_threshold(one, other, score):
    assert rouge_l(tokens(one), tokens(other)) == score
    for threshold in (0.01, score - 0.01, score):
        if 0 < threshold <= 1:
            seen = NearDuplicates(threshold)
            seen.add(one)
            assert seen.holds(other) == (score > threshold)


def test_a_score_of_exactly_the_threshold_is_no_duplicate():
    seen = NearDuplicates(0.7)
    seen.add("a b c d e f g x y z")
    assert rouge_l(list("abcdefgxyz"), list("abcdefghij")) == Fraction(7, 10)
    assert not seen.holds("a b c d e f g h i j")
    assert seen.holds("a b c d e f g x i j")


def test_a_text_without_words_is_close_to_nothing():
    seen = NearDuplicates(0.7)
    seen.add("!?")
    assert not seen.holds("!?")


def test_the_same_query_is_a_near_duplicate_also_without_words():
    filters = Filters(min_words=1, max_words=99, rouge_l=0.99, ngram=99)
    kept = Kept(filters, ["+ = ?", "What is it"], ["Is C++ 3.5?"])
    assert kept.problem("+ =") == "near_duplicate"
    assert kept.problem("what is it?!") == "near_duplicate"
    assert kept.problem("- =") is None
    assert kept.problem("is c++  3.5") == "held_out"
    assert kept.problem("Is C 3.5?") is None
    kept.keep("- =")
    assert kept.problem("- = ?") == "near_duplicate"
    kept.drop(1)
    assert kept.problem("- = ?") is None
    assert kept.problem("+ =") == "near_duplicate"
