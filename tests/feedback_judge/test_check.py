"""Checking a judge against labelled cases, also from the command line."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from stillhouse.core.errors import StillhouseError
from stillhouse.feedback_judge.check import check_judge
from stillhouse.feedback_judge.cli import app
from tests.config.project import edit, write_project
from tests.feedback_judge.judges import completing, judge
from tests.teacher_generate.helpers import store

LONGER = (
    "{% set lines = messages[-1].content.split('\n') %}"
    "Score of 1: {{ [lines[-2] | length, 10] | min }}\n"
    "Score of 2: {{ [lines[-1] | length, 10] | min }}"
)
PAIRS = [
    {"query": "q", "answer_1": "long one", "answer_2": "no", "better": 1},
    {"query": "r", "answer_1": "long one", "answer_2": "no", "better": 2},
    {"query": "s", "answer_1": "yes", "answer_2": "longer", "better": 2, "note": "ignored"},
    {"query": "t", "answer_1": "same", "answer_2": "sama", "better": 0},
]


@pytest.fixture
def check(tmp_path):
    def run(lines, completion, form="pairwise"):
        file = tmp_path / "labelled.jsonl"
        file.write_text("\n".join(json.dumps(line) for line in lines))
        conf = judge(form)
        return check_judge(file, conf, completing(completion, conf), store(tmp_path))

    return run


def test_a_judge_that_prefers_the_longer_answer(check):
    report = check(PAIRS, LONGER)
    assert report["cases"] == 4
    assert report["accuracy"] == 0.75
    assert report["order_agreement"] == 1
    assert report["position_bias"] == 0
    assert report["prefers_longer"] == 1
    assert report["length_bias"] == pytest.approx(1 / 3)
    assert report["ties"] == 0.25


def test_a_judge_that_always_prefers_the_first(check):
    report = check(PAIRS, "Score of 1: 9\nScore of 2: 4")
    assert report["prefers_first"] == 1
    assert report["position_bias"] == 5
    assert report["order_agreement"] == 0
    assert report["ties"] == 1  # averaged over both orders it has no opinion
    assert report["accuracy"] == 0.25


def test_a_judge_that_says_nothing(check):
    report = check(PAIRS, "Well.")
    assert report == {"cases": 4, "missing": 1.0, "accuracy": 0.0}


def test_a_judge_of_agreement(check):
    lines = [
        {"query": "q", "answer": said, "reference": "42", "agree": agree}
        for said, agree in [("42", True), ("forty-two", True), ("41", False), ("42?", False)]
    ]
    completion = "Verdict: {{ 'correct' if 'said: 42' in prompt else 'incorrect' }}"
    report = check(lines, completion, "reference")
    assert report == {
        "cases": 4, "missing": 0.0, "accuracy": 0.5, "accepts_right": 0.5, "accepts_wrong": 0.5,
    }  # fmt: skip


def test_a_judge_of_answers_sees_the_chat_before(check):
    history = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
    lines = [
        {"query": "q", "answer": "a", "score": 5, "history": history},
        {"query": "q", "answer": "a", "score": 3},
    ]
    report = check(lines, "Rating: {{ 5 if 'Hello' in prompt else 1 }}", "answer")
    assert report["accuracy"] == 0.5
    assert report["mean_error"] == -1
    assert report["mean_absolute_error"] == 1
    complexity = check([{"query": "2 + 2?", "score": 1}], "Complexity: 1", "query")
    assert complexity["accuracy"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has no lines"),
        ('{"query": "q"}', r"labelled.jsonl:1: `answer_1` is missing"),
        (
            '{"query": "q", "answer_1": "a", "answer_2": "b", "better": 3}',
            "at most 2",
        ),
        ("no json", "labelled.jsonl:1: Expecting value"),
    ],
)
def test_lines_that_cannot_be_used_are_named(tmp_path, text, said):
    file = tmp_path / "labelled.jsonl"
    file.write_text(text)
    with pytest.raises(StillhouseError, match=said):
        check_judge(file, judge(), completing("", judge()))
    with pytest.raises(StillhouseError, match="not a readable"):
        check_judge(tmp_path / "other.jsonl", judge(), completing("", judge()))


def test_the_command_prints_a_table_or_json(tmp_path, monkeypatch):
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    entry = yaml.safe_load((tmp_path / "conf/judge/pair.yaml").read_text())
    source = "scripted:First: {{ 4 }}\nSecond: 2"
    entry["teacher"] = {"model": {"name": "j", "source": source}, "format": "chat", "context": 900}
    entry["compute"] = {"backend": "scripted"}
    (tmp_path / "conf/judge/own.yaml").write_text(yaml.safe_dump(entry))
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, PAIRS)))
    arguments = ["check", "pairs.jsonl", "--judge", "own"]
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["prefers_first"] == 1
    table = CliRunner().invoke(app, arguments, catch_exceptions=False).stdout.splitlines()
    assert len({len(line) for line in table}) == 1  # aligned
    assert table[0].split() == ["cases", "4"]


def test_the_command_refuses_a_judge_whose_model_cannot_be_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(write_project(tmp_path))
    edit(tmp_path, "conf/teacher/small.yaml", context=40)  # the judge writes up to 64 tokens
    (tmp_path / "cases.jsonl").write_text("{}")
    with pytest.raises(StillhouseError, match=r"`judge: pair` is asked .* leaves no room"):
        CliRunner().invoke(app, ["check", "cases.jsonl"], catch_exceptions=False)
