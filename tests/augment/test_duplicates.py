"""The near-duplicate filter accepts exactly what comparing every pair accepts."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.augment.duplicates import NearDuplicates, common_subsequence, rouge_l, tokens
from stillhouse.augment.filters import Kept
from stillhouse.config.augment import Filters

WORDS = st.lists(st.sampled_from("abcdefgh"), max_size=14)
TEXTS = st.lists(WORDS.map(" ".join), max_size=30)
THRESHOLDS = st.sampled_from([0.1, 0.5, 0.7, 0.75, 0.9, 1.0])


def longest(one, other):
    """The textbook recurrence."""
    row = [0] * (len(other) + 1)
    for a in one:
        before = row[:]
        for j, b in enumerate(other):
            row[j + 1] = before[j] + 1 if a == b else max(before[j + 1], row[j])
    return row[-1]


def accepted_by_all_pairs(texts, threshold):
    limit = Fraction(str(threshold))
    kept = []
    for text in map(tokens, texts):
        scores = [Fraction(2 * longest(text, k), max(1, len(text) + len(k))) for k in kept]
        if all(score <= limit for score in scores):
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


@given(WORDS, WORDS)
def test_the_longest_common_subsequence(one, other):
    assert common_subsequence(one, other) == longest(one, other)


@pytest.mark.parametrize(
    ("one", "other", "score"),
    [
        ("the cat sat", "The cat, sat!", Fraction(1)),
        ("police killed the gunman", "police kill the gunman", Fraction(3, 4)),
        ("police killed the gunman", "the gunman kill police", Fraction(1, 2)),
        ("a b", "c d", Fraction(0)),
        ("", "", Fraction(0)),
        ("Ünïcode zählt", "ünïcode ZÄHLT", Fraction(1)),
    ],
)
def test_rouge_l(one, other, score):
    assert rouge_l(tokens(one), tokens(other)) == score


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
