"""Prompts of conversations: the messages of the system and of the user, and no reply."""

import json

import pytest

from stillhouse.config.dataset import Answer
from stillhouse.config.prompt import PromptConf
from stillhouse.config.whole import load_entry
from stillhouse.core.conversation import read_messages
from stillhouse.prompt.render import render_prompts
from tests.conftest import REPOSITORY
from tests.core.test_conversation import said
from tests.prompt.rows import example

ANSWER = Answer(metric="rating")


def conf(**parts):
    values = {"description": "A prompt", "layout": "turns", "reply": "label"}
    return PromptConf(**values, tasks={"chat": {"query": "{{ query }}"} | parts})


def render(prompt, *texts, system=None):
    found = read_messages(said(*texts, system=system))
    row = example("own", query=found.query, label=found.label)
    (rendered,) = render_prompts(prompt, "chat", ANSWER, [row], [])
    return rendered["messages"]


def test_a_prompt_holds_every_turn_of_the_user_and_none_of_the_assistant():
    found = render(conf(), "Hi!", "gold one", "Who?", "gold two", system="S")
    assert [(m["role"], m["content"]) for m in found] == [
        ("system", "S"), ("user", "Hi!"), ("user", "Who?"),
    ]  # fmt: skip
    assert "gold" not in json.dumps(found)


def test_the_prompt_writes_each_turn_and_its_system_text_first():
    found = render(conf(system="P", query="Q: {{ query }}"), "a", "x", "b", system="S")
    assert [m["content"] for m in found] == ["P\n\nS", "Q: a", "Q: b"]


def test_a_turn_is_never_read_as_a_template():
    assert render(conf(), "{{ label }}")[0]["content"] == "{{ label }}"


def test_the_shipped_prompt_is_documented_as_it_is():
    shipped = load_entry(PromptConf, "vanilla", REPOSITORY)
    assert shipped.tasks["chat"].student == shipped.tasks["chat"].system
    messages = render(shipped, "Is a tomato a fruit?", "Yes.", "And in the kitchen?")
    shown = "\n".join(f"[{m['role']}] {m['content']}" for m in messages)
    page = (REPOSITORY / "docs/prompts.md").read_text(encoding="utf-8")
    assert f"#### vanilla, chat\n\n```text\n{shown}\n```\n" in page, shown


@pytest.mark.parametrize(
    ("reply", "parts", "complaint"),
    [
        ("rationale_then_label", {}, "give a prompt for chats `reply: label`"),
        ({"content": "label", "form": "json"}, {}, "give a prompt for chats `reply: label`"),
        ("label", {"preamble": "x"}, "leave out `preamble`"),
        ("label", {"request": "x", "label": "<{{ label }}>"}, "leave out `request`, `label`"),
        ("label", {"exemplar_query": "{{ query }}", "exemplar_reply": "{{ label }}"},
         "leave out `exemplar_query`"),
        ("label", {"query": "{{ query }} {{ label }}"}, "unknown name `label`"),
    ],
)  # fmt: skip
def test_what_a_prompt_of_conversations_cannot_have(reply, parts, complaint):
    values = {"description": "A prompt", "layout": "turns", "reply": reply}
    with pytest.raises(ValueError, match=complaint):
        PromptConf(**values, tasks={"chat": {"query": "{{ query }}"} | parts})
