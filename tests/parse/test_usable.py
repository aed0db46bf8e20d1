"""What counts as a usable completion, and that a run stops where too few are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.dataset import Answer
from stillhouse.config.prompt import Reply
from stillhouse.core import paths, tables
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_json
from stillhouse.core.joins import by_id
from stillhouse.parse.completion import parse_completion
from stillhouse.parse.form import Form
from stillhouse.parse.parse import parse_completions
from stillhouse.parse.usable import require_usable
from tests.config.project import edit, write_project
from tests.parse.test_parse import ANSWER, CHOICES, completion, example
from tests.pipeline.scripts import run

GOOD, BAD, CUT = "The answer is (c) beach.", "It may be a place.", "Sand lies there and"


def check(texts, minimum, splits=(), reply="label"):
    splits = [*splits, *["train"] * len(texts)]
    rows = [example(f"r{n}", split=splits[n]) for n in range(len(texts))]
    completions = [
        completion(f"r{n}", text, finish_reason="length" if text == CUT else "stop")
        for n, text in enumerate(texts)
    ]
    form = Form(Reply.model_validate({"content": reply, "require_stop": True}), "nli", ANSWER)
    parsed, _ = parse_completions(rows, completions, form)
    require_usable(parsed, completions, by_id(rows, "examples"), minimum)


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("The answer is (c) beach.", "label"),
        ("Sand. The answer is (c) beach.\nQ: And the next", "rationale_then_label"),
        ("Sand lies there. It is warm.", "rationale"),
        ('{"rationale": "Sand.", "answer": "beach"}', {"content": "label", "form": "json"}),
    ],
)
def test_a_completion_that_did_not_end_by_itself_counts_only_where_it_may(text, reply):
    form = Form(Reply.model_validate(reply), "nli", Answer(metric="choice"))
    strict = Form(form.reply.model_copy(update={"require_stop": True}), form.task, form.answer)
    assert parse_completion(text, "length", form, CHOICES).status in ("ok", "repaired")
    assert parse_completion(text, "length", strict, CHOICES) == (None, None, "truncated")
    assert parse_completion(text, "refusal", strict, CHOICES).status == "refused"
    ended = parse_completion(text, "stop", strict, CHOICES)
    assert ended == parse_completion(text, "stop", form, CHOICES)


def test_with_too_few_the_message_says_what_went_wrong_and_what_to_do():
    texts = [GOOD, GOOD, CUT, CUT, CUT, BAD, ""]
    with pytest.raises(StillhouseError) as found:
        check(texts, 0.7)
    said = str(found.value)
    assert "completed 7 rows to train on, and 2 of the completions can be used: 28.6%" in said
    assert "`reply.minimum_usable` is 70.0%. Lost: 3 truncated, 1 " in said
    assert f"  r2, truncated: {CUT!r}" in said
    assert re.search(r"  r5, \w+: 'It may be a place.'", said)
    assert "larger `decoding.max_tokens`" in said


def test_a_long_completion_is_shown_by_its_ends():
    with pytest.raises(StillhouseError, match=r"r0, \w+: 'so x+ \[\.\.\.\] x+ on'"):
        check([f"so {'x' * 5000} on"], 1.0)


def test_rows_that_score_stop_no_run():
    check([GOOD, BAD, BAD], 1.0, splits=("train", "test", "validation"))
    with pytest.raises(StillhouseError, match="1 of the completions"):
        check([GOOD, BAD], 1.0, splits=("train", "unlabelled"))


def test_nothing_is_asked_for_by_default():
    assert (Reply(content="label").require_stop, Reply(content="label").minimum_usable) == (
        False,
        0.0,
    )
    check([BAD, BAD], 0.0)
    check([], 1.0)


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 12))
def test_it_stops_exactly_below_the_share(good, least):
    share = min(least, len(good)) / len(good)
    texts = [GOOD if each else BAD for each in good]
    if sum(good) >= min(least, len(good)):
        check(texts, share)
    else:
        with pytest.raises(StillhouseError):
            check(texts, share)


def test_the_stage_parse_writes_nothing_then(tmp_path, monkeypatch):
    write_project(tmp_path)
    reply = {"content": "label", "require_stop": True, "minimum_usable": 0.7}
    edit(tmp_path, "conf/prompt/plain.yaml", reply=reply)
    edit(tmp_path, "params.yaml", **{"rationale_source": "none", "lambda": 0.0})
    monkeypatch.chdir(tmp_path)
    tables.EXAMPLES.write_rows([example(f"r{n}", choices=["a b", "c d"]) for n in range(2)])
    asked = [completion("r0", "c d"), completion("r1", "c d", finish_reason="length")]
    tables.COMPLETIONS.write_rows([row | {"reasoning": None} for row in asked])
    write_json(paths.SELECTED, {})  # nothing was searched
    with pytest.raises(SystemExit, match="error in parse: The teacher completed 2 rows"):
        run("parse")
    assert not tables.PARSED.path.exists()
    edit(tmp_path, "conf/prompt/plain.yaml", reply=reply | {"minimum_usable": 0.5})
    run("parse")
    assert [row["status"] for row in tables.PARSED.read_rows()] == ["ok", "truncated"]
