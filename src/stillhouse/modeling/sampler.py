"""From logits to tokens: greedy, or sampled with a random stream of each row's own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Sampler:
    """How a token is drawn; `temperature` 0 is greedy, `top_k` 0 keeps the whole vocabulary."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0

    def tokens(self, logits: torch.Tensor, streams: Sequence[np.random.Generator]) -> list[int]:
        """One token for each row of `logits` [rows, vocabulary]."""
        if self.temperature == 0:
            chosen: list[int] = logits.argmax(-1).tolist()
            return chosen
        # One draw per row and step from that row's stream: its neighbours in the batch do not
        # touch it, and inverting the cumulative distribution makes small differences in the
        # logits move the outcome only when the draw falls right beside a boundary.
        draws = torch.tensor([[stream.random()] for stream in streams], device=logits.device)
        weights, order = (logits.float() / self.temperature).softmax(-1).sort(-1, descending=True)
        weights = self._nucleus(weights)
        cumulative = weights.cumsum(-1)
        place = torch.searchsorted(cumulative, draws.float() * cumulative[:, -1:], right=True)
        place = place.clamp(max=(weights > 0).sum(-1, keepdim=True) - 1)
        drawn: list[int] = order.gather(-1, place).squeeze(-1).tolist()
        return drawn

    def _nucleus(self, weights: torch.Tensor) -> torch.Tensor:
        """Zero what lies outside `top_k` and `top_p`; `weights` are in descending order."""
        if self.top_k:
            weights = weights.clone()
            weights[:, self.top_k :] = 0
        if self.top_p < 1:
            before = weights.cumsum(-1) - weights
            weights = weights.masked_fill(before >= self.top_p * weights.sum(-1, keepdim=True), 0)
        return weights


def stream(seed: int | None) -> np.random.Generator:
    """The random stream of one request."""
    return np.random.Generator(np.random.Philox(seed or 0))
