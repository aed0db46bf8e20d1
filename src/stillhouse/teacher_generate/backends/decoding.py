"""Completions of a batch of prompts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from stillhouse.core.text import cut
from stillhouse.modeling.decoding import decode
from stillhouse.modeling.sampler import Sampler, stream
from stillhouse.store.completion import Completion, FinishReason


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
    ending: Ending
    tokens: list[int] = field(default_factory=list)
    ended: bool = False
    """By an end token, which is counted but not part of the text."""
    finish: FinishReason | None = None

    def take(self, token: int) -> bool:
        """Append a token; returns whether the row ends with it."""
        if token in self.ending.ends:
            self.ended, self.finish = True, "stop"
            return True
        self.tokens.append(token)
        if self.ending.reached_stop(self.tokens):
            self.finish = "stop"
        elif len(self.tokens) >= self.ending.max_tokens:
            self.finish = "length"
        return self.finish is not None

    def completion(self) -> Completion:
        """The text before the first stop string."""
        assert self.finish
        text, stopped = cut(self.ending.text(self.tokens), self.ending.stop)
        return Completion(
            text=text,
            finish_reason="stop" if stopped else self.finish,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=len(self.tokens) + self.ended,
        )


@dataclass(frozen=True)
class Decoder:
    """A model, and how its rows are drawn and end."""

    model: PreTrainedModel
    ending: Ending
    sampler: Sampler

    def complete(
        self, prompts: Sequence[Sequence[int]], seeds: Sequence[int | None]
    ) -> list[Completion]:
        """A completion for each prompt (token ids, none empty), in order.

        A sampled row draws from a stream seeded by its own seed, so its completion does not depend
        on the other rows, but for rounding in the logits.
        """
        drafts = [
            Draft(len(prompt), stream(seed), self.ending)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        decode(self.model, prompts, drafts, self.sampler, self.ending.max_tokens)
        return [draft.completion() for draft in drafts]
