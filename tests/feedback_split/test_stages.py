"""The stages from parse to augment, one after the other in a small project."""

import json
import subprocess
import sys

import pytest

from stillhouse.core import paths, tables
from stillhouse.core.files import write_json
from tests.config.project import write_project
from tests.pipeline.scripts import SOURCE, run, script

STAGES = ("parse", "feedback_predict", "feedback_judge", "feedback_split", "augment")


def example(id_, label):
    return {
        "id": id_, "split": "train", "query": f"query {id_}", "label": label, "choices": [],
        "gold_rationale": None, "group": None, "meta": None,
    }  # fmt: skip


def completion(id_, text):
    return {
        "id": id_, "sample": 0, "text": text, "reasoning": None, "finish_reason": "stop",
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
        tables.EXAMPLES.write_rows(examples)
        tables.COMPLETIONS.write_rows(completions)
        tables.EXEMPLARS.write_rows([])
        tables.FEEDBACK_PREDICTIONS.write_rows([])
        write_json(paths.SELECTED, {})
        write_json(paths.FEEDBACK_STUDENT, {})

    return start


def test_completions_become_training_rows(project):
    project(label_source="teacher")
    run(*STAGES)
    assert tables.FEEDBACK_PREDICTIONS.read_rows() == []
    assert tables.VERDICTS.read_rows() == []
    training = tables.TRAINING.read_rows()
    assert training == [
        {"id": "a", "query": "query a", "label": "yes", "rationale": "It is.", "origin": "real"},
        {"id": "b", "query": "query b", "label": "yes", "rationale": "Not so.", "origin": "real"},
    ]
    assert json.loads(paths.PARSE_METRICS.read_text())["teacher_label_accuracy"] == 0.333333
    assert json.loads(paths.CHOSEN_METRICS.read_text())["without_label"] == 1
    assert json.loads(paths.AUGMENT_METRICS.read_text()) == {"real": 2, "synthetic": 0}


def test_equal_content_gives_equal_bytes(project):
    project()
    outputs = (tables.PARSED.path, tables.CHOSEN.path, tables.TRAINING.path, paths.PARSE_METRICS)
    run(*STAGES)
    first = [path.read_bytes() for path in outputs]
    run(*STAGES)
    assert [path.read_bytes() for path in outputs] == first


@pytest.mark.parametrize(
    ("knobs", "stage", "message"),
    [
        ({"synthetic": 3, "feedback": "wrong"}, "augment", "None of the 3 chosen rows is hard"),
    ],
)
def test_a_mistake_is_one_message_and_writes_nothing(project, knobs, stage, message):
    project(**knobs)
    run(*(name for name in STAGES[: STAGES.index(stage)] if name != "feedback_predict"))
    with pytest.raises(SystemExit, match=f"error in {stage}: .*{message}"):
        run(stage)
    written = {"feedback_split": tables.CHOSEN.path, "augment": tables.TRAINING.path}[stage]
    assert not written.exists()


def test_without_feedback_no_model_is_imported(project):
    project()
    code = (
        "import runpy, sys; sys.path[:0] = sys.argv[2:]; "
        "runpy.run_path(sys.argv[1], run_name='__main__'); "
        "sys.exit(' '.join({'torch', 'transformers'} & set(sys.modules)) or 0)"
    )
    run("parse")
    for stage in ("feedback_predict", "feedback_judge"):
        command = [sys.executable, "-c", code, str(script(stage)), str(SOURCE)]
        subprocess.run(command, check=True)
