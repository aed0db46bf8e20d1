"""Replies in a declared form, and what a prompt's own headings end."""

import json

import pytest

from stillhouse.config.dataset import Answer, DatasetConf
from stillhouse.config.prompt import PromptConf, Reply
from stillhouse.config.whole import load_entry, names
from stillhouse.parse.completion import Parsed, parse_completion
from stillhouse.parse.form import Form, reply_form
from tests.conftest import REPOSITORY

PLACES = ("bus depot", "train station", "beach")
JSON = {"content": "rationale_then_label", "form": "json"}
BOXED = {"content": "rationale_then_label", "form": "boxed"}


def parse(text, reply=JSON, reason="stop", choices=PLACES, metric="choice", headings=()):
    form = Form(Reply.model_validate(reply), "multiple_choice", Answer(metric=metric), headings)
    return parse_completion(text, reason, form, choices)


GOOD = json.dumps({"rationale": "Trains stop there.", "answer": "(b) train station"})


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Here it is:\n```\n{GOOD}\n```\nAnything else?",
        GOOD.replace("}", ",}"),
        '{"Rationale": "Trains stop there.", "Answer": "B"}',
        '{"x": 1} ' + GOOD,
        "<think>{}</think>" + GOOD,
    ],
)
def test_json_is_read_with_what_stands_around_it(text):
    assert parse(text) == Parsed("Trains stop there.", "train station", "ok")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Trains stop there. The answer is (b).", "malformed"),
        ('{"rationale": "So.", "answer": "(b)', "malformed"),
        ('{"rationale": "So."}', "empty"),
        ('{"rationale": "So.", "answer": ["(a)", "(b)"]}', "ambiguous"),
        ('{"rationale": "So.", "answer": {"a": 1}}', "ambiguous"),
        ('{"rationale": "So.", "answer": "(a) or (b)"}', "ambiguous"),
        ("[" * 100_000, "malformed"),
        ('{"a":' * 30_000, "malformed"),
    ],
)
def test_json_that_is_broken_or_undecided_has_no_label(text, status):
    parsed = parse(text)
    assert (parsed.label, parsed.status) == (None, status)
    assert parse('{"rationale": "So.", "answer": "(b)', reason="length").status == "truncated"


def test_the_keys_of_a_reply_are_its_own():
    reply = JSON | {"keys": {"rationale": "why", "label": "final"}}
    text = '{"why": "Trains.", "final": "beach", "answer": "bus depot"}'
    assert parse(text, reply) == Parsed("Trains.", "beach", "ok")


def test_numbers_and_latex_in_json():
    assert parse('{"rationale": "r", "answer": 42.0}', metric="number").label == "42"
    text = '{"rationale": "half", "answer": "\\frac{1}{2}"}'
    assert parse(text, metric="number", choices=()).label == "0.5"


def test_a_boxed_reply():
    assert parse(r"Trains. \boxed{B}", BOXED) == Parsed("Trains.", "train station", "ok")
    assert parse(r"It is \boxed{A}. No, \boxed{\text{beach}}.", BOXED).label == "beach"
    assert parse(r"Trains. The answer is (b).", BOXED).status == "repaired"
    assert parse(r"Trains. \boxed{B", BOXED, "length").label is None


def test_a_refusal_is_a_status_of_its_own():
    assert parse("I cannot help with that.", reason="refusal") == Parsed(None, None, "refused")


def shipped():
    for prompt in names("prompt", REPOSITORY):
        conf = load_entry(PromptConf, prompt, REPOSITORY)
        for dataset in names("dataset", REPOSITORY):
            described = load_entry(DatasetConf, dataset, REPOSITORY)
            if described.task in conf.tasks:
                yield conf, described


def test_the_headings_of_a_shipped_prompt_end_a_completion():
    """Whatever opens a prompt's examples: a rationale must not hold made-up further ones."""
    seen = set()
    for prompt, dataset in shipped():
        form = reply_form(prompt, dataset)
        for heading in form.headings:
            text = f"Sand lies there.\n\n{heading} What else?\nThe answer is nothing."
            parsed = parse_completion(text, "length", form, ())
            assert "What else" not in (parsed.rationale or ""), (heading, form)
            assert "nothing" not in (parsed.label or "")
            seen.add(heading)
    assert {"Example:", "Question for you:", "Q:", "Premise:"} <= seen


def test_a_heading_at_the_start_repeats_the_query():
    text = "Example: a riddle. Trains stop there.\nThe answer is (b)."
    assert parse(text, "rationale_then_label", headings=("Example:",)).label == "train station"
