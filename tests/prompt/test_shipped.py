"""The prompts of conf/prompt, for every kind of task."""

import json
import re

import pytest

from stillhouse.config.dataset import METRICS, DatasetConf
from stillhouse.config.prompt import ROUND, ROUNDS, PromptConf
from stillhouse.config.whole import load_entry, names
from stillhouse.core.errors import StillhouseError
from stillhouse.core.messages import Message, as_text
from stillhouse.core.templates import render as template
from stillhouse.parse.completion import parse_completion
from stillhouse.parse.form import Form, reply_form
from stillhouse.prompt.render import render_prompts
from tests.conftest import REPOSITORY
from tests.prompt.rows import ANSWER, CHATTING, CHOICES, TASKS, example, exemplars_table, text

SHIPPED = sorted(set(names("prompt", REPOSITORY)) - set(CHATTING))
ZERO_SHOT = {"vanilla", "elaborate"}
WITH_EXEMPLARS = sorted(set(SHIPPED) - ZERO_SHOT)


def load(name):
    return load_entry(PromptConf, name, REPOSITORY)


def rows(task):
    """Every row has words of its own: which of them a prompt shows is plain to see."""
    splits = {
        "own": "train",
        "near": "train",
        "far": "train",
        "tested": "test",
        "kept": "validation",
    }
    return [
        example(
            id_, split, label=f"label-of-{id_}", rationale=f"rationale-of-{id_}",
            query=f"query-of-{id_}", choices=CHOICES.get(task, ()),
        )
        for id_, split in splits.items()
    ]  # fmt: skip


def render(name, task, splits=None, rows_=None, exemplars=("near", "far")):
    conf = load(name)
    if splits:
        conf = conf.model_copy(update={"splits": splits})
    examples = rows_ or rows(task)
    chosen = {
        row["id"]: [id_ for id_ in (*exemplars, "own") if id_ != row["id"]][: len(exemplars)]
        for row in examples
    }
    prompts = render_prompts(conf, task, ANSWER, examples, exemplars_table(**chosen))
    return {row["id"]: row for row in prompts}


def shown(prompt, what):
    return set(re.findall(rf"{what}-of-(\w+)", text(prompt)))


def test_the_prompts_of_the_papers_are_there():
    papers = {"rag_published", "clean", "human_cot", "few_shot", "rationalize"}
    assert papers | ZERO_SHOT <= set(SHIPPED)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", SHIPPED)
def test_a_prompt_serves_every_task_and_shows_the_query_last(name, task):
    for id_, prompt in render(name, task).items():
        last = prompt["messages"][-1]
        assert last["role"] == "user"
        assert shown({"messages": [last]}, "query") >= {id_}
        assert re.findall(r"query-of-(\w+)", text(prompt))[-1] == id_
        assert "None" not in text(prompt)
        assert not re.search(r"\{\{|\{%|\n\n\n", text(prompt))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", SHIPPED)
def test_no_label_leaks(name, task):
    own_label = load(name).reply.content == "rationale"
    splits = None if own_label else ("train", "validation", "test")
    for id_, prompt in render(name, task, splits).items():
        exemplars = set() if name in ZERO_SHOT else shown(prompt, "query") - {id_}
        assert shown(prompt, "label") == exemplars | ({id_} if own_label else set())
        assert shown(prompt, "rationale") <= exemplars
        assert not exemplars & {"tested", "kept"}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", SHIPPED)
def test_what_a_row_does_not_show_does_not_matter(name, task):
    before = render(name, task)["own"]
    changed = [
        row | {"label": "another", "gold_rationale": "another"} if row["id"] != "own" else row
        for row in rows(task)
    ]
    own = [row if row["id"] != "own" else row | {"gold_rationale": "x"} for row in rows(task)]
    assert render(name, task, rows_=own)["own"] == before
    if name in ZERO_SHOT:
        assert render(name, task, rows_=changed)["own"] == before


@pytest.mark.parametrize("name", WITH_EXEMPLARS)
def test_exemplars_come_in_order_of_rank(name):
    whole = text(render(name, "text")["own"])
    assert whole.index("query-of-near") < whole.index("query-of-far") < whole.index("query-of-own")


@pytest.mark.parametrize("name", sorted(set(SHIPPED) - {"human_cot"}))
def test_exemplars_need_no_rationale_and_none_are_needed(name):
    bare = [row | {"gold_rationale": None} for row in rows("math")]
    assert shown(render(name, "math", rows_=bare)["own"], "query") >= {"own"}
    assert shown(render(name, "math", exemplars=())["own"], "query") == {"own"}


def test_human_cot_shows_rationales_and_says_so_when_there_are_none():
    assert shown(render("human_cot", "math")["own"], "rationale") == {"near", "far"}
    bare = [row | {"gold_rationale": ""} for row in rows("math")]
    with pytest.raises(StillhouseError, match="'rationale' is undefined"):
        render("human_cot", "math", rows_=bare)


@pytest.mark.parametrize("task", TASKS)
def test_the_text_of_clean_is_shared_up_to_the_first_exemplar(task):
    prompts = render("clean", task, splits=("train", "test"))
    system, user = zip(
        *([m["content"] for m in p["messages"]] for p in prompts.values()), strict=True
    )
    assert len(set(system)) == 1
    openings = {
        content[: re.search(r"(Example|Question|Pair|Case)\b.*?:", content).start()]
        for content in user
    }
    assert len(openings) == 1
    assert "So the answer is <" in openings.pop()


def test_the_published_prompt_has_the_papers_four_parts_as_plain_text():
    messages = render("rag_published", "math")["own"]["messages"]
    plain = as_text([Message(m["role"], m["content"]) for m in messages])
    system, near, near_label, far, far_label, request, query, end = plain.split("\n\n")
    assert system.startswith("System: This is a chat between a user and an artificial")
    assert (near, near_label) == ("User: query-of-near", "Assistant: label-of-near")
    assert (far, far_label) == ("User: query-of-far", "Assistant: label-of-far")
    assert request.startswith("User: Now carefully observe how assistant logically answered")
    assert request.endswith("'Rationale: ,hence the answer is Answer: '")
    assert (query, end) == ("query-of-own", "Assistant:")


@pytest.mark.parametrize("name", ["few_shot", "human_cot", "rationalize"])
def test_prompts_for_base_models_are_one_text_that_ends_where_the_completion_begins(name):
    for task in TASKS:
        for prompt in render(name, task).values():
            assert len(prompt["messages"]) == 1
            assert text(prompt).endswith(":")


def math_text(name, metric):
    answer = ANSWER.model_copy(update={"metric": metric})
    return text(render_prompts(load(name), "math", answer, rows("math"), [])[0])


@pytest.mark.parametrize("name", ["clean", "vanilla", "elaborate", "rationalize", "rag_text"])
def test_each_metric_of_mathematics_is_asked_for_in_its_own_form(name):
    asked = {math_text(name, metric) for metric in ("equation", "number", "latex")}
    assert len(asked) == 3


@pytest.mark.parametrize("metric", ["equation", "number", "latex"])
def test_worked_examples_of_mathematics_have_the_form_that_is_read(metric):
    worked = re.findall(r"^A: (.+)$", math_text("rag_text", metric), re.MULTILINE)
    answer = ANSWER.model_copy(update={"metric": metric})
    form = Form(load("rag_text").reply, "math", answer)
    statuses = [parse_completion(text, "stop", form).status for text in worked]
    assert statuses == ["ok", "ok"]


@pytest.mark.parametrize(
    ("task", "metric"),
    [("summary", "summary")]
    + [(task, metric) for task in TASKS for metric in METRICS if metric != "summary"],
)
def test_vanilla_and_elaborate_differ_in_the_system_text_alone(task, metric):
    answer = ANSWER.model_copy(update={"metric": metric})
    for choices in (CHOICES.get(task, []), ["yes", "no"]):
        row = example("own", query="query-of-own", choices=choices)
        vanilla, elaborate = (
            render_prompts(load(name), task, answer, [row], [])[0]["messages"]
            for name in ("vanilla", "elaborate")
        )
        assert [m["role"] for m in vanilla] == [m["role"] for m in elaborate] == ["system", "user"]
        assert vanilla[1] == elaborate[1]
        assert len(vanilla[0]["content"]) < len(elaborate[0]["content"]) / 2
    parts = {name: load(name).tasks[task].model_dump() for name in ZERO_SHOT}
    assert parts["vanilla"]["student"] == parts["vanilla"]["system"]
    longer = parts["elaborate"]["system"]
    assert parts["vanilla"] | {"system": longer} == parts["elaborate"]


def test_the_prompts_for_summaries_say_what_is_read():
    """Their own reply in the form that they ask for, each parsed as that prompt's is."""
    conf = load_entry(DatasetConf, "bbc_news", REPOSITORY)
    forms = {name: reply_form(load(name), conf) for name in ZERO_SHOT}
    assert {name: form.reply.form for name, form in forms.items()} == {
        "vanilla": "marker",
        "elaborate": "chain_of_density",
    }
    assert all(form.reply.require_stop for form in forms.values())
    assert forms["elaborate"].reply.minimum_usable == 0.7
    listed = json.dumps([dict.fromkeys(ROUND, f"Round {n}.") for n in range(ROUNDS)])
    for name, said, label in (
        ("vanilla", "Acme grew.", "Acme grew."),
        ("elaborate", listed, "Round 3."),
    ):
        assert parse_completion(said, "stop", forms[name]) == (None, label, "ok")
        assert parse_completion(said, "length", forms[name]) == (None, None, "truncated")
    system = load("elaborate").tasks["summary"].system
    assert all(f'"{name}"' in system for name in ROUND)
    assert reply_form(load("elaborate"), load_entry(DatasetConf, "svamp", REPOSITORY)).reply == (
        load("elaborate").reply.model_copy(update={"tasks": {}})
    )


@pytest.mark.parametrize("options", [3, 5, 8, 30])
def test_the_letters_that_are_asked_for_are_those_of_the_choices(options):
    choices = [f"choice {n}" for n in range(options)]
    row = example("own", query="Which?", choices=choices)
    answer = ANSWER.model_copy(update={"metric": "choice"})
    last = {3: "c", 5: "e", 8: "h", 30: "ad"}[options]
    for name, said in [
        ("vanilla", last), ("elaborate", f'{{"reason": "It fits.", "answer": "{last}"}}')
    ]:  # fmt: skip
        conf = load(name)
        prompt = render_prompts(conf, "multiple_choice", answer, [row], [])[0]
        letters = re.findall(r"\b([a-z]{1,2})\b(?= or |\.?$)", prompt["messages"][0]["content"])
        assert (letters[-1], len(letters)) == (last, options)
        form = Form(conf.reply, "multiple_choice", answer)
        parsed = parse_completion(said, "stop", form, choices)
        assert (parsed.label, parsed.status) == (choices[-1], "ok")


def test_choices_are_lettered_however_many_there_are():
    choices = [f"choice {n}" for n in range(30)]
    row = example("own", query="Which?", choices=choices)
    conf = load("rag_published")
    (made,) = render_prompts(conf, "classification", ANSWER, [row], [])
    for line in ("(a) choice 0", "(f) choice 5", "(z) choice 25", "(aa) choice 26"):
        assert f"{line}\n" in text(made) + "\n"


WORDS = ["one", "two", "three", "four", "five", "six", "seven"]


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("commonsense_qa", {"choices": {"text": WORDS}}),
        ("cos_e", {"choices": WORDS}),
        ("commonsense_qa_small", {"options": "\n".join(f"X. {word}" for word in WORDS)}),
    ],
)
def test_a_datasets_query_letters_more_choices_than_it_has(name, columns):
    query = load_entry(DatasetConf, name, REPOSITORY).fields.query
    rendered = template(query, {"question": "Q"} | columns, "here")
    assert "(e) five\n(f) six\n(g) seven" in rendered


def test_rated_conversations_are_those_of_vanilla_with_the_test_rows():
    rated, vanilla = (
        load_entry(PromptConf, name, REPOSITORY) for name in ("chat_rated", "vanilla")
    )
    assert rated.tasks == {"chat": vanilla.tasks["chat"]}
    assert rated.splits == ("train", "test")
    assert rated.reply.of("chat") == vanilla.reply.of("chat")
