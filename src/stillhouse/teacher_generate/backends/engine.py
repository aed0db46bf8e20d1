"""What the backends `vllm` and `ray` share: vLLM's options, and the order of requests."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhouse.config.compute import EngineCompute
from stillhouse.config.teacher import Decoding, TeacherConf
from stillhouse.teacher_generate.backends.encoding import (
    check_template,
    encode,
    end_tokens,
    load_tokenizer,
    prompt_opening,
    runs_code,
)
from stillhouse.teacher_generate.protocol import Failure, Outcome, Request
from stillhouse.teacher_generate.structured import for_vllm

EMPTY = "the prompt is empty"


def engine_options(conf: TeacherConf, folder: Path) -> dict[str, Any]:
    """Arguments of a vLLM engine that serves `conf` from the model in `folder`.

    `model.engine` and `compute.engine` add options; the configuration has checked which may.
    """
    assert isinstance(conf.compute, EngineCompute)
    options: dict[str, Any] = {
        "model": str(folder),
        "dtype": weights_dtype(conf, folder),
        "max_model_len": conf.context,
        "tensor_parallel_size": conf.compute.tensor_parallel,
        "enable_prefix_caching": True,
        # The decoding is the entry's alone: a model folder's own defaults would change completions.
        "generation_config": "vllm",
        "seed": 0,
        "trust_remote_code": runs_code(conf, folder),
    }
    return options | conf.model.engine | conf.compute.engine


def weights_dtype(conf: TeacherConf, folder: Path) -> str:
    """The type of the weights: `model.dtype`, where `auto` is the stored one.

    The engine's own `auto` would round float32 weights, and differently on different hardware,
    under one and the same key.
    """
    return conf.model.dtype if conf.model.dtype != "auto" else own_dtype(folder)


def own_dtype(folder: Path) -> str:
    """The type that a model folder names as that of its weights; float32 where it names none."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except FileNotFoundError:
        return "float32"
    parts = [config, config.get("text_config") or {}]
    named = [part.get(name) for part in parts for name in ("dtype", "torch_dtype")]
    found = next((name for name in named if isinstance(name, str)), "float32")
    return found.removeprefix("torch.")


def sampling_options(decoding: Decoding, seed: int | None) -> dict[str, Any]:
    """Arguments of vLLM's SamplingParams for one request, in plain values."""
    options: dict[str, Any] = {
        "temperature": decoding.temperature,
        "max_tokens": decoding.max_tokens,
    }
    if decoding.temperature > 0:
        options |= {"top_p": decoding.top_p, "seed": seed}
    if decoding.stop:
        options["stop"] = list(decoding.stop)
    return options | for_vllm(decoding.extra)


def quiet() -> None:
    """No chatter on the terminal, no usage reports; what the user has set stays."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


@dataclass(frozen=True)
class Encoded:
    """A request with its prompt's token ids."""

    request: Request
    tokens: list[int]


class PromptEncoder:
    """The tokenizer of a teacher's model folder."""

    def __init__(self, conf: TeacherConf, folder: Path) -> None:
        self._format = conf.format
        self._template = conf.decoding.chat_template_kwargs
        code = runs_code(conf, folder)
        self._tokenizer = load_tokenizer(folder, conf.format, conf.model.name, code=code)
        check_template(self._tokenizer, conf)
        listed = None
        if (folder / "generation_config.json").exists():
            from transformers import GenerationConfig

            listed = GenerationConfig.from_pretrained(folder).eos_token_id
        self.ends = end_tokens(listed, self._tokenizer)

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Tokens of each prompt, template included."""
        return [len(tokens) for tokens in self._encode(requests)]

    def _encode(self, requests: Sequence[Request]) -> list[list[int]]:
        return encode(self._tokenizer, requests, self._format, self._template)

    def opening(self, tokens: Sequence[int]) -> str:
        """The tag of a block of reasoning that a prompt ends in: the completion begins within."""
        return prompt_opening(self._tokenizer, tokens)

    def in_order(self, requests: Sequence[Request]) -> tuple[list[Encoded], list[Outcome]]:
        """The requests sorted so that shared beginnings meet, and failures for empty prompts."""
        encoded = self._encode(requests)
        rows = [Encoded(*pair) for pair in zip(requests, encoded, strict=True)]
        failures = [Outcome(row.request, Failure(EMPTY)) for row in rows if not row.tokens]
        filled = [row for row in rows if row.tokens]
        return sorted(filled, key=lambda r: (r.tokens, r.request.id, r.request.sample)), failures
