"""One forward step at a time for a batch of rows, whatever the architecture.

A batch has `logits` [rows, vocabulary] for the next token of each row; `step` takes the chosen
tokens, `keep` drops the rows that are finished.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from transformers import DynamicCache, EncoderDecoderCache, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from stillhouse.modeling.kv_cache import roomy, select

SHARED_TOKENS = 32
"""A common beginning of at least this many tokens is computed once for the batch."""


class Rows(Protocol):
    """A batch in the middle of decoding."""

    logits: torch.Tensor

    def step(self, tokens: Sequence[int]) -> None:
        """Append one token to each row and compute the next logits."""

    def keep(self, order: Sequence[int]) -> None:
        """Keep the rows at these places; place `order[i]` moves to place i, never back."""


def common_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """Tokens that all prompts begin with, at least one short of the shortest prompt."""
    low, high = min(map(list, prompts)), max(map(list, prompts))
    most = min(map(len, prompts)) - 1
    return next((n for n in range(most) if low[n] != high[n]), max(0, most))


class CausalRows:
    """Rows of a decoder-only model, padded on the left behind the beginning they share."""

    def __init__(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], max_tokens: int
    ) -> None:
        self._model, rows = model, len(prompts)
        self._length = max(map(len, prompts))
        room = self._length + max_tokens
        self._cache = roomy(DynamicCache(config=model.config), room)
        shared = self._share(prompts) if rows > 1 else 0
        self._mask = torch.zeros(rows, room, dtype=torch.long)
        self._mask[:, :shared] = 1
        width = self._length - shared
        tokens = torch.zeros(rows, width, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            own = len(prompt) - shared
            tokens[row, width - own :] = torch.tensor(prompt[shared:])
            self._mask[row, self._length - own : self._length] = 1
        places = (self._mask[:, : self._length].cumsum(1) - 1).clamp(min=0)
        self._mask = self._mask.to(model.device)
        self._place = places[:, -1:].to(model.device)
        self.logits = self._forward(tokens, places[:, shared:])

    def _share(self, prompts: Sequence[Sequence[int]]) -> int:
        shared = common_prefix(prompts)
        if shared < SHARED_TOKENS:
            return 0
        beginning = torch.tensor([prompts[0][:shared]], device=self._model.device)
        self._model(
            input_ids=beginning, past_key_values=self._cache, use_cache=True, logits_to_keep=1
        )
        self._cache.batch_repeat_interleave(len(prompts))
        return shared

    def _forward(self, tokens: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        output = self._model(
            input_ids=tokens.to(self._model.device),
            attention_mask=self._mask[:, : self._length],
            position_ids=places.to(self._model.device),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def step(self, tokens: Sequence[int]) -> None:
        """Append one token to each row and compute the next logits."""
        self._mask[:, self._length] = 1
        self._length += 1
        self._place = self._place + 1
        self.logits = self._forward(torch.tensor(tokens)[:, None], self._place)

    def keep(self, order: Sequence[int]) -> None:
        """Keep the rows at these places."""
        select(self._cache, order)
        self._mask, self._place = self._mask[order], self._place[order]


class EncodedRows:
    """Rows of an encoder-decoder model: prompts are encoded once, padded on the right."""

    def __init__(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], max_tokens: int
    ) -> None:
        self._model = model
        width = max(map(len, prompts))
        tokens = torch.zeros(len(prompts), width, dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for row, prompt in enumerate(prompts):
            tokens[row, : len(prompt)] = torch.tensor(prompt)
            mask[row, : len(prompt)] = 1
        self._mask = mask.to(model.device)
        encoder = model.get_encoder()
        self._encoded = encoder(
            input_ids=tokens.to(model.device), attention_mask=self._mask
        ).last_hidden_state
        own = roomy(DynamicCache(config=model.config), max_tokens + 1)
        self._cache = EncoderDecoderCache(own, DynamicCache(config=model.config))
        self.step([model.generation_config.decoder_start_token_id] * len(prompts))

    def step(self, tokens: Sequence[int]) -> None:
        """Append one token to each row and compute the next logits."""
        output = self._model(
            decoder_input_ids=torch.tensor(tokens, device=self._model.device)[:, None],
            encoder_outputs=BaseModelOutput(last_hidden_state=self._encoded),
            attention_mask=self._mask,
            past_key_values=self._cache,
            use_cache=True,
        )
        self.logits = output.logits[:, -1]

    def keep(self, order: Sequence[int]) -> None:
        """Keep the rows at these places."""
        select(self._cache.self_attention_cache, order)
        select(self._cache.cross_attention_cache, order)
        self._mask, self._encoded = self._mask[order], self._encoded[order]
