"""What vLLM is asked for, without the engine; tests/vllm runs the real one."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.messages import Message
from stillhouse.sources.content import content_hash
from stillhouse.teacher_generate.backends.encoding import teacher_folder
from stillhouse.teacher_generate.backends.engine import (
    PromptEncoder,
    engine_options,
    sampling_options,
)
from stillhouse.teacher_generate.protocol import Failure, Request
from stillhouse.teacher_generate.registry import open_teacher
from tests.teacher_generate.helpers import teacher

FOLDER = Path("weights")
VLLM = {"backend": "vllm"}


def test_options_come_from_the_conf_and_engine_adds_to_them() -> None:
    compute = {
        "backend": "vllm",
        "tensor_parallel": 4,
        "engine": {"gpu_memory_utilization": 0.8, "enable_prefix_caching": False},
    }
    model = {"dtype": "float16", "engine": {"quantization": "fp8"}}
    options = engine_options(teacher(compute=compute, model=model, context=2048), FOLDER)
    assert options["model"] == "weights"
    assert options["max_model_len"] == 2048
    assert options["tensor_parallel_size"] == 4
    assert options["dtype"] == "float16"
    assert options["quantization"] == "fp8"
    assert options["gpu_memory_utilization"] == 0.8
    assert options["enable_prefix_caching"] is False, "the user's word is the last"
    assert engine_options(teacher(compute=VLLM), FOLDER)["enable_prefix_caching"] is True


@pytest.mark.parametrize(
    ("config", "dtype"),
    [
        ({"torch_dtype": "bfloat16"}, "bfloat16"),
        ({"dtype": "float32"}, "float32"),
        ({"dtype": "torch.float16"}, "float16"),
        ({"text_config": {"dtype": "bfloat16"}}, "bfloat16"),
        ({}, "float32"),
    ],
)
def test_an_automatic_type_is_the_weights_own(tmp_path: Path, config: Any, dtype: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert engine_options(teacher(compute=VLLM), tmp_path)["dtype"] == dtype
    other = teacher(compute=VLLM, model={"dtype": "float16"})
    assert engine_options(other, tmp_path)["dtype"] == "float16"


@pytest.mark.parametrize(
    ("place", "name", "message"),
    [
        ("compute", "model", "`model.source` decides it"),
        ("compute", "max_model_len", "`context` decides it"),
        ("compute", "dtype", "`model.dtype`"),
        ("compute", "trust_remote_code", "run code"),
        ("compute", "worker_cls", "run code"),
        ("compute", "quantization", r"`model.engine: \{quantization"),
        ("compute", "kv_cache_dtype", r"`model.engine: \{kv_cache_dtype"),
        ("compute", "hf_overrides", r"`model.engine: \{hf_overrides"),
        ("compute", "load_format", r"`model.engine: \{load_format"),
        ("compute", "brand_new", r"`model.engine: \{brand_new"),
        ("compute", "gpu_memory_utilisation", "Did you mean 'gpu_memory_utilization'"),
        ("compute", "distributed_executor_backend", "one of ray, mp, uni"),
        ("model", "max_model_len", "`context` decides it"),
        ("model", "trust_remote_code", "run code"),
        ("model", "override_generation_config", "`decoding` decides it"),
        ("model", "gpu_memory_utilization", "changes no completion; write it in `compute.engine`"),
    ],
)
def test_an_option_that_may_change_completions_is_part_of_their_identity(
    place: str, name: str, message: str
) -> None:
    engine = {"engine": {name: 1}}
    compute = {"backend": "vllm"} | (engine if place == "compute" else {})
    with pytest.raises(ValueError, match=message):
        teacher(compute=compute, model=engine if place == "model" else {})


def test_greedy_requests_carry_nothing_of_sampling() -> None:
    decoding = teacher(decoding={"max_tokens": 9, "top_p": 0.5, "stop": ["\n"]}).decoding
    assert sampling_options(decoding, None) == {
        "temperature": 0.0,
        "max_tokens": 9,
        "stop": ["\n"],
    }


def test_sampled_requests_carry_their_seed_and_the_engines_own_options() -> None:
    decoding = teacher(
        decoding={"max_tokens": 9, "temperature": 0.7, "top_p": 0.5, "extra": {"top_k": 20}}
    ).decoding
    assert sampling_options(decoding, 5) == {
        "temperature": 0.7,
        "top_p": 0.5,
        "top_k": 20,
        "seed": 5,
        "max_tokens": 9,
    }


def test_requests_are_ordered_so_that_shared_beginnings_meet(tiny_models: Path) -> None:
    folder = tiny_models / "decoder"
    conf = teacher(format="plain", model={"source": f"file:{folder}#sha256={content_hash(folder)}"})
    encoder = PromptEncoder(conf, teacher_folder(conf))
    texts = {"a": "Question: how many", "b": "The quick", "c": "Question: how", "d": ""}
    requests = [Request(id_, 0, (Message("user", text),)) for id_, text in texts.items()]
    rows, failures = encoder.in_order(requests)
    assert [row.request.id for row in rows if row.request.id != "b"] == ["c", "a"]
    order = [row.request.id for row in rows]
    assert abs(order.index("a") - order.index("c")) == 1
    assert [(f.request.id, f.result) for f in failures] == [("d", Failure("the prompt is empty"))]
    assert encoder.prompt_tokens([requests[0]]) == [len(rows[order.index("a")].tokens)]
    assert encoder.ends == {2}, "the tokenizer's end, which the model folder names too"


@pytest.mark.parametrize("backend", ["vllm", "ray"])
def test_a_missing_engine_says_how_to_install_it(backend: str) -> None:
    if find_spec(backend):
        pytest.skip(f"{backend} is installed here")
    with pytest.raises(StillhouseError, match=rf"needs {backend}.*stillhouse\[{backend}\]"):
        open_teacher(teacher(compute={"backend": backend}))
