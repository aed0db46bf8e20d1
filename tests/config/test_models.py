"""The rules that a conf entry's model holds beyond types."""

import pytest
from pydantic import ValidationError

from stillhouse.config.dataset import DatasetConf, Split
from stillhouse.config.prompt import PromptConf
from stillhouse.config.student import StudentConf
from tests.config.project import ENTRIES

MODEL, TRAINING = (ENTRIES["student/small"][section] for section in ("model", "training"))
LORA = {"rank": 4, "alpha": 4}
UNREAD = MODEL | {"source": None, "architecture": {"d_model": 8}}
LLAMA = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4}
RANDOM = UNREAD | {"architecture": LLAMA, "tokenizer": "file:data/raw/decoder"}


def changed(name, **changes):
    return {key: v for key, v in (ENTRIES[name] | changes).items() if v is not None}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "either `read` or `hold_out_from`"),
        ({"read": ["a"], "hold_out_from": "train", "share": 0.1}, "either `read`"),
        ({"hold_out_from": "train"}, "go together"),
        ({"read": ["a"], "share": 0.1}, "go together"),
        ({"hold_out_from": "train", "share": 1.0}, "below 1"),
        ({"read": ["a"], "rows": 0}, "at least 1"),
    ],
)
def test_a_split_has_one_origin(values, said):
    with pytest.raises(ValidationError, match=said):
        Split.model_validate(values)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"splits": {"test": {"read": ["a"]}}}, "must have a `train` split"),
        (
            {"splits": {"train": {"read": ["a"]}, "test": {"hold_out_from": "test", "share": 0.1}}},
            "`test` must be held out from a split",
        ),
        ({"answer": {"metric": "choice"}}, "needs `fields.choices`"),
        ({"answer": {"metric": "exact", "markers": []}}, "at least 1 item"),
        ({"answer": {"metric": "summary"}}, "needs `task: summary`"),
        (
            {
                "answer": {"metric": "summary"},
                "task": "summary",
                "fields": {"query": "{{ x }}", "label": "{{ y }}", "choices": ["a", "b"]},
            },
            "no `fields.choices`",
        ),
        ({"fields": {"query": "{{ x", "label": "y"}}, "template error on line 1"),
        ({"reject": [{"when": "a b", "reason": "r"}]}, "expression error"),
    ],
)
def test_a_dataset_is_coherent(changes, said):
    DatasetConf.model_validate(ENTRIES["dataset/own"])
    with pytest.raises(ValidationError, match=said):
        DatasetConf.model_validate(changed("dataset/own", **changes))


def test_a_prompt_that_shows_labels_is_for_training_rows_only():
    PromptConf.model_validate(changed("prompt/plain", reply="rationale"))
    with pytest.raises(ValidationError, match="shows the row's own label"):
        PromptConf.model_validate(
            changed("prompt/plain", reply="rationale", splits=["train", "validation"])
        )


SERVED = {name: {"query": "{{ query }}"} for name in ("classification", "summary")}
DENSITY = {"content": "label", "form": "chain_of_density"}


def prompt_with(reply):
    return PromptConf.model_validate(changed("prompt/plain", reply=reply, tasks=SERVED))


def test_a_kind_of_task_may_be_replied_to_otherwise():
    reply = {"content": "rationale_then_label", "form": "json", "require_stop": True}
    made = prompt_with(reply | {"tasks": {"summary": DENSITY}}).reply
    other = made.of("classification")
    assert (other.content, other.form, other.tasks) == ("rationale_then_label", "json", {})
    own = made.of("summary")
    assert (own.content, own.form, own.require_stop) == ("label", "chain_of_density", True)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({"content": "label", "tasks": {"math": DENSITY}}, "for which the prompt has no parts"),
        ({"content": "rationale", "tasks": {"summary": DENSITY}}, "does so for every task"),
        (DENSITY | {"content": "rationale_then_label"}, "needs `content: label`"),
        (
            {"content": "label", "tasks": {"summary": {"content": "rationale"}}},
            "Known: label, rationale_then_label",
        ),
        (
            {
                "content": "label",
                "tasks": {"summary": DENSITY | {"content": "rationale_then_label"}},
            },
            "needs `content: label`",
        ),
    ],
)
def test_a_reply_of_one_kind_of_task_is_coherent(reply, said):
    with pytest.raises(ValidationError, match=said):
        prompt_with(reply)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": MODEL | {"source": None}}, "either `source`"),
        ({"model": MODEL | {"architecture": {"d_model": 8}}}, "either `source`"),
        (
            {"model": UNREAD},
            "needs a `tokenizer`",
        ),
        ({"training": TRAINING | {"method": "lora"}}, "go together"),
        ({"training": TRAINING | {"lora": LORA}}, "go together"),
        ({"training": TRAINING | {"steps": 5}}, "`epochs` or `steps`"),
        ({"training": TRAINING | {"validation": {"metric": "loss"}}}, "`epochs` or `steps`"),
        ({"training": TRAINING | {"validation": {"steps": 1, "patience": 0}}}, "at least 1"),
        ({"training": TRAINING | {"method": "qlora"}}, "go together"),
        (
            {"model": RANDOM, "training": TRAINING | {"method": "qlora", "lora": LORA}},
            "needs pretrained weights",
        ),
    ],
)
def test_a_student_is_coherent(changes, said):
    StudentConf.model_validate(ENTRIES["student/small"])
    with pytest.raises(ValidationError, match=said):
        StudentConf.model_validate(changed("student/small", **changes))
