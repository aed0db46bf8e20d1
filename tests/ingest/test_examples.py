import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.dataset import Reject
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import EXAMPLES
from stillhouse.ingest.examples import build_examples
from stillhouse.ingest.files import read_file
from tests.conftest import REPOSITORY
from tests.ingest.conf import make_conf, raw, texts

HELD_OUT = {
    "train": {"read": ["all.jsonl"]},
    "test": {"hold_out_from": "train", "share": 0.25},
}
GROUPED = {"group": "{{ topic }}"}


def build(conf, limit=None, exemplars=(), **splits):
    made, looked = build_examples(conf, {n: raw(*r) for n, r in splits.items()}, exemplars, limit)
    return made, looked.metrics


def ids(rows, split):
    return {row["id"] for row in rows if row["split"] == split}


def groups(rows, split):
    return {row["group"] for row in rows if row["split"] == split}


def failure(conf, **splits):
    with pytest.raises(StillhouseError) as error:
        build(conf, **splits)
    return str(error.value)


def failure_of(conf, rows):
    with pytest.raises(StillhouseError) as error:
        build_examples(conf, {"train": rows})
    return str(error.value)


def test_templates_make_the_fields(tmp_path):
    conf = make_conf(
        fields={
            "id": "{{ n }}",
            "query": "  {{ text }}\n({{ _split }} {{ _row }})\n\n",
            "choices": "options",
            "rationale": "{{ why }}",
            "group": "{{ topic }}",
            "meta": {"z": "{{ n }}", "a": "é"},
        }
    )
    row = {"n": 7, "text": "T", "label": "b ", "options": ["a", " b"], "why": None, "topic": ""}
    rows, metrics = build(conf, train=[row])
    assert rows == [
        {
            "id": "7",
            "split": "train",
            "query": "T\n(train 0)",
            "label": "b",
            "choices": ["a", "b"],
            "gold_rationale": None,
            "group": None,
            "meta": '{"a": "é", "z": "7"}',
        }
    ]
    assert [metrics[name] for name in ("rows", "unlimited", "rejects", "overlap")] == [
        {"train": 1},
        {"train": 1},
        {},
        {},
    ]
    EXAMPLES.at(tmp_path / "examples.parquet").write_rows(rows)


def test_unlabelled_rows_have_neither_label_nor_rationale():
    conf = make_conf(
        splits={"train": {"read": ["a"]}, "unlabelled": {"read": ["b"]}},
        fields={"label": "{{ {'A': 'yes'}[label] }}", "rationale": "{{ text }}"},
    )
    rows, _ = build(conf, train=[{"text": "a", "label": "A"}], unlabelled=[{"text": "b"}])
    assert [(row["label"], row["gold_rationale"]) for row in rows] == [("yes", "a"), (None, None)]


def test_rejected_rows_are_counted_by_reason_and_never_rendered():
    conf = make_conf(
        reject=[
            {"when": "label == -1", "reason": "no gold label"},
            {"when": "text | length > 6", "reason": "too long"},
            {"when": "false", "reason": "never"},
        ],
        fields={"label": "{{ ['yes', 'no'][label] }}", "id": "{{ _row }}"},
    )
    rows, metrics = build(
        conf, train=[{"text": t, "label": n} for t, n in [("a", -1), ("b", 1), ("long text", 7)]]
    )
    assert [(row["id"], row["label"]) for row in rows] == [("1", "no")]
    assert metrics["rejects"] == {"no gold label": 1, "too long": 1, "never": 0}


def test_ids_from_content_do_not_depend_on_the_order_and_number_repeats():
    rows = texts(6) + texts(2) + texts(1)
    forward, _ = build(make_conf(), train=rows)
    backward, _ = build(make_conf(), train=rows[::-1])
    by_id = {row["id"]: row for row in forward}
    assert by_id == {row["id"]: row for row in backward}
    assert len(by_id) == 9
    assert all(re.fullmatch(r"train-[0-9a-f]{16}(-[23])?", id_) for id_ in by_id)
    assert sorted(id_.count("-") for id_ in by_id) == [1] * 6 + [2] * 3


@given(
    labels=st.lists(st.sampled_from(["yes", "no"]), min_size=8, max_size=40),
    order=st.randoms(use_true_random=False),
)
def test_held_out_groups_stay_whole_and_do_not_depend_on_the_order(labels, order):
    rows = [{"text": f"{i}", "label": x, "topic": f"{i // 3}"} for i, x in enumerate(labels)]
    conf = make_conf(splits=HELD_OUT, fields=GROUPED)
    forward, _ = build(conf, train=rows)
    assert len(forward) == len(rows)
    assert groups(forward, "train").isdisjoint(groups(forward, "test"))
    order.shuffle(rows)
    shuffled, _ = build(conf, train=rows)
    assert ids(forward, "test") == ids(shuffled, "test")


def test_a_share_counts_groups_and_two_hold_outs_do_not_overlap():
    splits = HELD_OUT | {"validation": {"hold_out_from": "train", "share": 0.1}}
    rows, metrics = build(make_conf(splits=splits, fields=GROUPED), train=texts(120))
    assert {name: len(groups(rows, name)) for name in splits} == {
        "train": 26,
        "test": 10,
        "validation": 4,
    }
    assert metrics["rows"] == {"train": 78, "test": 30, "validation": 12}
    fewer, _ = build(make_conf(splits=HELD_OUT, fields=GROUPED), train=texts(120))
    assert ids(fewer, "test") == ids(rows, "test"), "another hold-out changes nothing"


def test_repeats_of_a_row_without_group_are_never_on_both_sides():
    rows, _ = build(make_conf(splits=HELD_OUT), train=texts(20) * 2)
    queries = [{row["query"] for row in rows if row["split"] == s} for s in ("train", "test")]
    assert queries[0].isdisjoint(queries[1])


def test_rows_that_ask_the_same_are_never_on_both_sides_whatever_their_groups():
    rows = [
        {"text": f"Text {i}{end}", "label": "yes", "topic": f"{i}{end}"}
        for i in range(40)
        for end in ("", "?", " ?!")
    ]
    made, metrics = build(make_conf(splits=HELD_OUT, fields=GROUPED), train=rows)
    assert metrics["overlap"]["test"]["train"] == {"ids": 0, "queries": 0}
    assert metrics["rows"] == {"train": 90, "test": 30}
    assert groups(made, "test").isdisjoint(groups(made, "train"))


def test_too_much_held_out_is_a_mistake():
    conf = make_conf(splits=HELD_OUT | {"test": {"hold_out_from": "train", "share": 0.9}})
    assert "leaves no rows in `train`" in failure(conf, train=texts(2))


def test_limit_keeps_nested_subsets_of_the_train_rows_alone():
    kept = []
    for limit in (5, 10, 20, 1000):
        rows, metrics = build(make_conf(), limit, train=texts(40), test=texts(9, first=90))
        kept.append(ids(rows, "train"))
        assert metrics["rows"] == {"train": min(limit, 40), "test": 9}
    assert kept[0] < kept[1] < kept[2] < kept[3]


def test_rows_keeps_a_nested_subset_of_any_split():
    def test_ids(count):
        splits = {"train": {"read": ["a"]}, "test": {"read": ["b"], "rows": count}}
        rows, _ = build(make_conf(splits=splits), train=texts(4), test=texts(30, first=50))
        return ids(rows, "test")

    assert test_ids(5) < test_ids(12)
    assert len(test_ids(5)) == 5


def test_a_permutation_is_numpys():
    order = {"seed": 0, "order_by": "name.split('-')[1] | int"}
    conf = make_conf(
        splits={
            "train": {"read": ["a"], "permutation": order | {"stop": 7}},
            "test": {"read": ["a"], "permutation": order | {"start": 7, "stop": 10}},
        },
        fields={"id": "{{ _split }}-{{ _row }}"},
    )
    rows = [{"text": f"{i}", "label": "yes", "name": f"row-{i}"} for i in range(10)]
    made, _ = build(conf, train=rows[::-1], test=rows[::-1])
    # numpy.random.RandomState(0).permutation(10)
    assert [row["query"] for row in made] == list("2849167305")
    assert [row["id"] for row in made][:8] == [*(f"train-{i}" for i in range(7)), "test-0"]
    too_far = make_conf(splits={"train": {"read": ["a"], "permutation": order | {"stop": 11}}})
    assert "`permutation.stop` is 11, but there are 10 rows" in failure(too_far, train=rows)
    same = make_conf(
        splits={"train": {"read": ["a"], "permutation": {"seed": 0, "stop": 2, "order_by": "text"}}}
    )
    assert "the same value" in failure(same, train=texts(1) * 2)


OVERLAPPING = {
    "train": [{"text": "Is it  SO?", "label": "no"}, {"text": "x", "label": "no"}],
    "test": [{"text": text, "label": "yes"} for text in ("is it so", "y", "z + 1", "?!", "v")],
    "validation": [{"text": "V.", "label": "yes"}, {"text": "w", "label": "yes"}],
    "unlabelled": [{"text": "Z + 1."}, {"text": "z * 1"}, {"text": "W"}],
}
HUMAN = [{"query": query, "rationale": "R", "label": "yes"} for query in ("Y", "q")]


def overlapping(**keep):
    splits = {
        name: {"read": [name]} | ({"keep_overlap": True} if name in keep else {})
        for name in OVERLAPPING
    }
    return build(make_conf(splits=splits), exemplars=raw(*HUMAN), **OVERLAPPING)


def learnt(train=0, validation=None, unlabelled=0, exemplar=0):
    found = {"train": train, "unlabelled": unlabelled, "exemplar": exemplar}
    if validation is not None:
        found["validation"] = validation
    return {name: {"ids": 0, "queries": count} for name, count in found.items()}


def test_rows_that_ask_a_scored_query_are_not_learnt_from():
    rows, metrics = overlapping()
    assert metrics["taken_out"] == {"train": 1, "validation": 1, "unlabelled": 2, "exemplar": 1}
    assert metrics["overlap"] == {"test": learnt(validation=0), "validation": learnt()}
    assert metrics["rows"] == {"train": 1, "test": 5, "validation": 1, "unlabelled": 1}
    assert [row["query"] for row in rows if row["split"] != "test"] == ["x", "w", "z * 1", "q"]
    assert rows[-1]["id"] == "exemplar-001", "the others keep their names"


def test_published_splits_that_overlap_are_kept_where_the_entry_says_so():
    _, metrics = overlapping(test=True)
    assert metrics["taken_out"] == {"train": 0, "unlabelled": 1, "exemplar": 0}
    assert metrics["overlap"]["test"] == learnt(1, 1, 1, 1)
    assert metrics["overlap"]["validation"] == learnt()
    rows, metrics = overlapping(test=True, validation=True)
    assert metrics["taken_out"] == {}
    assert len(rows) == 14
    assert metrics["overlap"]["validation"] == learnt(unlabelled=1)


def test_a_split_whose_every_row_is_scored_is_a_mistake():
    message = failure(make_conf(), train=texts(3), test=texts(5))
    assert "Every row of the split `train` has a query of test" in message
    assert "`keep_overlap: true` in `splits.test`" in message


def test_rows_that_are_taken_out_are_none_of_the_limit():
    rows, metrics = build(make_conf(), 10, train=texts(30), test=texts(10))
    assert metrics["rows"] == {"train": 10, "test": 10}
    assert metrics["unlimited"] == {"train": 20}
    assert metrics["taken_out"] == {"train": 10}
    all_rows, _ = build(make_conf(), None, train=texts(30)[10:], test=texts(10))
    assert ids(rows, "train") < ids(all_rows, "train")


def test_unlabelled_rows_do_not_ask_what_is_held_out():
    conf = make_conf(splits=HELD_OUT | {"unlabelled": {"read": ["b"]}})
    more = [{"text": row["text"].upper()} for row in texts(60)]
    made, metrics = build(conf, train=texts(40), unlabelled=more)
    assert metrics["taken_out"] == {"train": 0, "unlabelled": 10}
    assert metrics["rows"] == {"train": 30, "test": 10, "unlabelled": 50}
    assert metrics["duplicates_over_splits"] == 30, "labelled training rows may be among them"
    assert len(made) == 90


def test_a_split_may_have_its_own_columns():
    own = {"query": "{{ body }}", "id": "{{ _split }}-{{ _row }}", "meta": {}}
    conf = make_conf(
        splits={"train": {"read": ["a"]}, "unlabelled": {"read": ["b"], "fields": own}},
        fields={"meta": {"topic": "{{ topic }}"}},
    )
    rows, _ = build(conf, train=texts(1), unlabelled=[{"body": "another"}])
    assert [(row["query"], row["label"], row["meta"]) for row in rows] == [
        ("text 0", "yes", '{"topic": "topic 0"}'),
        ("another", None, None),
    ]
    assert rows[1]["id"] == "unlabelled-0"


def test_human_exemplars_keep_their_order():
    exemplars = raw(
        {"query": "Q2", "rationale": "R2", "label": "not a choice"},
        {"query": "Q1", "rationale": "R1", "label": "yes"},
    )
    rows, metrics = build(make_conf(), exemplars=exemplars, train=texts(2))
    human = [row for row in rows if row["split"] == "exemplar"]
    assert [(row["id"], row["query"]) for row in human] == [
        ("exemplar-000", "Q2"),
        ("exemplar-001", "Q1"),
    ]
    assert metrics["rows"] == {"train": 2}


@pytest.mark.parametrize(
    ("fields", "row", "says"),
    [
        ({"query": "{{ txt }}"}, {}, ["a template fails", "'txt' is undefined", "'text'", ":2"]),
        ({}, {"label": "maybe"}, ["not among the choices", "'maybe'", "['yes', 'no']", ":2"]),
        ({"label": "{{ n[5:] }}"}, {}, ["label is empty", "`reject`", "`unlabelled`"]),
        ({"query": "{{ n[1:] }}"}, {}, ["query is empty", "train.jsonl:2"]),
        ({"id": "{{ text }}"}, {"text": "text 0"}, ["occurs twice", "train.jsonl:1", ":2"]),
        ({"id": "{{ n }}"}, {"n": ""}, ["id is empty"]),
        ({"choices": "text"}, {}, ["gives str, not a list"]),
        ({"choices": "[label, '']"}, {}, ["a choice is empty"]),
    ],
)
def test_a_mistake_names_file_row_value_and_remedy(fields, row, says):
    rows = [{"n": "1", **texts(1)[0]}, {"n": "2", **texts(2)[1], **row}]
    message = failure(make_conf(fields=fields), train=rows)
    assert [part for part in says if part not in message] == [], message


METRICS = {"number": "7 or 8", "equation": "many", "exact": "."}


@pytest.mark.parametrize(("metric", "label"), METRICS.items())
def test_a_label_without_a_value_under_the_metric_is_refused_and_counted(metric, label):
    answer = {"answer": {"metric": metric}}
    rows = [{"text": f"t{i}", "label": label if i % 3 else "5"} for i in range(9)]
    message = failure(make_conf(fields={"choices": []}, **answer), train=rows)
    assert f"the label has no value under the metric `{metric}`, 6 rows" in message
    for part in ("train.jsonl:2", repr(label), "`reject`", "_has_value"):
        assert part in message
    reject = [{"when": "not _has_value(label)", "reason": "no value"}]
    conf = make_conf(fields={"choices": []}, reject=reject, **answer)
    made, metrics = build(conf, train=[*rows, {"text": "none", "label": None}])
    assert metrics["rejects"] == {"no value": 6, "empty `label`": 1}
    assert {row["label"] for row in made} == {"5"}


def test_a_choice_that_is_none_of_the_choices_can_be_rejected_by_its_value():
    reject = [{"when": "not _has_value(label)", "reason": "no choice"}]
    rows = [{"text": "a", "label": "yes"}, {"text": "b", "label": "maybe"}]
    made, metrics = build(make_conf(reject=reject), train=rows)
    assert [row["label"] for row in made] == ["yes"]
    assert metrics["rejects"] == {"no choice": 1}


def test_unlabelled_rows_and_very_long_labels_are_no_trouble():
    splits = {"train": {"read": ["a"]}, "unlabelled": {"read": ["b"]}}
    conf = make_conf(splits=splits, fields={"choices": []}, answer={"metric": "number"})
    rows, _ = build(conf, train=[{"text": "a", "label": 3}], unlabelled=[{"text": "b"}])
    assert len(rows) == 2
    message = failure(conf, train=[{"text": "a", "label": "9" * 5000}])
    assert "no value" in message
    assert len(message) < 1000


AWKWARD = ["Correct Answer", "in-correct", "a.b", "self", "class", "in", "", "None", "é è", "items"]


def test_a_column_of_any_name_is_reached_in_every_template():
    row = {name: f"value of {name}" for name in AWKWARD} | {"n": 2}
    wanted = [f"value of {name}" for name in AWKWARD]
    conf = make_conf(
        splits={
            "train": {
                "read": ["a"],
                "permutation": {"seed": 0, "stop": 1, "order_by": 'row["in-correct"]'},
            }
        },
        fields={
            "query": "|".join(f'{{{{ row["{name}"] }}}}' for name in AWKWARD),
            "label": '{{ row["Correct Answer"] }}',
            "choices": '[row["Correct Answer"], row["self"]]',
            "id": '{{ row["self"] }}',
            "rationale": '{{ row["a.b"] }}',
            "group": '{{ row["in"] }}',
            "meta": {"m": '{{ row["é è"] }} {{ row["self"] }}'},
        },
        reject=[{"when": 'row["None"] == "x" or row["self"] == "x"', "reason": "none"}],
    )
    made, _ = build(conf, train=[row])
    assert made[0]["query"].split("|") == wanted
    assert made[0]["choices"] == ["value of Correct Answer", "value of self"]
    assert made[0]["meta"] == '{"m": "value of é è value of self"}'


def test_a_column_that_is_called_row_keeps_its_name():
    conf = make_conf(fields={"query": "{{ row }} {{ text }}"})
    made, _ = build(conf, train=[{"row": "7", "text": "t", "label": "yes"}])
    assert made[0]["query"] == "7 t"


@pytest.mark.parametrize(
    ("template", "near"),
    [
        ("{{ Answer }}", 'row["Correct Answer"]'),
        ("{{ correct-answer }}", 'row["correct-answer"]'),
        ('{{ row["Corect Answer"] }}', 'row["Correct Answer"]'),
        ("{{ text.b }}", 'row["text.b"]'),
        ("{{ txet }}", "'text'"),
    ],
)
def test_a_near_column_is_shown_as_a_template_writes_it(template, near):
    row = {"Correct Answer": "x", "correct-answer": "y", "text.b": "z", "text": 1, "label": "yes"}
    message = failure(make_conf(fields={"query": template}), train=[row])
    assert "a template fails" in message
    assert near in message


def test_deeply_nested_values_are_one_message():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    message = failure(make_conf(), train=[{"text": deep, "label": "yes"}])
    assert "nested too deeply" in message
    while deep:
        deep = deep.pop()


CASES = REPOSITORY.parent / "shared" / "cases" / "data"


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not beside the repository")
def test_the_shared_cases(capsys):
    number = make_conf(
        splits={"train": {"read": ["a"]}},
        fields={"query": "{{ question }}", "label": "{{ answer }}", "choices": []},
        answer={"metric": "number"},
    )
    message = failure_of(number, read_file(CASES / "data_goldnum.csv"))
    assert "no value under the metric `number`" in message
    rejecting = number.model_copy(
        update={"reject": (Reject(when="not _has_value(answer)", reason="no number"),)}
    )
    made, looked = build_examples(rejecting, {"train": read_file(CASES / "data_goldnum.csv")})
    assert "5" in {row["label"] for row in made}
    assert len(made) + sum(looked.metrics["rejects"].values()) == 7

    glue = CASES / "data_glue.tsv"
    assert len(read_file(glue, "none")) == 4
    read_file(glue)
    assert "warning" in capsys.readouterr().err

    exact = {"splits": {"train": {"read": ["a"]}}, "answer": {"metric": "exact"}}
    fields = {"query": "{{ question }}", "label": "{{ answer }}", "choices": []}
    conf = make_conf(fields=fields, **exact)
    made, _ = build_examples(conf, {"train": read_file(CASES / "data_surrogate.jsonl")})
    assert made[0]["query"].encode()
    fields = {"query": "{{ Question }}", "label": '{{ row["Correct Answer"] }}', "choices": []}
    conf = make_conf(fields=fields, **exact)
    made, _ = build_examples(conf, {"train": read_file(CASES / "data_blank_names.csv")})
    assert [row["label"] for row in made] == ["because", "me"]


def test_mistakes_are_reported_together_and_counted():
    rows = texts(5) + [{"text": "", "label": "yes"}, {"text": "a", "label": "perhaps"}] * 30
    fields = {"id": "{{ _row // 2 }}", "optional": ["text"]}
    message = failure(make_conf(fields=fields), train=rows, test=texts(2))
    assert "the query is empty, 30 rows" in message
    assert "the label is not among the choices, 30 rows" in message
    assert "an id occurs twice" in message
    assert len(message.splitlines()) < 20


def test_a_template_that_fails_is_shown_once_and_the_rows_are_not_blamed():
    template = "Text: {{ txt }}"
    message = failure(make_conf(fields={"query": template}), train=texts(40))
    assert message.count(template) == 1
    assert "train.jsonl:1, train.jsonl:2, train.jsonl:3 and 37 more: fields.query" in message
    assert "Correct the template in the dataset's entry" in message
    assert "the rows" not in message


def test_an_id_must_be_unique_across_splits():
    conf = make_conf(fields={"id": "{{ _row }}"})
    assert "'0': train.jsonl:1 and train.jsonl:1" in failure(conf, train=texts(1), test=texts(1))


def test_a_mistake_in_every_row_of_a_large_file_stops_early():
    message = failure(make_conf(), train=[{"text": "a", "label": "perhaps"}] * 3000)
    assert "1,000 rows" in message
    assert "stopped looking" in message


def test_equal_content_gives_equal_bytes(tmp_path):
    for name, rows in [("a", texts(30)), ("b", texts(30)[::-1])]:
        made, metrics = build(make_conf(splits=HELD_OUT, fields=GROUPED), 12, train=rows)
        EXAMPLES.at(tmp_path / name).write_rows(made)
        (tmp_path / f"{name}.json").write_text(json.dumps(metrics, sort_keys=True))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
