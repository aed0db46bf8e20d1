"""What the backends `vllm` and `ray` share: vLLM's options, and the order of requests."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhouse.config.teacher import Decoding, TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.sources.checkpoints import checkpoint
from stillhouse.teachers.backends.encoding import encode, load_tokenizer, runs_code
from stillhouse.teachers.protocol import Answer, Failure, Request

EMPTY = "the prompt is empty"


def engine_options(conf: TeacherConf, folder: Path) -> dict[str, Any]:
    """Arguments of a vLLM engine that serves `conf` from the checkpoint in `folder`.

    `compute.engine` adds options; one that another key of the conf decides is an error.
    """
    options: dict[str, Any] = {
        "model": str(folder),
        "dtype": conf.compute.dtype,
        "max_model_len": conf.context,
        "tensor_parallel_size": conf.compute.tensor_parallel,
        "enable_prefix_caching": True,
        # The decoding is the conf's alone: a checkpoint's own defaults would change answers.
        "generation_config": "vllm",
        "seed": 0,
        "trust_remote_code": runs_code(conf, folder),
    }
    decided = {"model", "dtype", "max_model_len", "tensor_parallel_size", "generation_config"}
    decided |= {"tokenizer", "revision", "trust_remote_code"}
    for name in conf.compute.engine:
        if name in decided:
            raise StillhouseError(
                f"`compute.engine` of the teacher {conf.model.name!r} sets {name!r}, which follows "
                "from its `model`, `context`, `compute.dtype` or `compute.tensor_parallel`. Leave "
                "it out, and set those."
            )
    return options | conf.compute.engine


def sampling_options(decoding: Decoding, seed: int | None) -> dict[str, Any]:
    """Arguments of vLLM's SamplingParams for one request."""
    options: dict[str, Any] = {
        "temperature": decoding.temperature,
        "max_tokens": decoding.max_tokens,
    }
    if decoding.temperature > 0:
        options |= {"top_p": decoding.top_p, "seed": seed}
    if decoding.stop:
        options["stop"] = list(decoding.stop)
    return options | decoding.extra


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


class Encoder:
    """The tokenizer of a teacher's checkpoint."""

    def __init__(self, conf: TeacherConf, folder: Path) -> None:
        self._format = conf.format
        self._tokenizer = load_tokenizer(
            folder, conf.format, conf.model.name, code=runs_code(conf, folder)
        )
        self.ends = _end_tokens(folder, self._tokenizer.eos_token_id)

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Tokens of each prompt, template included."""
        return [len(tokens) for tokens in encode(self._tokenizer, requests, self._format)]

    def in_order(self, requests: Sequence[Request]) -> tuple[list[Encoded], list[Answer]]:
        """The requests sorted so that shared beginnings meet, and failures for empty prompts."""
        encoded = encode(self._tokenizer, requests, self._format)
        rows = [Encoded(*pair) for pair in zip(requests, encoded, strict=True)]
        failures = [Answer(row.request, Failure(EMPTY)) for row in rows if not row.tokens]
        filled = [row for row in rows if row.tokens]
        return sorted(filled, key=lambda r: (r.tokens, r.request.id, r.request.sample)), failures


def _end_tokens(folder: Path, token: int | None) -> frozenset[int]:
    """The tokens at which vLLM ends an answer."""
    from transformers import GenerationConfig

    ends: list[int | None] = [token]
    if (folder / "generation_config.json").exists():
        listed = GenerationConfig.from_pretrained(folder).eos_token_id
        ends += listed if isinstance(listed, list) else [listed]
    return frozenset(end for end in ends if end is not None)


def teacher_folder(conf: TeacherConf) -> Path:
    """The checkpoint; a `device` is refused, since vLLM's build decides where it runs."""
    if conf.compute.device not in ("auto", "cpu"):
        raise StillhouseError(
            f"The teacher {conf.model.name!r} has `device: {conf.compute.device}`, but vLLM runs "
            "on the hardware that it was built for. Write `device: auto`; CUDA_VISIBLE_DEVICES "
            "chooses among several accelerators."
        )
    model = conf.model
    return checkpoint(model.source, model.mirror, code=model.trust_remote_code)
