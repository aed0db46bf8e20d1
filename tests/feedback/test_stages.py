"""The stages parse, feedback_split and augment, one after the other in a small project."""

import json

import pytest

from stillhouse.core import paths, tables
from tests.config.project import write_project
from tests.pipeline.scripts import load

STAGES = ("parse", "feedback_split", "augment")


def example(id_, label):
    return {
        "id": id_, "split": "train", "query": f"query {id_}", "label": label, "choices": [],
        "gold_rationale": None, "group": None, "meta": None,
    }  # fmt: skip


def completion(id_, text):
    return {
        "id": id_, "sample": 0, "text": text, "finish_reason": "stop",
        "prompt_tokens": None, "completion_tokens": None,
    }  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    def start(**knobs):
        write_project(tmp_path, **knobs)
        monkeypatch.chdir(tmp_path)
        examples = [example("a", "yes"), example("b", "no"), example("c", "no")]
        texts = {"a": "It is. The answer is yes.", "b": "Not so. The answer is yes.", "c": "Hm."}
        completions = [completion(id_, text) for id_, text in texts.items()]
        tables.write_rows(paths.EXAMPLES, tables.EXAMPLES, examples)
        tables.write_rows(paths.COMPLETIONS, tables.COMPLETIONS, completions)

    return start


def run(*stages):
    for stage in stages:
        load(stage).main()


def test_completions_become_training_rows(project):
    project(label_source="teacher")
    run(*STAGES)
    training = tables.read_rows(paths.TRAINING, tables.TRAINING)
    assert training == [
        {"id": "a", "query": "query a", "label": "yes", "rationale": "It is.", "origin": "real"},
        {"id": "b", "query": "query b", "label": "yes", "rationale": "Not so.", "origin": "real"},
    ]
    assert json.loads(paths.PARSE_METRICS.read_text())["teacher_label_accuracy"] == 1 / 3
    assert json.loads(paths.FEEDBACK_METRICS.read_text())["without_label"] == 1
    assert json.loads(paths.AUGMENT_METRICS.read_text()) == {"real": 2, "synthetic": 0}


def test_equal_content_gives_equal_bytes(project):
    project()
    outputs = (paths.PARSED, paths.SPLITS, paths.TRAINING, paths.PARSE_METRICS)
    run(*STAGES)
    first = [path.read_bytes() for path in outputs]
    run(*STAGES)
    assert [path.read_bytes() for path in outputs] == first


@pytest.mark.parametrize(
    ("knobs", "stage", "message"),
    [
        ({"feedback": "hard"}, "feedback_split", "feedback.*not built yet"),
        ({"rationale_source": "gold"}, "feedback_split", "no `fields.rationale`"),
        ({"synthetic": 3}, "augment", "synthetic.*not built yet"),
    ],
)
def test_a_mistake_is_one_message_and_writes_nothing(project, knobs, stage, message):
    project(**knobs)
    from stillhouse.core.stage import run_stage

    run(*STAGES[: STAGES.index(stage)])
    with pytest.raises(SystemExit, match=f"error in {stage}: .*{message}"):
        run_stage(stage, load(stage).main)
    written = {"feedback_split": paths.SPLITS, "augment": paths.TRAINING}[stage]
    assert not written.exists()
