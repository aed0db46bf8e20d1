"""The backend `transformers`: a local model on the CPU or one accelerator.

Requests are taken a chunk at a time, sorted by length, and decoded in batches of about
`compute.batch_tokens` tokens; each batch is handed over as soon as it is done.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from stillhouse.config.compute import TransformersCompute
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.progress import announce
from stillhouse.modeling.attention import adapt
from stillhouse.modeling.sampler import Sampler
from stillhouse.sources.model_files import loading, require_all_weights
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.backends.decoding import Decoder, Ending
from stillhouse.teacher_generate.backends.encoding import (
    check_template,
    encode,
    end_tokens,
    load_tokenizer,
    prompt_opening,
    runs_code,
    teacher_folder,
)
from stillhouse.teacher_generate.backends.engine import own_dtype
from stillhouse.teacher_generate.protocol import Failure, Outcome, Request

CHUNK = 8_192
"""Requests sorted together. The order in which a chunk arrives changes none of its completions."""
EXTRA = ("top_k",)


def open_teacher(conf: TeacherConf) -> "LocalTeacher":
    """Load the weights; every unusable option is an error before that."""
    for option in conf.decoding.extra:
        if option not in EXTRA:
            raise StillhouseError(
                f"The backend 'transformers' has no decoding option {option!r}."
                f"{did_you_mean(option, EXTRA)}"
            )
    folder = teacher_folder(conf)
    code = runs_code(conf, folder)
    tokenizer = load_tokenizer(folder, conf.format, conf.model.name, code=code)
    check_template(tokenizer, conf)
    assert isinstance(conf.compute, TransformersCompute)
    model = load_model(folder, conf.compute.device, conf.model.dtype, code=code)
    _require_room(model, conf)
    return LocalTeacher(conf, model, tokenizer, conf.compute.batch_tokens)


def load_model(folder: Path, device: str, dtype: str, *, code: bool = False) -> PreTrainedModel:
    """The causal or encoder-decoder model in `folder`, ready to decode.

    With `code`, the folder's own code may run.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": code}
    with loading(f"The teacher's config.json in {folder}"):
        encoded = AutoConfig.from_pretrained(folder, **local).is_encoder_decoder
    kind: Any = AutoModelForSeq2SeqLM if encoded else AutoModelForCausalLM
    chosen = getattr(torch, dtype) if dtype != "auto" else computing_dtype(folder, device)
    with loading(f"The teacher's weights in {folder}, on `device: {device}`,"):
        model: PreTrainedModel
        model, found = kind.from_pretrained(
            folder, dtype=chosen, use_safetensors=True, output_loading_info=True, **local
        )
        torch.nn.Module.to(model, device).train(False)
    require_all_weights(found, f"The teacher in {folder}")
    adapt(model)
    return model


def computing_dtype(folder: Path, device: str) -> torch.dtype:
    """In what to compute with weights of the stored type, without rounding them.

    That is their own type, or float32, which holds each of them exactly, where the hardware does
    not multiply their own.
    """
    own: torch.dtype = getattr(torch, own_dtype(folder), torch.float32)
    if own == torch.float16:
        return own if device.startswith("cuda") else torch.float32
    return fastest_dtype(device) if own == torch.bfloat16 else torch.float32


def fastest_dtype(device: str) -> torch.dtype:
    """bfloat16 where the hardware multiplies it (on CPUs: AMX), float32 elsewhere.

    Never float16, in which T5 v1.1 overflows.
    """
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    fast = torch.cpu._is_amx_tile_supported() if device == "cpu" else True
    return torch.bfloat16 if fast else torch.float32


def _require_room(model: PreTrainedModel, conf: TeacherConf) -> None:
    places = getattr(model.config, "max_position_embeddings", None)
    if places and not model.config.is_encoder_decoder and conf.context > places:
        raise StillhouseError(
            f"The teacher's entry has `context: {conf.context}`, but {conf.model.name} has "
            f"{places} positions. Lower `context`."
        )


@dataclass(frozen=True)
class _Row:
    request: Request
    tokens: list[int]

    def rank(self) -> tuple[int, str, int]:
        """Longest first: what does not fit in memory fails at once, not after an hour."""
        return -len(self.tokens), self.request.id, self.request.sample


class LocalTeacher:
    """A model in this process."""

    def __init__(
        self,
        conf: TeacherConf,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        batch_tokens: int,
    ) -> None:
        decoding = conf.decoding
        ends = end_tokens(model.generation_config.eos_token_id, tokenizer)
        self._tokenizer, self._format = tokenizer, conf.format
        self._template = decoding.chat_template_kwargs
        self._decoder = Decoder(
            model,
            Ending(tokenizer, ends, decoding.stop, decoding.max_tokens),
            Sampler(decoding.temperature, decoding.top_p, int(decoding.extra.get("top_k", 0))),
        )
        self._max_tokens, self._batch_tokens = decoding.max_tokens, batch_tokens

    def prompt_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Tokens of each prompt, template included."""
        return [len(tokens) for tokens in self._encode(requests)]

    def _encode(self, requests: Sequence[Request]) -> list[list[int]]:
        return encode(self._tokenizer, requests, self._format, self._template)

    def generate(self, requests: Iterable[Request]) -> Iterator[list[Outcome]]:
        """The outcomes of one chunk after the other, the longest prompts first."""
        stream = iter(requests)
        while chunk := list(islice(stream, CHUNK)):
            encoded = self._encode(chunk)
            rows = [_Row(*pair) for pair in zip(chunk, encoded, strict=True)]
            if empty := [row.request for row in rows if not row.tokens]:
                yield [Outcome(request, Failure("the prompt is empty")) for request in empty]
            yield from self._outcomes(sorted((row for row in rows if row.tokens), key=_Row.rank))

    def _outcomes(self, rows: list[_Row]) -> Iterator[list[Outcome]]:
        while rows:
            size = max(1, self._batch_tokens // self._most_tokens(rows[0]))
            batch = rows[:size]
            try:
                completions = self._complete(batch)
            except (RuntimeError, MemoryError) as error:
                self._shrink(error, batch)
                continue
            yield [Outcome(row.request, done) for row, done in zip(batch, completions, strict=True)]
            rows = rows[size:]

    def _complete(self, batch: Sequence[_Row]) -> list[Completion]:
        seeds = [row.request.seed for row in batch]
        completions = self._decoder.complete([row.tokens for row in batch], seeds)
        return [
            replace(done, text=prompt_opening(self._tokenizer, row.tokens) + done.text)
            for row, done in zip(batch, completions, strict=True)
        ]

    def _most_tokens(self, row: _Row) -> int:
        return len(row.tokens) + self._max_tokens

    def _shrink(self, error: Exception, batch: Sequence[_Row]) -> None:
        """Halve the batches after running out of memory; raise when one row is too much."""
        if not _out_of_memory(error):
            raise error
        row = self._most_tokens(batch[0])
        if len(batch) == 1:
            raise StillhouseError(
                f"Not enough memory for one row of {row} tokens (row {batch[0].request.id!r}). "
                "Use a shorter prompt, fewer `max_tokens`, or a smaller teacher."
            ) from error
        self._batch_tokens = row * (len(batch) // 2)
        if self._decoder.model.device.type == "cuda":
            torch.cuda.empty_cache()
        announce(f"warning: out of memory; going on with batches of {self._batch_tokens:,} tokens")

    def close(self) -> None:
        """Free the weights."""
        del self._decoder


def _out_of_memory(error: Exception) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)
