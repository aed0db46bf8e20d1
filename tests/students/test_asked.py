"""Students that are asked with the run's prompt, as a teacher would be."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.dataset import Answer, DatasetConf
from stillhouse.config.prompt import PromptConf
from stillhouse.config.student import Asked
from stillhouse.config.whole import load_all, load_entry
from stillhouse.core import paths, tables
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_json
from stillhouse.core.templates import letter
from stillhouse.prompt.asked import asked_of_student
from stillhouse.prompt.render import render_prompts
from stillhouse.students.asked import choices_for, listed, messages, with_prompt
from stillhouse.students.folder import load_student, read_manifest
from stillhouse.students.predict import predict_labels
from stillhouse.students.text import StudentText
from stillhouse.students.weights import read_tokenizer
from stillhouse.train_student.checkpoints import training_key
from stillhouse.train_student.rows import tokenize_rows
from stillhouse.train_student.training import train_student
from tests.config.project import edit, write_project
from tests.conftest import REPOSITORY
from tests.pipeline.scripts import run
from tests.prompt.rows import CHOICES, TASKS, example

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
DATASETS = {
    "multiple_choice": "qasc", "nli": "anli_r1", "math": "svamp", "classification": "boolq_small",
    "summary": "bbc_news",
}  # fmt: skip


def shipped(name):
    return load_entry(PromptConf, name, REPOSITORY)


def dataset(task, **answer):
    """A dataset of each kind; of free text there is none here."""
    conf = load_entry(DatasetConf, DATASETS.get(task, "my_csv"), REPOSITORY)
    changes = {"answer": Answer(metric="exact")} if task == "text" else {}
    fields = conf.fields.model_copy(update={"choices": ()}) if task == "text" else conf.fields
    changes |= {"answer": conf.answer.model_copy(update=answer)} if answer else {}
    return conf.model_copy(update={"task": task, "fields": fields} | changes)


def asked(task, prompt="vanilla", **answer):
    return Asked.model_validate(asked_of_student(shipped(prompt), dataset(task, **answer)))


def query_of(task, choices):
    lines = [f"({letter(place)}) {choice}" for place, choice in enumerate(choices)]
    return "\n".join(
        ["Which is it?", "Answer Choices:", *lines] if task == "multiple_choice" else ["Which?"]
    )


def student_text(tiny_models, task="multiple_choice", *, chats=True, family="decoder", limit=512):
    tokenizer = read_tokenizer(tiny_models / "decoder")
    tokenizer.chat_template = CHATML if chats else None
    return StudentText(tokenizer, family, asked(task), limit, 64)


@pytest.mark.parametrize(
    ("task", "metric"),
    [*((task, None) for task in (*TASKS, "summary")), ("math", "number"), ("math", "latex")],
)
def test_a_student_is_asked_with_the_messages_that_a_vanilla_teacher_reads(task, metric):
    conf = dataset(task, **({"metric": metric} if metric else {}))
    fixed = conf.fields.choices if task in ("nli", "classification") else CHOICES.get(task, [])
    row = example("own", query=query_of(task, fixed), choices=fixed)
    (prompt,) = render_prompts(shipped("vanilla"), task, conf.answer, [row], [])
    for name in ("vanilla", "elaborate"):
        found = Asked.model_validate(asked_of_student(shipped(name), conf))
        choices = choices_for(found, row["query"])
        assert messages(found, row["query"], choices, str) == prompt["messages"]


def test_what_a_student_is_asked_holds_nothing_that_it_never_sees():
    for task in TASKS:
        conf = dataset(task)
        before = asked_of_student(shipped("elaborate"), conf)
        assert before == asked_of_student(shipped("vanilla"), conf)
        assert set(before["values"]) == ({"metric"} if task == "math" else set())
        marked = conf.answer.model_copy(update={"markers": ("I say",)})
        assert before == asked_of_student(
            shipped("vanilla"), conf.model_copy(update={"answer": marked})
        )
    assert asked_of_student(shipped("clean"), dataset("nli")) == {}


def test_a_prompt_goes_through_the_students_own_chat_template(tiny_models):
    text = student_text(tiny_models)
    query = query_of("multiple_choice", ["red", "blue"])
    tokens, cut = text.prompt(query, "label")
    said = messages(text.templates, query, ["red", "blue"], str)
    wanted = text.tokenizer.apply_chat_template(said, tokenize=True, add_generation_prompt=True)
    assert (tokens, cut) == (list(getattr(wanted, "input_ids", wanted)), False)
    assert text.tokenizer.decode(tokens).endswith("(b) blue<|im_end|>\n<|im_start|>assistant\n")
    assert text.decode(text.target("blue", query)) == "b"


@pytest.mark.parametrize("family", ["decoder", "encoder_decoder"])
def test_without_a_chat_template_it_is_plain_text(tiny_models, family):
    text = student_text(tiny_models, "nli", chats=False, family=family)
    tokens, _ = text.prompt("It snows.", "label")
    read = text.tokenizer.decode(tokens, skip_special_tokens=True)
    assert read.startswith("System: Decide how a hypothesis relates")
    assert read.endswith("It snows.\n\nAssistant:")
    assert (tokens[-1] == text.end) == (family == "encoder_decoder")
    space = " " if family == "decoder" else ""
    assert text.decode(text.target("neutral", "It snows.")) == f"{space}neutral"


@pytest.mark.parametrize("chats", [True, False])
def test_what_a_row_says_is_text(tiny_models, chats):
    text = student_text(tiny_models, chats=chats)
    query = query_of("multiple_choice", ["<|im_end|>", "a<|im_start|>user"])
    controls = set(text.tokenizer.all_special_ids)
    plain = query_of("multiple_choice", ["x", "y"])
    found, clean = (
        [token for token in text.prompt(each, "label")[0] if token in controls]
        for each in (query, plain)
    )
    assert found == clean
    assert "<|im_end|>" in text.tokenizer.decode(text.prompt(query, "label")[0])


def test_a_label_is_written_as_the_prompt_asks_and_a_prediction_as_it_is(tiny_models):
    text = student_text(tiny_models)
    choices = [f"choice {n}" for n in range(30)]
    query = query_of("multiple_choice", choices)
    for place, choice in enumerate(choices):
        assert text.decode(text.target(choice, query)) == letter(place)
    assert text.decode(text.target("choice 3")) == "choice 3"
    assert text.unsayable("choice 3", query) == set()
    with pytest.raises(StillhouseError, match="'choice 99' is not in"):
        text.target("choice 99", query)


def test_a_query_that_lists_no_choices_is_one_message(tiny_models):
    text = student_text(tiny_models)
    with pytest.raises(StillhouseError, match=r"'Which\?' lists no choices as lines `\(a\) ...`"):
        text.prompt("Which?", "label")


def test_a_query_that_is_cut_keeps_the_choices_and_the_end(tiny_models):
    query = query_of("multiple_choice", ["red", "blue", "fox " * 60])
    whole, _ = student_text(tiny_models).prompt(query, "label")
    text = student_text(tiny_models, limit=len(whole) - 20)
    tokens, cut = text.prompt(query, "label")
    assert cut
    assert len(tokens) <= text.max_query_tokens
    read = text.tokenizer.decode(tokens)
    assert "a or b or c" in read
    assert read.endswith("<|im_end|>\n<|im_start|>assistant\n")
    with pytest.raises(StillhouseError, match="The prompt takes up all of"):
        student_text(tiny_models, limit=12).prompt(query, "label")


LINES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1).filter(
    lambda text: text.strip() and "(" not in text
)


@given(LINES, st.lists(LINES, min_size=1, max_size=40))
def test_the_choices_that_a_query_lists_are_read_back(question, choices):
    query = query_of("multiple_choice", choices).replace(
        "Which is it?", f"{question}\n(a) no\n(b) list"
    )
    assert listed(query) == [choice.strip() for choice in choices]


def test_choices_of_several_lines_and_with_letters_within():
    assert listed("Q\n(a) f(b) = 2\n  and more\n(b) (c) or (d)\n") == [
        "f(b) = 2\n  and more", "(c) or (d)",
    ]  # fmt: skip
    assert listed("(a) one") == ["one"]
    assert listed("Is (a) or (b) right?") == []


@pytest.mark.parametrize("decode", ["generate", "choices"])
def test_a_student_is_trained_and_asked_alike_and_its_folder_says_how(
    make_conf, tmp_path, decode, tiny_models
):
    conf = make_conf(
        templates="prompt", max_query_tokens=512, decoding={"max_tokens": 3, "decode": decode},
        training={"epochs": 1},
    )  # fmt: skip
    query = {
        id_: query_of("multiple_choice", choices)
        for id_, choices in (("r0", ["red", "blue"]), ("r1", ["blue", "red"]))
    }
    rows = [
        {"id": id_, "query": query[id_], "label": "red", "rationale": None} for id_ in ("r0", "r1")
    ]
    ready = with_prompt(conf, asked_of_student(shipped("vanilla"), dataset("multiple_choice")))
    train_student(rows, ready, 0.0, 0, tmp_path / "student")
    student = load_student(tmp_path / "student")
    assert student.text.templates == ready.templates
    assert isinstance(read_manifest(tmp_path / "student").templates, Asked)
    found = predict_labels(
        student, query, conf.decoding, conf.compute, {"r0": ["red", "blue"], "r1": ["blue", "red"]}
    )
    assert found.keys() == query.keys()
    if decode == "choices":
        assert set(found.values()) <= {"red", "blue"}
    learnt, _ = tokenize_rows(rows, student.text, 0)
    assert [student.text.decode(list(row.label.target)) for row in learnt] == ["a", "b"]


def test_students_with_templates_of_their_own_are_as_they_were(make_conf, tmp_path):
    conf = make_conf()
    assert with_prompt(conf, {}) is conf
    assert with_prompt(conf, asked_of_student(shipped("vanilla"), dataset("nli"))) is conf
    row = {"id": "r", "query": "q", "label": "yes", "rationale": None}
    train_student([row], conf, 0.0, 0, tmp_path / "student")
    written = json.loads((tmp_path / "student" / paths.MANIFEST).read_text())
    assert written["templates"].keys() == {"label_prefix", "rationale_prefix", "query", "target"}


def test_what_a_student_is_asked_is_part_of_what_it_was_trained_on(make_conf):
    keys = set()
    for task in ("nli", "math"):
        made = asked_of_student(shipped("vanilla"), dataset(task))
        keys.add(training_key([], [], with_prompt(make_conf(templates="prompt"), made), 0.0, 0))
        changed = made | {"system": "Answer."}
        keys.add(training_key([], [], with_prompt(make_conf(templates="prompt"), changed), 0.0, 0))
    assert len(keys) == 4


def test_a_prompt_that_cannot_ask_a_student_is_refused_before_anything_runs(tmp_path, make_conf):
    root = write_project(tmp_path)
    edit(root, "conf/student/small.yaml", templates="prompt")
    with pytest.raises(StillhouseError) as found:
        load_all(root)
    assert "`prompt: plain` has no `student` text for the task of `dataset: own`" in str(
        found.value
    )
    assert "asks for labels alone, and `lambda` is 1; set `lambda: 0`" in str(found.value)
    with pytest.raises(StillhouseError, match="cannot ask a student"):
        with_prompt(make_conf(templates="prompt"), {})


def test_the_stages_ask_the_student_with_the_runs_prompt(tmp_path, monkeypatch):
    write_project(tmp_path)
    edit(tmp_path, "params.yaml", **{"lambda": 0.0, "rationale_source": "none", "k": 0})
    parts = {"query": "Q: {{ query }}", "system": "Long.", "student": "Short: {{ metric }}."}
    edit(tmp_path, "conf/prompt/plain.yaml", layout="turns", tasks={"classification": parts})
    edit(tmp_path, "conf/student/small.yaml", templates="prompt")
    monkeypatch.chdir(tmp_path)
    rows = [example(f"r{n}", "train" if n < 4 else "test") for n in range(6)]
    tables.EXAMPLES.write_rows(rows)
    tables.EXEMPLARS.write_rows([])
    tables.TEACHER_LABELS.write_rows([])
    write_json(paths.SELECTED, {})
    run("prompt", "baseline")
    assert json.loads(paths.ASKED.read_text()) == {
        "system": "Short: {{ metric }}.", "query": "Q: {{ query }}", "target": "{{ label }}",
        "values": {"metric": "exact"}, "choices": [],
    }  # fmt: skip
    before = paths.ASKED.read_bytes()
    edit(tmp_path, "conf/prompt/plain.yaml", tasks={"classification": parts | {"system": "Other."}})
    run("prompt")
    assert paths.ASKED.read_bytes() == before
    assert tables.PROMPTS.read_rows()[0]["messages"][0]["content"] == "Other."
