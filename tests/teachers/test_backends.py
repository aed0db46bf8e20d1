import pytest

from stillhouse.config.pinning import require_pinned
from stillhouse.core.errors import StillhouseError
from stillhouse.teachers import registry
from stillhouse.teachers.generate import generate
from stillhouse.teachers.protocol import Message, Request
from stillhouse.teachers.rendering import as_text
from tests.teachers.helpers import prompts, rows, store, teacher


def complete(template: str, text: str = "one two three", **conf):
    conf = teacher(model={"source": f"scripted:{template}"}, **conf)
    request = Request("a", 0, (Message("user", text),))
    opened = registry.open_teacher(conf)
    ((answer,),) = opened.generate([request])
    opened.close()
    return answer.outcome


def test_one_message_is_text_as_it_is():
    assert as_text([Message("user", "Q: 1?\nA:")]) == "Q: 1?\nA:"


def test_several_messages_become_titled_turns():
    turns = [Message("system", "S"), Message("user", "U"), Message("assistant", "A")]
    expected = "System: S\n\nUser: U\n\nAssistant: A\n\nAssistant:"
    assert as_text(turns) == expected


def test_a_scripted_answer_is_its_template_over_the_prompt():
    completion = complete("{{ prompt | upper }} from {{ messages[0].role }}")
    assert (completion.text, completion.finish_reason) == ("ONE TWO THREE from user", "stop")
    assert (completion.prompt_tokens, completion.completion_tokens) == (3, 5)


def test_a_scripted_answer_honours_the_limit_and_stop_strings():
    cut = complete("a b c d e", decoding={"max_tokens": 3})
    assert (cut.text, cut.finish_reason, cut.completion_tokens) == ("a b c", "length", 3)
    stopped = complete("a b c d e", decoding={"max_tokens": 3, "stop": ["c"]})
    assert (stopped.text, stopped.finish_reason) == ("a b ", "stop")


def test_scripted_digests_depend_on_prompt_and_sample(tmp_path):
    conf = teacher(
        model={"source": "scripted:{{ digest }}"}, decoding={"temperature": 1.0, "samples": 2}
    )
    table = prompts({"a": "x", "b": "y"})
    found = rows(generate(table, conf, store(tmp_path / "1")).completions)
    assert len(set(found.values())) == 4
    assert rows(generate(table, conf, store(tmp_path / "2")).completions) == found


def test_a_scripted_source_without_a_script():
    with pytest.raises(StillhouseError, match="wants a source like 'scripted:'"):
        registry.open_teacher(teacher(model={"source": "hf://org/model@1"}))


def test_an_unknown_backend_suggests_the_near_ones():
    with pytest.raises(StillhouseError, match="Did you mean 'openai'"):
        registry.backend("open_ai")


def test_every_backend_of_the_configuration_is_registered():
    from typing import get_args

    from stillhouse.config.teacher import Backend

    assert set(get_args(Backend)) == set(registry.BACKENDS)


def test_a_missing_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(registry.BACKENDS, "vllm", registry.Backend("no_such_module", extra="vllm"))
    with pytest.raises(StillhouseError, match=r"pip install 'stillhouse\[vllm\]'"):
        registry.open_teacher(teacher(compute={"backend": "vllm"}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoding": {"samples": 2}}, "greedy samples are all alike"),
        ({"decoding": {"max_tokens": 4096}}, "leaves no room for a prompt"),
        ({"decoding": {"stop": [""]}}, "must not be blank"),
        ({"compute": {"budget": {"money": 1}}}, "needs a `price`"),
        ({"compute": {"budget": {}}}, "either `money` or `tokens`"),
        ({"compute": {"backend": "openai"}}, "needs a `base_url`"),
        ({"compute": {"backend": "openai", "base_url": "host:8000/v1"}}, "needs a `base_url`"),
        ({"compute": {"allow_failures": 1.0}}, "below 1"),
    ],
)
def test_a_teacher_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        teacher(**change)


DIGEST = "0" * 64


@pytest.mark.parametrize(
    "source",
    [
        "api://provider/model-2024-08-06",
        f"hf://org/model@{DIGEST[:40]}",
        f"pypi://wheel==1.0/model.gguf#sha256={DIGEST}",
        f"file:data/raw/model#sha256={DIGEST}",
    ],
)
def test_pinned_sources(source):
    require_pinned(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("file:data/raw/model", "has no hash"),
        ("data/raw/model", "stillhouse pin data/raw/model"),
        ("hf://org/model@main#unpinned", "can move"),
        ("hf://org/model@main", "not pinned"),
        ("https://api.openai.com/gpt", "write api://"),
    ],
)
def test_answers_of_weights_that_may_change_are_not_kept(tmp_path, source, message):
    with pytest.raises(StillhouseError, match=message):
        generate(prompts([1]), teacher(model={"source": source}), store(tmp_path))
