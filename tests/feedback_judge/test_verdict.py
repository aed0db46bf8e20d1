"""Reading scores: from the end, only clear ones, and never a number that was not given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.feedback_judge.verdict import read_verdict
from tests.feedback_judge.judges import judge

PAIR = judge()


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("Both fine.\nScore of 1: 8\nScore of 2: 6.5", (8, 6.5)),
        ("Score of 1: 8/10\nScore of 2: 6 out of 10.", (8, 6)),
        ("**Score of 1:** 8\n**Score of 2:** **6**", (8, 6)),
        ("score  of 1 : 10\nSCORE OF 2: 1\n\nI hope this helps.", (10, 1)),
        ("Score of 1: 8 Score of 2: 6", (8, 6)),
        ("Score of 1: 2\nScore of 2: 3\nNo, wait.\nScore of 1: 8\nScore of 2: 6", (8, 6)),
        ("I would write Score of 1: high at first.\nScore of 1: 8\nScore of 2: 6", (8, 6)),
        ("Score of 1: <8>\nScore of 2: (6)", (8, 6)),
        ("Score of 1: 8", None),
        ("Score of 2: 6\nScore of 1: 8", None),
        ("Score of 1: 8\nScore of 2: good", None),
        ("Score of 1: 8\nScore of 2: <score>", None),
        ("Score of 1: 7-8\nScore of 2: 6", None),
        ("Score of 1: 7 or 8\nScore of 2: 6", None),
        ("Score of 1: 0\nScore of 2: 6", None),
        ("Score of 1: 11\nScore of 2: 6", None),
        ("Score of 1: -3\nScore of 2: 6", None),
        ("8 and 6", None),
        ("", None),
    ],
)
def test_two_scores(text, scores):
    assert read_verdict(text, "stop", PAIR) == scores


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("Score of 1: 8\nScore of 2: 1", None),  # it may have become 10
        ("Score of 1: 8\nScore of 2: 1\n", (8, 1)),
        ("Score of 1: 8\nScore of 2: 1\nAnd so", (8, 1)),
        ("It goes on and on", None),
    ],
)
def test_a_completion_that_was_cut(text, scores):
    assert read_verdict(text, "length", PAIR) == scores


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Same value.\nVerdict: correct", 1),
        ("Verdict: **Incorrect**.", 0),
        ("Verdict: correct\nNo.\nVerdict: incorrect", 0),
        ("Verdict: not correct", None),
        ("Verdict: correct or incorrect", None),
        ("Verdict: 1", None),
        ("It is correct.", None),
    ],
)
def test_words(text, score):
    expected = None if score is None else (score,)
    assert read_verdict(text, "stop", judge("reference")) == expected


@given(st.text(), st.sampled_from(["stop", "length"]), st.sampled_from([PAIR, judge("reference")]))
def test_no_completion_raises_and_scores_lie_on_the_scale(text, reason, conf):
    verdict = read_verdict(text, reason, conf)
    low, high = conf.scale
    assert verdict is None or all(low <= score <= high for score in verdict)


@given(st.text(alphabet="abc 0123456789:\n", max_size=60), st.integers(1, 10), st.integers(1, 10))
def test_what_is_written_before_the_scores_does_not_matter(before, one, two):
    text = f"{before}\nScore of 1: {one}\nScore of 2: {two}"
    assert read_verdict(text, "stop", PAIR) == (one, two)
