"""A row with nothing in a column that its query or label is made of is rejected and counted."""

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.ingest.empty import is_empty
from stillhouse.ingest.examples import build_examples
from tests.ingest.conf import make_conf, raw, texts

BLANKS = ["", " ", "\n\t", "\xa0", "\u200b", None, [], {}]


def build(conf, **splits):
    return build_examples(conf, {name: raw(*rows) for name, rows in splits.items()})


def failure(conf, **splits):
    with pytest.raises(StillhouseError) as error:
        build(conf, **splits)
    return str(error.value)


@pytest.mark.parametrize("blank", BLANKS, ids=repr)
def test_a_blank_cell_is_empty(blank):
    assert is_empty(blank)


@pytest.mark.parametrize(
    "value", [0, 0.0, False, "0", "-", " a ", "\U0001f600", ["", ""], {"a": None}]
)
def test_what_can_be_seen_is_not(value):
    assert not is_empty(value)


@pytest.mark.parametrize("blank", BLANKS, ids=repr)
def test_rows_without_text_or_label_are_rejected_with_the_count(blank):
    conf = make_conf(fields={"query": "Review: {{ text }}"})
    rows = [*texts(3), {"text": blank, "label": "yes"}, {"text": "a", "label": blank}]
    made, looked = build(conf, train=rows)
    assert len(made) == 3
    assert looked.metrics["rejects"] == {"empty `text`": 1, "empty `label`": 1}
    assert looked.places == {"empty `text`": "train.jsonl:4", "empty `label`": "train.jsonl:5"}
    assert looked.metrics["tables"]["empty"] == [
        {"column": "label", "cells": 1},
        {"column": "text", "cells": 1},
    ]


def test_a_column_of_any_name_counts():
    fields = {"query": '{{ row["the text"] }}', "label": '{{ row.get("the label") }}'}
    good = {"the text": "a", "the label": "yes"}
    rows = [good, good | {"the text": ""}, good | {"the label": None}]
    made, looked = build(make_conf(fields=fields), train=rows)
    assert len(made) == 1
    assert looked.metrics["rejects"] == {"empty `the text`": 1, "empty `the label`": 1}


def test_a_column_that_may_be_empty_is_declared():
    query = "{% if context %}{{ context }}\n{% endif %}{{ text }}"
    rows = [{"text": "a", "label": "yes", "context": c} for c in ("", None, "c")]
    _, looked = build(make_conf(fields={"query": query}), train=rows)
    assert looked.metrics["rejects"] == {"empty `context`": 2}
    made, looked = build(make_conf(fields={"query": query, "optional": ["context"]}), train=rows)
    assert [row["query"] for row in made] == ["a", "a", "c\na"]
    assert looked.metrics["rejects"] == {}
    assert looked.metrics["tables"]["empty"] == [{"column": "context", "cells": 2}]


def test_a_split_of_other_columns_says_for_itself_what_may_be_empty():
    own = {"query": "{{ body }}{{ more }}", "optional": ["more"]}
    conf = make_conf(
        splits={"train": {"read": ["a"]}, "unlabelled": {"read": ["b"], "fields": own}}
    )
    rows = [{"body": "b", "more": ""}, {"body": "", "more": "c"}]
    made, looked = build(conf, train=texts(1), unlabelled=rows)
    assert [row["query"] for row in made] == ["text 0", "b"]
    assert looked.metrics["rejects"] == {"empty `body`": 1}


def test_what_else_a_row_carries_may_be_empty():
    fields = {"rationale": "{{ why }}", "group": "{{ topic }}", "meta": {"note": "{{ note }}"}}
    rows = [row | {"why": "", "topic": None, "note": " "} for row in texts(2)]
    made, looked = build(make_conf(fields=fields), train=rows)
    assert len(made) == 2
    assert [line["column"] for line in looked.metrics["tables"]["empty"]] == [
        "note",
        "topic",
        "why",
    ]


def test_the_label_of_an_unlabelled_row_is_not_read():
    conf = make_conf(splits={name: {"read": [name]} for name in ("train", "unlabelled")})
    made, looked = build(conf, train=texts(1), unlabelled=[{"text": "u", "label": ""}])
    assert len(made) == 2
    assert looked.metrics["rejects"] == {}
    assert looked.metrics["tables"]["empty"] == []


def test_a_column_that_is_not_there_is_an_error_as_ever_or_has_a_default():
    rows = [{"text": "a", "label": "yes"}, {"label": "no"}]
    assert "'text' is undefined" in failure(make_conf(), train=rows)
    conf = make_conf(fields={"query": "Q {{ text | default('?') }}"})
    assert [row["query"] for row in build(conf, train=rows)[0]] == ["Q a", "Q ?"]


def test_an_empty_rating_is_rejected_and_one_that_is_no_number_is_an_error():
    fields = {"label": "{{ 'yes' if rating | int > 3 else 'no' }}"}
    reject = [{"when": "rating | int == 3", "reason": "neither"}]
    conf = make_conf(fields=fields, reject=reject)
    rows = [{"text": f"t{i}", "rating": r} for i, r in enumerate(["5", "3", "", " 4 ", "1.0"])]
    made, looked = build(conf, train=rows)
    assert [row["label"] for row in made] == ["yes", "yes", "no"]
    assert looked.metrics["rejects"] == {"neither": 1, "empty `rating`": 1}
    message = failure(make_conf(fields=fields), train=[*rows, {"text": "x", "rating": "n/a"}])
    for part in ("a template fails, 1 row", "train.jsonl:6: fields.label", "'n/a' is no number"):
        assert part in message


def test_a_split_that_loses_all_its_rows_is_an_error():
    message = failure(make_conf(), train=texts(3), test=[{"text": "", "label": "yes"}] * 2)
    assert "All 2 rows of the split `test` are rejected: empty `text` (2)." in message
    assert "`fields.optional`" in message
    reject = [{"when": "true", "reason": "no use"}]
    assert "no use (3)" in failure(make_conf(reject=reject), train=texts(3))


def test_an_optional_column_that_nothing_reads_is_a_mistake():
    with pytest.raises(ValueError, match=r"'contxt'.*Did you mean 'context'"):
        make_conf(fields={"query": "{{ context }} {{ text }}", "optional": ["contxt"]})


@pytest.mark.parametrize("name", ["train", "unlabelled"])
def test_overlap_is_kept_in_what_is_scored(name):
    splits = {"train": {"read": ["a"]}, "test": {"read": ["b"]}, "unlabelled": {"read": ["c"]}}
    splits[name] = splits[name] | {"keep_overlap": True}
    with pytest.raises(ValueError, match=f"`keep_overlap` of split `{name}` says nothing"):
        make_conf(splits=splits)
