"""Reasoning is never taken for the answer, and the answer never for reasoning."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.core.reasoning import NAMES, opening, split_reasoning
from tests.conftest import REPOSITORY

CASES = {
    "no block": ("The answer is (b).", None, "The answer is (b)."),
    "a block": ("<think>\nA? No.\n</think>\n\nThe answer is (b).", "A? No.", "The answer is (b)."),
    "an empty block": ("<think>\n\n</think>\n\nB", None, "B"),
    "opened by the template": ("A? No.\n</think>\n\nB", "A? No.", "B"),
    "two blocks": ("<think>A</think>B <think>C</think>D", "A\n\nC", "B D"),
    "in the middle": ("I see. <think>(a)?</think>So (b).", "(a)?", "I see. So (b)."),
    "nested": ("<think>x <think>y</think> So (a).</think> (b)", "x\n\ny\n\nSo (a).", "(b)"),
    "opened twice": ("<think>\n<think>\nA?</think>\nB", "A?", "B"),
    "upper case": ("<THINK>A?</Think>B", "A?", "B"),
    "another closing tag": ("<think>A?</thinking>B", "A?", "B"),
    "a second closing tag": ("<think>A?</think> So (a)? </think> B", "A?\n\nSo (a)?", "B"),
    "a tag spoken of": ("The tag `<think>` opens it.", None, "The tag `<think>` opens it."),
    "a pair spoken of": ("`<think>…</think>` hides it.", None, "`<think>…</think>` hides it."),
    "spoken of while reasoning": ("<think>then `</think>` and\nB?</think>C", None, "C"),
    "fenced code": ("See:\n```\n<think>\n```\n(b)", None, "See:\n```\n<think>\n```\n(b)"),
    "fenced code while reasoning": (
        "<think>```\nx</think>B\n```\ny\n```",
        "```\nx",
        "B\n```\ny\n```",
    ),
    "other tags": ("<thinks>x</thinks> <b>y</b>", None, "<thinks>x</thinks> <b>y</b>"),
    "a comparison": ("1 < 2 and think > 3", None, "1 < 2 and think > 3"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_reasoned_and_what_is_said(name):
    text, reasoning, said = CASES[name]
    split = split_reasoning(text)
    assert (split.text, split.unclosed) == (said, False)
    if name != "spoken of while reasoning":
        assert split.reasoning == reasoning


@pytest.mark.parametrize("tag", NAMES)
def test_every_known_tag(tag):
    assert split_reasoning(f"<{tag}>A?</{tag}>B") == ("A?", "B", False)


@pytest.mark.parametrize(
    "text",
    [
        "<think>\nMaybe the answer is (a).\nBut wait",
        "<think>",
        "So the answer is (a). <think>Or is it",
        "<think>x <think>y</think> So the answer is (a).",
        "<think>done?</think>The answer is (a). <think>wait",
    ],
)
def test_a_block_that_never_closes_leaves_no_answer(text):
    split = split_reasoning(text)
    assert (split.text, split.unclosed) == ("", True)


def test_a_block_that_the_prompt_opened():
    assert split_reasoning("Maybe (a)", opened=True) == ("Maybe (a)", "", True)
    assert split_reasoning("A?</think>B", opened=True) == ("A?", "B", False)
    assert split_reasoning("<think>\nA?</think>B", opened=True) == ("A?", "B", False)
    assert split_reasoning("", opened=True) == (None, "", True)


@pytest.mark.parametrize(
    ("prompt", "tag"),
    [
        ("<|im_start|>assistant\n<think>\n", "<think>\n"),
        ("<|im_start|>assistant\n", ""),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", ""),
        ("What does <think> mean?", ""),
        ("<think>", "<think>"),
        ("", ""),
    ],
)
def test_the_tag_that_a_prompt_ends_with(prompt, tag):
    assert opening(prompt) == tag


PIECES = ["<think>", "</think>", "<Thought>", "`", "```\n", "a", " ", "\n", "<", "</"]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.booleans())
def test_no_tag_is_lost_and_nothing_is_made_up(text, opened):
    split = split_reasoning(text, opened=opened)
    assert not (split.unclosed and split.text)
    for part in (split.text, split.reasoning or ""):
        assert set(part) <= set(text) | {"\n"}
    if not opened and "<" not in text:
        assert split == (None, text, False)
    # What is said holds nothing that would be taken off again, but where a part taken out
    # joined its neighbours.
    if "`" not in text and "<" not in split.text.replace("<think>", ""):
        assert not split_reasoning(split.text).unclosed


@pytest.mark.parametrize(
    "text",
    [
        "<" * 1_000_000,
        "`" * 1_000_000,
        "<think>" * 140_000,
        "</think>" * 125_000,
        "<think>a</think>" * 60_000,
        "```a\n" * 200_000 + "<think>",
        "```\n" * 250_000 + "<think>",
        "<think>`a" * 100_000,
        "< think" * 140_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_megabyte_takes_a_moment(text):
    split_reasoning(text)  # hours, were the time not linear in the length


def test_the_shared_cases():
    path = REPOSITORY.parent / "shared" / "cases" / "answers" / "think.jsonl"
    if not path.exists():
        pytest.skip(f"the cases are not here ({path})")
    for line in path.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        split = split_reasoning(case["text"])
        assert "<" not in split.text
        if case["finish_reason"] == "length":
            assert split.unclosed
        if case["expected"]:
            assert case["expected"] in split.text
