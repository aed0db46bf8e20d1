"""Decoding a batch of prompts: rows leave the batch as soon as they are finished."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from stillhouse.models.sampler import Sampler, stream
from stillhouse.models.steps import CausalRows, EncodedRows, Rows
from stillhouse.teachers.protocol import Completion, FinishReason
from stillhouse.teachers.rendering import cut


@dataclass(frozen=True)
class Ending:
    """When a row ends: at a token of `ends`, behind a stop string, or after `max_tokens`."""

    tokenizer: PreTrainedTokenizerBase
    ends: frozenset[int]
    stop: tuple[str, ...]
    max_tokens: int

    def reached_stop(self, tokens: Sequence[int]) -> bool:
        """Whether a stop string stands at the end of a row."""
        if not self.stop:
            return False
        # A stop string lies within as many tokens as it has bytes, since none has fewer than one.
        tail = max(len(stop.encode()) for stop in self.stop) + 1
        return cut(self.text(tokens[-tail:]), self.stop)[1]

    def text(self, tokens: Sequence[int]) -> str:
        """The tokens as text, special ones left out."""
        text = self.tokenizer.decode(
            list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return str(text)


@dataclass
class Draft:
    """A row while it is decoded."""

    prompt_tokens: int
    random: np.random.Generator
    tokens: list[int] = field(default_factory=list)
    ended: bool = False
    """By an end token, which is counted but not part of the text."""
    finish: FinishReason | None = None

    def take(self, token: int, ending: Ending) -> None:
        """Append a token, and see whether the row ends with it."""
        if token in ending.ends:
            self.ended, self.finish = True, "stop"
            return
        self.tokens.append(token)
        if ending.reached_stop(self.tokens):
            self.finish = "stop"
        elif len(self.tokens) >= ending.max_tokens:
            self.finish = "length"

    def completion(self, ending: Ending) -> Completion:
        """The text before the first stop string."""
        assert self.finish
        text, stopped = cut(ending.text(self.tokens), ending.stop)
        return Completion(
            text=text,
            finish_reason="stop" if stopped else self.finish,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=len(self.tokens) + self.ended,
        )


def closed_ranks(finished: Sequence[bool]) -> list[int]:
    """The places of unfinished rows, holes filled from the end: few rows move, none backwards."""
    left = finished.count(False)
    spare = [place for place in range(left, len(finished)) if not finished[place]]
    return [spare.pop() if finished[place] else place for place in range(left)]


@dataclass(frozen=True)
class Decoder:
    """A model, and how its rows are drawn and end."""

    model: PreTrainedModel
    ending: Ending
    sampler: Sampler

    @torch.inference_mode()
    def complete(
        self, prompts: Sequence[Sequence[int]], seeds: Sequence[int | None]
    ) -> list[Completion]:
        """A completion for each prompt (token ids, none empty), in order.

        A sampled row draws from a stream seeded by its own seed, so its answer does not depend on
        the other rows, but for rounding in the logits.
        """
        drafts = [
            Draft(len(prompt), stream(seed)) for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        kind = EncodedRows if self.model.config.is_encoder_decoder else CausalRows
        self._run(kind(self.model, prompts, self.ending.max_tokens), drafts)
        return [draft.completion(self.ending) for draft in drafts]

    def _run(self, rows: Rows, active: list[Draft]) -> None:
        while True:
            tokens = self.sampler.tokens(rows.logits, [draft.random for draft in active])
            for draft, token in zip(active, tokens, strict=True):
                draft.take(token, self.ending)
            finished = [draft.finish is not None for draft in active]
            if all(finished):
                return
            if any(finished):
                order = closed_ranks(finished)
                rows.keep(order)
                active, tokens = [active[i] for i in order], [tokens[i] for i in order]
            rows.step(tokens)
