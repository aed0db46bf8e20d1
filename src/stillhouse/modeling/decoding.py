"""Decoding a batch of prompts: rows leave the batch as soon as they are finished."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from transformers import PreTrainedModel

from stillhouse.modeling.sampler import Sampler
from stillhouse.modeling.steps import CausalRows, EncodedRows


class Draft(Protocol):
    """A row while it is decoded."""

    random: np.random.Generator
    """Where a sampled row draws from, so that its tokens do not depend on other rows."""

    def take(self, token: int) -> bool:
        """Append a token; returns whether the row is finished. None may come after `max_tokens`."""


def closed_ranks(finished: Sequence[bool]) -> list[int]:
    """The places of unfinished rows, holes filled from the end: few rows move, none backwards."""
    left = finished.count(False)
    spare = [place for place in range(left, len(finished)) if not finished[place]]
    return [spare.pop() if finished[place] else place for place in range(left)]


@torch.inference_mode()
def decode(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    drafts: Sequence[Draft],
    sampler: Sampler,
    max_tokens: int,
) -> None:
    """Add tokens to the drafts of the prompts (token ids, none empty) until all are finished."""
    kind = EncodedRows if model.config.is_encoder_decoder else CausalRows
    rows, active = kind(model, prompts, max_tokens), list(drafts)
    while True:
        tokens = sampler.tokens(rows.logits, [draft.random for draft in active])
        finished = [draft.take(token) for draft, token in zip(active, tokens, strict=True)]
        if all(finished):
            return
        if any(finished):
            order = closed_ranks(finished)
            rows.keep(order)
            active, tokens = [active[i] for i in order], [tokens[i] for i in order]
        rows.step(tokens)
