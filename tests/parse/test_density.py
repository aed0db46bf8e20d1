"""Summaries: the last of a Chain of Density's four, or a whole reply; and nothing that is less."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.dataset import Answer
from stillhouse.config.prompt import Reply
from stillhouse.parse.completion import Parsed, parse_completion
from stillhouse.parse.form import Form

ANSWER = Answer(metric="summary", markers=("Summary:",))
DENSITY = Reply(content="label", form="chain_of_density")
TEXTS = ("This article is about a firm.", "Acme, a firm, grew.", "Acme grew 5%.", "Acme: +5%, US.")


def rounds(*texts):
    return [
        {"missing_entities": f"Acme {n}", "denser_summary": text} for n, text in enumerate(texts)
    ]


def parse(text, reason="stop", reply=DENSITY, **changes):
    form = Form(reply.model_copy(update=changes), "summary", ANSWER, ("Article:",))
    return parse_completion(text, reason, form)


def whole(text, reason="stop"):
    return parse(text, reason, Reply(content="label"))


LIST = json.dumps(rounds(*TEXTS))


@pytest.mark.parametrize(
    "text",
    [
        LIST,
        json.dumps(rounds(*TEXTS), indent=2),
        f"```json\n{LIST}\n```",
        json.dumps([{"Missing_Entities": each["missing_entities"].split(),
                     "Denser Summary": each["denser_summary"]} for each in rounds(*TEXTS)]),
        LIST.replace("}]", "},]"),
        LIST + "\n\nArticle:\nAnother one.",
    ],
)  # fmt: skip
def test_the_last_of_four_summaries_is_the_label(text):
    assert parse(text) == Parsed(None, TEXTS[-1], "ok")


@pytest.mark.parametrize(
    "text",
    [
        f"Here are the summaries:\n\n{LIST}\n\nI hope this helps!",
        json.dumps({"summaries": rounds(*TEXTS)}),
        f"The entities [1] and [2] come first. {LIST}",
    ],
)
def test_what_stands_around_the_list_is_forgiven(text):
    assert parse(text) == Parsed(None, TEXTS[-1], "repaired")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8])
def test_a_list_of_another_length_is_no_chain(count):
    texts = [f"Summary {n} of Acme." for n in range(count)]
    assert parse(json.dumps(rounds(*texts))) == Parsed(None, None, "malformed")


@pytest.mark.parametrize("end", [1, 2, 30, 60, len(LIST) // 2, len(LIST) - 40, len(LIST) - 1])
def test_a_list_that_is_cut_off_has_no_last_summary(end):
    assert parse(LIST[:end]) == Parsed(None, None, "malformed")
    assert parse(LIST[:end], "length") == Parsed(None, None, "truncated")
    assert parse(LIST[:end], "length", require_stop=True) == Parsed(None, None, "truncated")


def test_a_whole_list_of_a_completion_that_did_not_end_counts_where_it_may():
    assert parse(LIST, "length").label == TEXTS[-1]
    assert parse(LIST, "length", require_stop=True) == Parsed(None, None, "truncated")


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("change", [
    {"denser_summary": ""}, {"denser_summary": " \n."}, {"denser_summary": None},
    {"denser_summary": ["Acme grew."]}, {"missing_entities": None}, {"missing_entities": [None]},
])  # fmt: skip
def test_each_round_says_what_it_adds_and_has_a_summary(place, change):
    listed = rounds(*TEXTS)
    listed[place] |= change
    assert parse(json.dumps(listed)) == Parsed(None, None, "malformed")


@pytest.mark.parametrize(
    "text",
    [
        f"{LIST}\n{json.dumps(rounds(*reversed(TEXTS)))}",
        "\n".join(map(json.dumps, rounds(*TEXTS))),
        json.dumps([*rounds(*TEXTS[:3]), TEXTS[3]]),
        json.dumps(TEXTS),
        "Acme grew 5% in the US.",
        "[[[[",
        "[" * 5_000,
    ],
)
def test_what_is_not_the_one_list_is_none(text):
    assert parse(text) == Parsed(None, None, "malformed")


@given(st.lists(st.text(max_size=30), max_size=6), st.integers(0, 200))
def test_only_four_written_summaries_ever_give_a_label(texts, cut):
    text = json.dumps(rounds(*texts))
    readable = len(texts) == 4 and all(any(c.isalnum() or c == "_" for c in t) for t in texts)
    found = parse(text)
    if found.label is not None:
        assert readable
        assert found.label in texts[-1]
    short = parse(text[:cut])
    assert short.label is None or cut >= len(text)


def test_brackets_and_markers_within_a_summary_are_its_own():
    text = 'He said: "The answer is [no]".\nAnswer: Acme {Inc.} grew; see [1].'
    assert parse(json.dumps(rounds(*TEXTS[:3], text))).label == text


PLAIN = (
    "Acme of Leeds grew 5% in May.\n\nThe answer is that its chief, Ann Lee, cut costs: 3 plants."
)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (PLAIN, "ok"),
        (f"\n{PLAIN}\n", "ok"),
        (f"Here is a concise summary of the article:\n\n{PLAIN}", "repaired"),
        (f"Sure, here's the summary in 80 words:\n\n{PLAIN}", "repaired"),
        (f"**Summary:** {PLAIN}", "repaired"),
        (f"Entity-dense summary:\n{PLAIN}", "repaired"),
        (f"{PLAIN}\n\n(Word count: 21)", "repaired"),
        (f"{PLAIN}\n\nArticle:\n\nThe next one.", "ok"),
        (f"{PLAIN}<|im_end|>", "ok"),
    ],
)
def test_a_vanilla_summary_is_the_whole_reply(text, status):
    assert whole(text) == Parsed(None, PLAIN, status)


@pytest.mark.parametrize(
    "text",
    [
        "Here in Leeds, Acme grew: sales rose 5%.",
        "Summary justice was done in Leeds: two men were fined.",
        "Note: taking the lead, Acme grew.\nAnn Lee said so.",
        "Acme noted 80 words: they were all its own.",
    ],
)
def test_a_summary_that_begins_like_a_heading_stays_whole(text):
    assert whole(text) == Parsed(None, text, "ok")


def test_a_summary_that_was_cut_off_or_says_nothing_is_none():
    assert whole(PLAIN, "length") == Parsed(None, None, "truncated")
    assert whole(" \n ") == Parsed(None, None, "empty")
    assert whole("...") == Parsed(None, None, "empty")
    assert whole("Summary:\n") == Parsed(None, None, "empty")
