"""What goes with conversations, and what does not: said before anything runs."""

import pytest

from stillhouse.config.whole import load_all
from stillhouse.core.errors import StillhouseError
from stillhouse.core.yaml import dump_yaml, read_yaml
from tests.config.project import ENTRIES, write_project

CHAT = {
    "params.yaml": {
        "label_source": "teacher", "rationale_source": "none", "lambda": 0, "exemplars": "none",
    },
    "dataset/own": {
        "task": "chat", "fields": {"messages": "messages"}, "answer": {"metric": "rating"},
    },
    "prompt/plain": {
        "layout": "turns", "reply": "label",
        "tasks": {"chat": {"system": "S", "student": "S", "query": "{{ query }}"}},
    },
    "student/small": {"templates": "prompt"},
    "judge/pair": {
        "form": "answer", "prompt": "{{ query }} {{ answer }}", "markers": ["Rating:"],
        "scale": [1, 5],
    },
}  # fmt: skip


def project(tmp_path, **changes):
    root = write_project(tmp_path)
    for name, values in CHAT.items():
        file = root / (name if name == "params.yaml" else f"conf/{name}.yaml")
        changed = read_yaml(file) | values | changes.get(name.partition("/")[0], {})
        file.write_text(dump_yaml(changed))
    return root


def test_a_chat_has_nothing_against_it(tmp_path):
    load_all(project(tmp_path))


TEACHER, STUDENT = ENTRIES["teacher/small"], ENTRIES["student/small"]
VALIDATED = {"validation": {"epochs": 1, "metric": "accuracy"}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"params.yaml": {"synthetic": 5}}, "no new queries are added"),
        ({"params.yaml": {"synthetic": 5, "feedback": "hard"}}, "nobody gives feedback"),
        ({"params.yaml": {"gold_student": True}}, "set `gold_student: false`"),
        ({"params.yaml": {"zero_shot": ["teacher:plain"]}}, "set `zero_shot: \\[\\]`"),
        ({"judge": {"scale": [1, 10]}}, "set `judge: hhh`"),
        ({"judge": ENTRIES["judge/pair"]}, "has the form `pairwise`"),
        ({"params.yaml": {"label_filter": "correct"}}, "of whose replies none is right or wrong"),
        ({"student": {"templates": STUDENT["templates"]}}, "go through its chat template"),
        ({"student": {"model": STUDENT["model"] | {"family": "encoder_decoder"}}}, "is no decoder"),
        ({"student": {"decoding": {"max_tokens": 4, "stop": ["\n"]}}}, "at its first line"),
        ({"student": {"decoding": {"max_tokens": 4, "decode": "choices"}}}, "replies are free"),
        ({"student": {"training": STUDENT["training"] | VALIDATED}}, "no reply is wholly right"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_conversations_is_said(tmp_path, changes, said):
    with pytest.raises(StillhouseError, match=said):
        load_all(project(tmp_path, **changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"decoding": TEACHER["decoding"] | {"samples": 2, "temperature": 1.0}}, "follow one"),
        (
            {
                "compute": {"backend": "recorded"},
                "model": {"name": "m", "recorded": [{"outputs": ["out.json"], "id": "{{ _row }}"}]},
            },
            "recorded outputs; choose another teacher",
        ),
    ],
)
def test_a_teacher_that_cannot_go_on_is_said(tmp_path, changes, said):
    root = project(tmp_path)
    file = root / "conf/teacher/small.yaml"
    file.write_text(dump_yaml(read_yaml(file) | changes))
    with pytest.raises(StillhouseError, match=said):
        load_all(root)


def test_a_search_asks_for_single_replies_and_is_refused(tmp_path):
    root = project(tmp_path, **{"params.yaml": {"search": "two"}})
    search = {
        "description": "Two ways", "prompts": ["plain"], "decoding": {"temperature": [0, 0.5]},
        "rows": 10, "halving": None,
    }  # fmt: skip
    (root / "conf/search/two.yaml").write_text(dump_yaml(search))
    with pytest.raises(StillhouseError, match="a conversation has several; set `search: none`"):
        load_all(root)
