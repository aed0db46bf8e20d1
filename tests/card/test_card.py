"""The card says what configuration and metrics say, in a form that the hub reads; what it tells
people to run runs.
"""

import asyncio
import json
import os
import shlex
import subprocess
from dataclasses import replace

import pytest
import yaml
from aiohttp.test_utils import TestClient, TestServer
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.card.card import model_card
from stillhouse.card.config import CardConfig
from stillhouse.card.limits import confusion, read_confusion, recall_by_class
from stillhouse.card.markdown import block, code, table, text
from stillhouse.card.measured import Measured
from stillhouse.config.student import StudentDecoding
from stillhouse.core.files import write_json
from stillhouse.deployment.asker import Asker
from stillhouse.deployment.serve import Options, make_app
from stillhouse.evaluate.answers import answered_example
from stillhouse.students.folder import (
    Manifest,
    load_student,
    read_manifest,
    save_student,
    untrained_student,
)
from stillhouse.students.serving import Serving, make_serving
from tests import tiny
from tests.config.project import ENTRIES, edit, write_project
from tests.conftest import REPOSITORY
from tests.deployment.conftest import CPU, INPUTS, MEASURED, TWO, conf
from tests.students.test_asked import CHATML, asked

SCORES = {"rows": 50, "parameters": 39_072, "bytes": 160_000} | {
    f"{name}{end}": value
    for name in ("accuracy", "exact_match")
    for end, value in (("", 0.5), ("_low", 0.375), ("_high", 0.625))
}
TEXT = 'it\'s "good" 😀\nbut $HOME `ls` \\n costs 5%'
EXAMPLE = {
    "columns": {"text": TEXT},
    "query": f"Review: {TEXT}\nGood or bad?",
    "choices": ["good", "bad"],
}
WIDE = {
    "columns": {"title": "It's", "full text": TEXT, "options": ["yes", 'no, "never"']},
    "query": f"It's: {TEXT}",
    "choices": ["yes", 'no, "never"'],
}
MANIFEST = Manifest.model_validate(
    {
        "format": 1,
        "family": "decoder",
        "precision": "float32",
        "templates": {
            "query": "{{ query }}\n{{ prefix }}",
            "label_prefix": "Answer:",
            "rationale_prefix": "Explain:",
        },
        "max_query_tokens": 128,
        "max_target_tokens": 12,
        "training": {
            "seed": 3,
            "lambda": 0.5,
            "validation": None,
            "truncated": {"queries": 1},
            "rationales": 5,
        },
    }
)
COMMIT = "e53f048856ff4f594e959d75785d2c2d37b678ee"


def serving(inputs=INPUTS, measured=None, example=None, **decoding) -> Serving:
    told = StudentDecoding.model_validate({"max_tokens": 6, "stop": ("\n",)} | decoding)
    return make_serving(inputs, "choice", told, measured or {}, example)


MEASURED_ALL = Measured(
    student=SCORES,
    references={"untrained": SCORES | {"accuracy": 0.0, "accuracy_low": 0.0}, "majority": SCORES},
    data={"rows": {"train": 40, "test": 50}, "rejects": {}, "overlap": {}},
    chosen={"candidates": 40, "rows": 38, "without_label": 2},
    added={"real": 38, "synthetic": 0},
    manifest=MANIFEST,
    serving=serving(example=EXAMPLE | {"prediction": "good", "score": 0.75, "truncated": False}),
    hashes={"examples": "e" * 64, "training": "f" * 64},
)


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path)


def card(project, **changes):
    measured = replace(MEASURED_ALL, **changes)
    return model_card(CardConfig.load("card", project), 3, measured)


def front_matter(project):
    return ModelCard(card(project)).data.to_dict()


def knobs_of(page):
    return yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])


def test_the_hub_reads_the_front_matter(project):
    edit(project, "conf/dataset/own.yaml", source=f"hf://org/rows@{COMMIT}")
    model = ENTRIES["student/small"]["model"] | {"source": f"hf://org/base@{COMMIT}"}
    edit(project, "conf/student/small.yaml", model=model)
    found = ModelCard(card(project)).data
    assert found.base_model == "org/base"
    assert found.datasets == ["org/rows"]
    assert {result.metric_type: result.metric_value for result in found.eval_results} == {
        "accuracy": 0.5,
        "exact_match": 0.5,
    }
    assert {result.dataset_split for result in found.eval_results} == {"test"}
    assert found.license is None, "nobody stated what follows from three licences"
    assert found.language is None


def test_what_is_not_on_the_hub_is_not_named_as_if_it_were(project):
    assert not {"base_model", "datasets"} & front_matter(project).keys()


def test_every_hash_and_interval_is_there_and_equal_content_gives_equal_text(project):
    page = card(project)
    assert page == card(project)
    for fact in ("e" * 64, "f" * 64, "50.0% [37.5%, 62.5%]", "38 real", "seed 3"):
        assert fact in page
    assert "39,072 parameters, 0.2 MB on disk" in page


TEACHING = {"teacher", "prompt", "exemplars", "k", "embedder"}
LEARNING = {
    "dataset",
    "student",
    "limit",
    "fraction",
    "label_source",
    "label_filter",
    "rationale_source",
    "lambda",
}


@pytest.mark.parametrize(
    ("changes", "knobs"),
    [
        ({}, LEARNING | TEACHING | {"rationale_filter"}),
        ({"lambda": 0}, LEARNING),
        ({"rationale_source": "none", "lambda": 0}, LEARNING),
        ({"rationale_source": "gold"}, LEARNING | {"rationale_filter"}),
        ({"lambda": 0, "label_source": "teacher"}, LEARNING | TEACHING),
        ({"lambda": 0, "label_filter": "correct"}, LEARNING | TEACHING),
        (
            {"lambda": 0, "label_source": "teacher", "exemplars": "none"},
            LEARNING | {"teacher", "prompt", "exemplars"},
        ),
        (
            {"lambda": 0, "label_source": "teacher", "exemplars": "random"},
            LEARNING | {"teacher", "prompt", "exemplars", "k", "exemplar_seed"},
        ),
        (
            {"lambda": 0, "synthetic": 5, "label_source": "teacher"},
            LEARNING | TEACHING | {"real", "synthetic", "augment", "judge", "feedback"},
        ),
    ],
)
def test_what_had_part_is_named_and_nothing_else(project, changes, knobs):
    params = yaml.safe_load((project / "params.yaml").read_text()) | changes
    edit(project, "params.yaml", **changes)
    fields = ENTRIES["dataset/own"]["fields"] | {"rationale": "{{ why }}"}
    edit(project, "conf/dataset/own.yaml", fields=fields)
    page = card(project)
    assert knobs_of(page) == {name: params[name] for name in knobs}
    assert ("**Teacher" in page) == ("teacher" in knobs)
    assert ("**Exemplars**" in page) == ("k" in knobs)
    assert ("nearest by" in page) == ("embedder" in knobs)
    learns = params["lambda"] > 0 and params["rationale_source"] != "none"
    assert ("no rationales;" in page) != learns


def test_licences_are_quoted_and_none_is_made_up(project):
    edit(project, "conf/dataset/own.yaml", licence="CC BY-NC 4.0 <b>only</b>")
    page = card(project)
    assert "- **Dataset**: CC BY-NC 4.0 &lt;b&gt;only&lt;/b&gt;" in page
    assert "- **Teacher**: Small; see its source, `file:data/raw/decoder#sha256=" in page


def test_text_of_the_configuration_is_no_markup(project):
    edit(project, "conf/dataset/own.yaml", description="[x](http://evil) <script>\n# Title | `a`")
    page = card(project)
    assert "<script>" not in page
    assert "[x](" not in page
    assert "\n# Title" not in page


MATRIX = "actual,predicted,rows\ngood,good,9\ngood,bad,1\nbad,good,8\nbad,bad,2\nbad,,1\n"


def test_classes_that_are_confused_are_shown_with_those_that_are_hardly_found(project):
    found = read_confusion(MATRIX)
    assert recall_by_class(found) == {"good": (9, 10), "bad": (2, 11)}
    page = card(project, confusion=found)
    assert "|  | good | bad | no class |" in page
    assert "| **bad** | 8 | 2 | 1 |" in page
    assert "Of the class `bad` it finds 2 of 11 test rows." in page
    assert "the class `good`" not in page
    assert "| **bad**" not in card(project)


def test_a_class_without_test_rows_and_a_matrix_too_large_for_a_page(project):
    found = read_confusion("actual,predicted,rows\ngood,good,9\n")
    assert "No test row has the class `bad`." in card(project, confusion=found)
    many = read_confusion("actual,predicted,rows\n" + "".join(f"c{n},c0,1\n" for n in range(21)))
    assert confusion(many) is None


def test_what_scores_are_is_said(project):
    said = "not calibrated: there were too few validation rows, or none"
    assert said in card(project)
    page = card(project, serving=serving(measured=MEASURED))
    assert "calibrated with the temperature 2 on 40 validation rows" in page
    assert "is 0.050, and was 0.200 before" in page
    page = card(project, serving=serving(INPUTS | {"choices": []}))
    assert "the probability of the label's whole text" in page


def test_scripts_are_listed_where_they_were_counted(project):
    shown = [{"script": "Latin", "share": 0.98}, {"script": "Han", "share": 0.02}]
    data = MEASURED_ALL.data | {"tables": {"scripts": shown}}
    assert "Latin 98.0%, Han 2.0%. Other scripts" in card(project, data=data)


def folder_and_card(
    project, models, inputs, example, family="decoder", decode="choices", chat=None, **changes
):
    """A student's folder as the stages leave it, its card in it."""
    folder, source = project / "student", "decoder"
    if family == "encoder_decoder":
        models, source = project / "models", "t5"
        tiny.make_t5(models / source, seed=1)  # whose prediction can be seen
    student = untrained_student(conf(models, family, source).model_copy(update=changes))
    if chat:
        student.text.tokenizer.chat_template = chat
    save_student(folder / "model", student, "float32", {"rationales": 5})
    decoding = StudentDecoding(max_tokens=6, stop=("\n",), decode=decode)
    answered = answered_example(load_student(folder / "model"), example, decoding, CPU, None)
    told = make_serving(inputs, "choice", decoding, {}, answered)
    write_json(folder / "serving.json", told.model_dump())
    page = card(project, serving=told, manifest=read_manifest(folder / "model"))
    (folder / "README.md").write_text(page)
    return folder, page, told.example.prediction


def blocks(page, language):
    parts = page.split(f"```{language}\n")[1:]
    return [part.split("```")[0] for part in parts]


@pytest.mark.parametrize(("inputs", "example"), [(INPUTS, EXAMPLE), (TWO, WIDE)])
def test_the_commands_run_as_they_stand(project, tiny_models, fast, inputs, example):
    folder, page, prediction = folder_and_card(project, tiny_models, inputs, example)
    commands, requests = blocks(page, "sh")
    command = f"{shlex.quote(str(fast))}/python -c 'from stillhouse.cli import main; main()'"
    done = subprocess.run(
        ["sh", "-ec", f'stillhouse() {{ {command} "$@"; }}\n{commands}'],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = (folder / "predicted.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert found["prediction"] == prediction
    assert {name: found[name] for name in example["columns"]} == example["columns"]
    if len(example["columns"]) == 1:
        assert done.stdout.split("\t")[0] == prediction
    assert f"That of the row above is {code(prediction)}" in page

    async def ask():
        app = make_app(Asker(folder, CPU), Options())
        async with TestClient(TestServer(app)) as client:
            answers = []
            for request in requests.splitlines():
                words = shlex.split(request)
                path = words[2].removeprefix("http://127.0.0.1:8000")
                response = await client.post(path, data=words[words.index("-d") + 1].encode())
                assert response.status == 200, await response.text()
                answers.append(await response.json())
            return answers

    own, chat = asyncio.run(ask())
    assert own["prediction"] == prediction
    if inputs is INPUTS:  # else the choices are not known from the query alone
        assert chat["choices"][0]["message"]["content"] == prediction


def prints(program, folder, fast):
    """What a program of a card prints, where stillhouse is not."""
    assert "stillhouse" not in program
    done = subprocess.run(
        [fast / "python", "-c", program],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("family", ["decoder", "encoder_decoder"])
@pytest.mark.parametrize("decode", ["choices", "generate"])
def test_the_program_gives_the_same_prediction_without_stillhouse(
    project, tiny_models, fast, family, decode
):
    folder, page, prediction = folder_and_card(
        project, tiny_models, INPUTS, EXAMPLE, family, decode
    )
    (program,) = blocks(page, "python")
    assert prediction
    assert prints(program, folder, fast) == prediction


@pytest.mark.parametrize("chat", [None, CHATML])
@pytest.mark.parametrize("decode", ["choices", "generate"])
def test_so_it_does_for_a_student_that_is_asked_with_the_prompt(
    project, tiny_models, fast, chat, decode
):
    query = f"Review: {TEXT}\n(a) good\n(b) bad"
    folder, page, prediction = folder_and_card(
        project, tiny_models, INPUTS, EXAMPLE | {"query": query}, "decoder", decode, chat,
        templates=asked("multiple_choice"),
    )  # fmt: skip
    (program,) = blocks(page, "python")
    assert "Reply with the letter" in program
    assert prints(program, folder, fast) == prediction


@given(st.text(max_size=80))
def test_code_holds_any_text_on_one_line(value):
    shown = code(value)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    assert "\n" not in shown
    assert shown.endswith(fence)
    assert fence not in shown[len(fence) : -len(fence)]


@given(st.text(max_size=80))
def test_plain_text_opens_no_markup(value):
    shown = text(value)
    assert "\n" not in shown
    assert "<" not in shown
    for place, character in enumerate(shown):
        if character in "`*_[]|~":
            assert shown[place - 1] == "\\"


def test_a_block_holds_its_own_fences():
    assert block("a\n```\nb") == "````\na\n```\nb\n````"


def test_a_table_has_a_line_for_each_row():
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
