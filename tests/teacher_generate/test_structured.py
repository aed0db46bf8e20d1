"""Replies in JSON, enforced by the backends that can."""

import json

import pytest

from stillhouse.config.prompt import Reply
from stillhouse.core.messages import Message
from stillhouse.store.key import completion_key
from stillhouse.teacher_generate.backends.engine import sampling_options
from stillhouse.teacher_generate.openai_api.requests import request_body
from stillhouse.teacher_generate.protocol import Request
from stillhouse.teacher_generate.structured import enforced, json_schema
from tests.teacher_generate.helpers import client, teacher

KEYS = {"rationale": "why", "label": "answer"}
REPLY = Reply(content="rationale_then_label", form="json", keys=KEYS)
MESSAGES = (Message("user", "x"),)


def key(conf):
    return completion_key(conf, MESSAGES, 0)


def test_the_rationale_comes_before_the_label():
    assert json.dumps(json_schema(REPLY)) == json.dumps(
        {
            "type": "object",
            "properties": {"why": {"type": "string"}, "answer": {"type": "string"}},
            "required": ["why", "answer"],
            "additionalProperties": False,
        }
    )


@pytest.mark.parametrize(
    ("content", "names"), [("label", ["answer"]), ("rationale", ["rationale"])]
)
def test_a_reply_of_one_part_has_one_key(content, names):
    assert json_schema(Reply(content=content, form="json"))["required"] == names


def test_a_chain_of_density_is_a_list_of_four_rounds():
    reply = Reply(content="label", form="chain_of_density")
    schema = json_schema(reply)
    assert (schema["type"], schema["minItems"], schema["maxItems"]) == ("array", 4, 4)
    assert schema["items"]["required"] == ["missing_entities", "denser_summary"]
    sent = body(enforced(client("http://127.0.0.1/v1"), reply))["response_format"]
    assert sent["json_schema"]["schema"] == schema
    for chosen in ("json_object", "none"):  # neither can ask for a list
        conf = client("http://127.0.0.1/v1", decoding={"response_format": chosen})
        assert enforced(conf, reply) == conf


def body(conf):
    return json.loads(request_body(conf, Request("a", 0, MESSAGES)))


def test_a_server_is_asked_for_the_form():
    sent = body(enforced(client("http://127.0.0.1/v1"), REPLY))["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["schema"] == json_schema(REPLY)
    some = client("http://127.0.0.1/v1", decoding={"response_format": "json_object"})
    assert body(enforced(some, REPLY))["response_format"] == {"type": "json_object"}
    none = client("http://127.0.0.1/v1", decoding={"response_format": "none"})
    assert "response_format" not in body(enforced(none, REPLY))
    own = client("http://127.0.0.1/v1", decoding={"extra": {"guided_regex": "a|b"}})
    assert "response_format" not in body(enforced(own, REPLY))


@pytest.mark.parametrize("backend", ["vllm", "ray"])
def test_vllm_decodes_by_the_schema(backend):
    conf = enforced(teacher(compute={"backend": backend}), REPLY)
    options = sampling_options(conf.decoding, None)
    assert options["structured_outputs"] == {"json": json_schema(REPLY)}
    assert "response_format" not in options
    some = teacher(compute={"backend": backend}, decoding={"response_format": "json_object"})
    options = sampling_options(enforced(some, REPLY).decoding, None)
    assert options["structured_outputs"] == {"json_object": True}


def test_an_enforced_form_is_part_of_the_key_and_another_is_not():
    def conf(backend, **decoding):
        served = {"base_url": "http://127.0.0.1/v1"} if backend == "openai" else {}
        return teacher(compute={"backend": backend} | served, decoding=decoding)

    plain = key(conf("vllm"))
    assert key(enforced(conf("vllm"), REPLY)) != plain
    assert key(enforced(conf("vllm"), REPLY)) == key(enforced(conf("openai"), REPLY))
    assert key(enforced(conf("vllm", response_format="json_object"), REPLY)) not in (
        plain,
        key(enforced(conf("vllm"), REPLY)),
    )
    for same in (
        enforced(conf("transformers"), REPLY),
        enforced(conf("vllm", response_format="none"), REPLY),
        enforced(conf("vllm"), Reply(content="label")),
        enforced(conf("vllm"), Reply(content="label", form="boxed")),
    ):
        assert key(same) == plain
