import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.core.messages import Message
from stillhouse.core.tables import PROMPTS
from stillhouse.store.key import canonical, completion_key, payload
from stillhouse.teacher_generate.plan import completion_keys
from tests.teacher_generate.helpers import teacher

MESSAGES = (Message("system", "Be brief."), Message("user", 'Why "é"?\n'))
SAMPLED = {"temperature": 0.7, "top_p": 0.9, "stop": ["Q:", "\n\n"], "seed": 3, "max_tokens": 8}


def test_the_payload_is_as_documented():
    conf = teacher(decoding=SAMPLED)
    assert canonical(payload(conf, MESSAGES, 2)) == (
        '{"decoding":{"seed":3,"stop":["\\n\\n","Q:"],"temperature":0.7,"top_p":0.9},'
        '"format":"chat","messages":[{"content":"Be brief.","role":"system"},'
        '{"content":"Why \\"\\u00e9\\"?\\n","role":"user"}],'
        '"model":{"name":"m","source":"scripted:Because {{ digest % 97 }}."},'
        '"sample":2,"version":1}'
    )


def test_golden_values():
    # These keys are on file wherever completions were paid for. If this test fails, either undo the
    # change to the key, or raise KEY_VERSION and know that every completion is asked for again.
    greedy = teacher()
    plain = teacher(format="plain", decoding={"extra": {"top_k": 4}})
    assert completion_key(greedy, MESSAGES, 0).hex() == GREEDY
    assert completion_key(teacher(decoding=SAMPLED), MESSAGES, 2).hex() == SAMPLED_2
    assert completion_key(plain, MESSAGES, 0).hex() == PLAIN


GREEDY = "771e0e9408d326848cf2325955ef8d3e960d3b59114fbbe759f1b901eee6592f"
SAMPLED_2 = "2eb3a381e111d82cb2feb4b52f7f9105dd1fd71be5c93d3cca38281fbf0bdb32"
PLAIN = "a134863e211bb20b9ee017bb8cb89cad78a3979aaf765d6b3b33bffe3d8f1d3a"

TURNS = st.lists(
    st.builds(
        Message,
        st.sampled_from(["system", "user", '50%s "x"']),
        st.text(max_size=30) | st.just("100%s"),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=50)
@given(
    rows=st.lists(TURNS, min_size=1, max_size=4),
    layout=st.sampled_from(["chat", "plain"]),
    samples=st.integers(1, 3),
    extra=st.sampled_from([{}, {"guided": [], "suffix": "\0"}]),
    name=st.sampled_from(["m", "\0", '"', "x\0\0"]),
)
def test_keys_of_a_table_are_the_keys_of_its_completions(rows, layout, samples, extra, name):
    decoding = {"temperature": 1.0, "samples": samples, "extra": extra}
    model = {"engine": {"quantization": name, "hf_overrides": {"messages": "\0"}}}
    conf = teacher(format=layout, decoding=SAMPLED | decoding, model=model)
    messages = [[message._asdict() for message in row] for row in rows]
    ids = [str(n) for n in range(len(rows))]
    table = pa.table({"id": ids, "messages": messages}, schema=PROMPTS.schema)
    expected = [completion_key(conf, row, n) for row in rows for n in range(samples)]
    assert completion_keys(table, conf).to_pylist() == expected


CHANGES = [
    {"model": {"name": "other"}},
    {"model": {"source": "hf://org/m@2"}},
    {"format": "plain"},
    {"decoding": SAMPLED | {"temperature": 0.8}},
    {"decoding": SAMPLED | {"top_p": 0.8}},
    {"decoding": SAMPLED | {"seed": 4}},
    {"decoding": SAMPLED | {"stop": ["Q:"]}},
    {"decoding": SAMPLED | {"extra": {"top_k": 5}}},
    {"decoding": SAMPLED | {"chat_template_kwargs": {"enable_thinking": False}}},
    {"model": {"dtype": "float16"}},
    {"model": {"engine": {"quantization": "fp8"}}},
]


@pytest.mark.parametrize("change", CHANGES, ids=json.dumps)
def test_what_changes_the_completion_changes_the_key(change):
    base = teacher(decoding=SAMPLED)
    changed = teacher(**({"decoding": SAMPLED} | change))
    assert completion_key(base, MESSAGES, 0) != completion_key(changed, MESSAGES, 0)
    assert completion_key(base, MESSAGES, 0) != completion_key(base, MESSAGES, 1)
    assert completion_key(base, MESSAGES, 0) != completion_key(base, MESSAGES[1:], 0)


SERVED = {"backend": "openai", "base_url": "http://host:8000/v1"}
NO_CHANGES = [
    {"decoding": SAMPLED | {"max_tokens": 9}},
    {"decoding": SAMPLED | {"samples": 5}},
    {"decoding": SAMPLED | {"stop": ["\n\n", "Q:", "Q:"]}},
    {"context": 99},
    {"compute": {"backend": "transformers", "batch_tokens": 1, "device": "cuda"}},
    {"compute": SERVED | {"max_in_flight": 2}},
    {"price": {"prompt": 3}},
    {"description": "x"},
    {"model": {"mirror": "elsewhere"}},
    {"model": {"dtype": "auto", "engine": {}}},
    {"decoding": SAMPLED | {"extra": {}, "chat_template_kwargs": {}}},
    {"compute": {"backend": "vllm", "engine": {"gpu_memory_utilization": 0.5}}},
    {"compute": SERVED | {"finish_reasons": {"done": "stop"}}},
]


@pytest.mark.parametrize("change", NO_CHANGES, ids=json.dumps)
def test_what_does_not_change_the_completion_leaves_the_key(change):
    base = teacher(decoding=SAMPLED)
    changed = teacher(**({"decoding": SAMPLED} | change))
    assert completion_key(base, MESSAGES, 1) == completion_key(changed, MESSAGES, 1)


def test_greedy_decoding_ignores_seed_and_top_p():
    changed = teacher(decoding={"seed": 7, "top_p": 0.5})
    assert completion_key(teacher(), MESSAGES, 0) == completion_key(changed, MESSAGES, 0)


def test_whole_floats_and_integers_are_one_value():
    def key(extra):
        return completion_key(teacher(decoding={"extra": extra}), MESSAGES, 0)

    assert key({"top_k": 5}) == key({"top_k": 5.0})
    assert key({"a": {"b": [1, 2.0]}}) == key({"a": {"b": [1.0, 2]}})
    assert key({"top_k": 1}) != key({"top_k": True})
    assert key({"min_p": 0.1}) != key({"min_p": 0.2})
