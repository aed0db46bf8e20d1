import pytest
from pydantic import ValidationError

from stillhouse.core.errors import StillhouseError
from stillhouse.prompt.render import render_prompts
from tests.prompt.rows import ANSWER, example, exemplars_table, prompt

ROWS = [example("a", label="A"), example("b", label="B"), example("c", label="C")]
PARTS = {
    "system": "Be brief.",
    "preamble": "Examples:",
    "exemplar_query": "Q: {{ query }}",
    "exemplar_reply": "A: {{ label }}",
    "request": "Now you.",
}


def render(conf, rows=ROWS, chosen=None, task="text"):
    prompts = render_prompts(conf, task, ANSWER, rows, exemplars_table(**(chosen or {})))
    return {row["id"]: row["messages"] for row in prompts}


ALL = {"a": ["c", "b"], "b": ["a", "c"], "c": ["a", "b"]}


def test_turns_play_the_exemplars_in_order_of_rank():
    assert render(prompt("turns", **PARTS), chosen=ALL)["a"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Examples:\n\nQ: query of c"},
        {"role": "assistant", "content": "A: C"},
        {"role": "user", "content": "Q: query of b"},
        {"role": "assistant", "content": "A: B"},
        {"role": "user", "content": "Now you.\n\nQ: query of a"},
    ]


def test_text_joins_all_but_the_system_text():
    assert render(prompt("text", **PARTS), chosen=ALL)["a"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": "Examples:\n\nQ: query of c A: C\n\nQ: query of b A: B\n\n"
            "Now you.\n\nQ: query of a",
        },
    ]


def test_separators_are_the_promptss_own():
    conf = prompt("text", **PARTS).model_copy(update={"separator": "|", "reply_separator": "~"})
    assert render(conf, chosen=ALL)["c"][1]["content"] == (
        "Examples:|Q: query of a~A: A|Q: query of b~A: B|Now you.|Q: query of c"
    )


@pytest.mark.parametrize("layout", ["turns", "text"])
def test_empty_parts_leave_no_trace(layout):
    assert render(prompt(layout))["a"] == [{"role": "user", "content": "Q: query of a"}]


@pytest.mark.parametrize("layout", ["turns", "text"])
def test_a_prompt_without_exemplar_parts_shows_none(layout):
    assert render(prompt(layout), chosen=ALL) == render(prompt(layout))


def test_only_the_splits_asked_for_are_prompted():
    rows = [*ROWS, example("t", "test"), example("u", "unlabelled", label=None)]
    rows.append(example("exemplar-000", "exemplar"))
    assert set(render(prompt(), rows)) == {"a", "b", "c"}
    assert set(render(prompt(splits=("test", "unlabelled")), rows)) == {"t", "u"}
    with pytest.raises(StillhouseError, match="asks about validation rows, and the dataset has no"):
        render(prompt(splits=("validation",)), rows)


def test_templates_see_the_task_the_metric_the_marker_and_the_choices():
    conf = prompt(
        query="{{ query }}: {{ task }}, {{ metric }}, {{ marker }}: {{ choices | join('/') }}"
    )
    found = render(conf, [example("a", choices=["x", "y"])])
    assert found["a"][0]["content"] == "query of a: text, exact, So the answer is: x/y"


def test_a_row_with_text_like_a_template_is_shown_as_it_is():
    rows = [example("a", query="{{ label }} {% raw %}"), example("b", query="{{ 7 * 7 }}")]
    conf = prompt(exemplar_query="{{ query }}", exemplar_reply="{{ label }}")
    found = render(conf, rows, {"a": ["b"], "b": ["a"]})
    assert found["a"][0]["content"] == "{{ 7 * 7 }} the label\n\nQ: {{ label }} {% raw %}"


def test_a_rationale_prompt_is_given_the_label_to_explain():
    conf = prompt(reply="rationale", query="{{ query }} is {{ label }} because")
    assert render(conf)["b"][0]["content"] == "query of b is B because"
    with pytest.raises(StillhouseError, match="Row 'a' has no label to ask a rationale for"):
        render(conf, [example("a", label=None)])


def test_a_rationale_prompt_asks_about_training_rows_alone():
    with pytest.raises(ValidationError, match="may only ask about the train split"):
        prompt(reply="rationale", splits=("train", "test"))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"query": "{{ query }} {{ label }}"}, r"tasks.text.query uses the unknown name `label`"),
        ({"query": "{{ querry }}"}, r"`querry`. Did you mean 'query'"),
        ({"system": "{{ query }}"}, r"tasks.text.system uses the unknown name `query`"),
        ({"request": "{{ label }}"}, r"tasks.text.request uses the unknown name `label`"),
        ({"exemplar_query": "{{ query }}"}, "`exemplar_query` and `exemplar_reply` go together"),
        ({"query": "{{ query"}, "template error on line 1"),
    ],
)
def test_mistakes_in_templates_are_found_when_the_file_is_read(parts, message):
    with pytest.raises(ValidationError, match=message):
        prompt(**parts)


def test_a_task_without_parts_is_an_error_that_lists_those_with():
    with pytest.raises(
        StillhouseError, match="no parts for the dataset's task `nli`; it serves te"
    ):
        render(prompt(), task="nli")


def test_a_missing_rationale_is_an_error_that_names_the_exemplar():
    conf = prompt(exemplar_query="{{ query }}", exemplar_reply="{{ rationale }} {{ label }}")
    rows = [example("a", rationale="Because."), example("b")]
    with pytest.raises(StillhouseError, match=r"exemplar_reply, row 'b'.*'rationale' is undefined"):
        render(conf, rows, {"a": ["b"], "b": ["a"]})


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"a": ["t"]}, "exemplar 't' of split 'test'"),
        ({"a": ["u"]}, "exemplar 'u' of split 'unlabelled'"),
        ({"a": ["a"]}, "Row 'a' has the exemplar 'a'"),
        ({"a": ["gone"]}, "not in 'examples', the first 'gone'"),
        ({"a": ["b"]}, "has 0 exemplars for row 'b', and more for others"),
    ],
)
def test_exemplars_that_cannot_be_right_are_refused(chosen, message):
    rows = [example("a"), example("b"), example("t", "test")]
    rows.append(example("u", "unlabelled", label=None))
    with pytest.raises(StillhouseError, match=message):
        render(prompt(exemplar_query="{{ query }}", exemplar_reply="{{ label }}"), rows, chosen)
