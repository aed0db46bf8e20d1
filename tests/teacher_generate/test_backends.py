import datetime
import functools

import pytest
import yaml

from stillhouse.config.pinning import require_pinned
from stillhouse.config.tagged import tagged
from stillhouse.config.teacher import TeacherConf
from stillhouse.config.whole import checked_conf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.messages import Message, as_text
from stillhouse.teacher_generate import registry
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.protocol import Request
from tests.teacher_generate.helpers import prompts, rows, store, teacher


def complete(template: str, text: str = "one two three", **conf):
    conf = teacher(model={"source": f"scripted:{template}"}, **conf)
    request = Request("a", 0, (Message("user", text),))
    opened = registry.open_teacher(conf)
    ((outcome,),) = opened.generate([request])
    opened.close()
    return outcome.result


def test_one_message_is_text_as_it_is():
    assert as_text([Message("user", "Q: 1?\nA:")]) == "Q: 1?\nA:"


def test_several_messages_become_titled_turns():
    turns = [Message("system", "S"), Message("user", "U"), Message("assistant", "A")]
    expected = "System: S\n\nUser: U\n\nAssistant: A\n\nAssistant:"
    assert as_text(turns) == expected


def test_a_scripted_completion_is_its_template_over_the_prompt():
    completion = complete("{{ prompt | upper }} from {{ messages[0].role }}")
    assert (completion.text, completion.finish_reason) == ("ONE TWO THREE from user", "stop")
    assert (completion.prompt_tokens, completion.completion_tokens) == (3, 5)


def test_a_scripted_completion_honours_the_limit_and_stop_strings():
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
    compute = tagged(TeacherConf.model_fields["compute"])
    assert compute
    assert compute.tag == "backend"
    assert set(compute.names) == {*registry.BACKENDS, "python:module:function"}


def test_a_missing_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(registry.BACKENDS, "vllm", registry.Backend("no_such_module", extra="vllm"))
    with pytest.raises(StillhouseError, match=r"pip install 'stillhouse\[vllm\]'"):
        registry.open_teacher(teacher(compute={"backend": "vllm"}))


SERVED = {"backend": "openai", "base_url": "http://host:8000/v1"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoding": {"samples": 2}}, "greedy samples are all alike"),
        ({"decoding": {"max_tokens": 4096}}, "leaves no room for a prompt"),
        ({"decoding": {"stop": [""]}}, "must not be blank"),
        ({"compute": {"budget": {"money": 1}}}, "needs a `price`"),
        ({"compute": {"budget": {}}}, "either `money` or `tokens`"),
        ({"compute": {"backend": "openai"}}, "such as `base_url: http://host:8000/v1`"),
        ({"compute": {"backend": "openai", "base_url": "host:8000/v1"}}, "needs a `base_url`"),
        ({"compute": {"dtype": "auto"}}, "stands under `model`"),
        ({"compute": {"backend": "transformers", "device": "GPU 1"}}, "the pattern"),
        ({"decoding": {"temperature": float("nan")}}, "temperature"),
        ({"decoding": {"max_tokens": 2**31}}, "max_tokens"),
        ({"price": {"prompt": float("inf")}}, "prompt"),
        ({"compute": {"budget": {"money": float("inf")}}, "price": {"prompt": 1}}, "money"),
        ({"compute": SERVED | {"timeout_s": float("inf")}}, "a finite number"),
        ({"compute": SERVED | {"finish_reasons": {"done": "end"}}}, "length, refusal, stop"),
        ({"model": {"name": " "}}, "name"),
        ({"format": "plain", "decoding": {"chat_template_kwargs": {"a": 1}}}, "`format: chat`"),
        ({"decoding": {"chat_template_kwargs": {"tokenize": True}}}, "is not for"),
        (
            {"compute": {"backend": "transformers"}, "model": {"engine": {"quantization": "fp8"}}},
            "for the backends `vllm` and `ray`",
        ),
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
def test_completions_of_weights_that_may_change_are_not_kept(tmp_path, source, message):
    with pytest.raises(StillhouseError, match=message):
        generate(prompts([1]), teacher(model={"source": source}), store(tmp_path))


SECRET = "sk-abcdefgh12345678"
SENT = (
    "max_tokens max_completion_tokens Max-Tokens model n stream messages prompt seed stop best_of "
    "temperature top_p chat_template_kwargs extra_body include_stop_str_in_output"
)


@pytest.mark.parametrize("name", SENT.split())
def test_extra_holds_nothing_that_the_request_says_by_itself(name):
    with pytest.raises(ValueError, match="is not for `extra`"):
        teacher(decoding={"extra": {name: 1}})


@pytest.mark.parametrize(
    "extra",
    [
        {"api_key": "x"},
        {"apikey": "x"},
        {"key": "x"},
        {"headers": {"Authorization": "x"}},
        {"provider": [{"access_token": "x"}]},
        {"client_secret": "x"},
        {"harmless": SECRET},
        {"deep": {"er": [f"Bearer {SECRET}"]}},
    ],
)
def test_extra_holds_no_secrets_and_none_is_shown(extra):
    with pytest.raises(ValueError, match="looks like a secret") as caught:
        teacher(decoding={"extra": extra})
    (detail,) = caught.value.errors()
    assert detail["type"] == "secret", "so that its input is not shown"
    assert SECRET not in detail["msg"]


def test_ordinary_options_are_no_secrets():
    extra = {
        "top_k": 5,
        "stop_token_ids": [1],
        "skip_special_tokens": False,
        "min_tokens": 2,
        "prompt_cache_key": "a",
        "reasoning_effort": "low",
        "skip": "skipping words",
    }
    assert teacher(decoding={"extra": extra}).decoding.extra == extra


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "JSON cannot hold"),
        ([1, {"a": float("-inf")}], "JSON cannot hold"),
        (datetime.date(2024, 1, 2), "not a value of JSON"),
        ({1: "a"}, "must be texts"),
        (b"x", "not a value of JSON"),
        (functools.reduce(lambda inner, _: [inner], range(100), 1), "nested more than"),
    ],
)
def test_extra_holds_what_json_can(value, message):
    with pytest.raises(ValueError, match=message):
        teacher(decoding={"extra": {"x": value}})


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///v1",
        "http://host:99999/v1",
        "http://host:port/v1",
        "http://[::1/v1",
        "http://ho st/v1",
        "http://a..b/v1",
        "http://host/v1?version=3",
        "http://host/v1#part",
        "ftp://host/v1",
        "http://host\n/v1",
        "http://host\x1b[31m/v1",
        "http://<host>/v1",
        f"http://me:{SECRET}@host/v1",
        f"http://{SECRET}@host/v1",
        5,
    ],
)
def test_an_address_that_is_none_is_refused_and_no_password_shown(url):
    with pytest.raises(ValueError) as caught:
        teacher(compute={"backend": "openai", "base_url": url})
    for detail in caught.value.errors():
        assert SECRET not in detail["msg"]
        assert detail["type"] == "secret" or "@" not in str(detail["input"])


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "http://[::1]:8000/v1",
        "https://api.example.org/a/b@c/v1/",
        "http://gpu_node-1:80",
        "http://b\u00fccher.example/v1",
    ],
)
def test_addresses(url):
    assert teacher(compute={"backend": "openai", "base_url": url}).compute.base_url == url


@pytest.mark.parametrize("value", [SECRET, "$KEY", "MY KEY", "", "1KEY", 5, "hf_abcdefghijklmnop"])
def test_what_names_the_key_is_a_variable_and_never_shown(value):
    compute = {"backend": "openai", "base_url": "http://h/v1", "api_key_env": value}
    with pytest.raises(ValueError) as caught:
        teacher(compute=compute)
    (detail,) = caught.value.errors()
    assert (detail["type"], detail["loc"]) == ("secret", ("compute", "api_key_env"))


@pytest.mark.parametrize("moved", [{}, {"dtype": "auto"}])
def test_mistakes_beside_a_secret_do_not_show_it(tmp_path, moved):
    conf = teacher().model_dump(mode="json")
    conf["compute"] = moved | {"api_key_env": SECRET, "backend": "openai"}
    conf["decoding"] |= {"extra": {"api_key": SECRET}, "samples": 3}
    conf["context"] = 1
    path = tmp_path / "conf.yaml"
    path.write_text(yaml.safe_dump(conf))
    problems = []
    checked_conf(path, TeacherConf, problems)
    assert problems
    assert SECRET not in str(problems)
