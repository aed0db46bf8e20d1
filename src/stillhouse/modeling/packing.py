"""Sequences of a batch one after the other, without padding, and attention row by row.

What a transformer does to each token alone, which is most of its work, runs over the N real tokens
of a batch, given to the model as one sequence [1, N]. Only attention needs to know which tokens
belong together: it takes queries, keys and values into padded rows [R, L] and its result back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function

from stillhouse.core.errors import StillhouseError
from stillhouse.modeling.fused import product_type

PADDING = -1
BLOCKED = -1e30
"""Added to the scores of pairs that do not attend: finite, so that padding gives no NaN."""
SCORES = 1 << 20
"""Attention scores that a CPU computes at a time, so that they stay in its caches."""
IGNORED = {"position_ids", "use_cache", "output_attentions", "cache_position"}


@dataclass(frozen=True)
class Rows:
    """Which packed tokens make up each row: `slots` [R, L] holds their places, or PADDING.

    Every token is in a row; rows that are only asked may repeat each other.
    """

    slots: Tensor

    @property
    def width(self) -> int:
        """L, the slots of each row."""
        return self.slots.shape[1]

    @cached_property
    def real(self) -> Tensor:
        """Which slots [R, L] hold a token."""
        return self.slots != PADDING

    @cached_property
    def _indices(self) -> dict[int, tuple[Tensor, Tensor]]:
        return {}

    def indices(self, heads: int) -> tuple[Tensor, Tensor]:
        """Of the N * H heads: the one that each slot [R * H * L] takes, and the slot of each."""
        if heads not in self._indices:
            width = self.width
            head = torch.arange(heads, device=self.slots.device)
            taken = self.slots.clamp(min=0)[:, None] * heads + head[:, None]
            row, slot = self.real.nonzero(as_tuple=True)
            place = (row * heads * width + slot)[self.slots[row, slot].argsort(stable=True)]
            places = place[:, None] + head * width
            self._indices[heads] = taken.flatten(), places.flatten()
        return self._indices[heads]


@dataclass(frozen=True)
class Part:
    """One kind of attention: which rows ask, which are asked, and who sees whom."""

    queries: Rows
    keys: Rows
    seen: Tensor
    """bool [R, Lq, Lk]"""

    @cached_property
    def penalty(self) -> Tensor:
        """`seen` as what is added to the scores, float32 [R, Lq, Lk]."""
        return torch.zeros(self.seen.shape, device=self.seen.device).masked_fill(
            ~self.seen, BLOCKED
        )


@dataclass(frozen=True)
class Packing:
    """How the packed tokens of a batch attend: to themselves, and to an encoder's."""

    own: Part
    encoder: Part | None = None
    cross: Part | None = None

    def part(self, module: Any) -> Part:
        """The one that an attention layer computes."""
        if self.encoder is None or self.cross is None:
            return self.own
        if not module.is_decoder:
            return self.encoder
        return self.own if module.is_causal else self.cross

    def attend(  # noqa: PLR0917 - the library's order
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        dropout: float = 0.0,
        scaling: float | None = None,
        position_bias: Tensor | None = None,
        sliding_window: int | None = None,
        **kwargs: object,
    ) -> Tensor:
        """Attention [1, N, H, D] of packed queries [1, H, N, D] to keys and values [1, K, M, D]."""
        part, scale = self.part(module), scaling or query.shape[-1] ** -0.5
        _require_plain(sliding_window, part, kwargs)
        heads, shared = query.shape[1], key.shape[1]
        kind = product_type(query)
        taken, places = part.queries.indices(heads)
        others = part.keys.indices(shared)
        rows, width = part.queries.slots.shape
        across = part.keys.width
        q = _spread(_vectors(query, kind), taken, places).view(rows, heads, width, -1)
        k = _spread(_vectors(key, kind), *others).view(rows, shared, across, -1)
        v = _spread(_vectors(value, kind), *others).view(rows, shared, across, -1)
        attention = _attention if query.device.type == "cpu" else _fused
        with torch.autocast(query.device.type, enabled=False):
            out = attention(q, k, v, part.penalty, position_bias, scale, dropout)
        vectors: Tensor = _gather(out.reshape(-1, out.shape[-1]), places)
        return vectors.view(1, -1, heads, out.shape[-1])


def _require_plain(window: int | None, part: Part, kwargs: dict[str, object]) -> None:
    if window is not None and part.keys.width > window:
        raise StillhouseError(
            f"The student attends to its last {window} tokens alone, and a row has "
            f"{part.keys.width}: lower model.max_query_tokens or model.max_target_tokens."
        )
    extra = {name for name, value in kwargs.items() if value is not None} - IGNORED
    if extra:
        raise StillhouseError(
            f"The student's attention has {', '.join(sorted(extra))}, which training does not "
            "know. Choose a student of another architecture."
        )


def _vectors(states: Tensor, kind: torch.dtype) -> Tensor:
    """[1, H, N, D] as [N * H, D], without a copy where it comes from a linear layer."""
    return states.to(kind)[0].transpose(0, 1).reshape(-1, states.shape[-1])


class _Spread(Function):
    """Vectors of tokens into slots. Where each token has one slot, the reverse is a choice, too."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, taken: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(taken, places)
        ctx.tokens = len(vectors)
        return vectors.index_select(0, taken)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        taken, places = ctx.saved_tensors
        if len(places) == ctx.tokens:
            return gradient.index_select(0, places), None, None
        tokens = gradient.new_zeros(ctx.tokens, gradient.shape[-1])
        return tokens.index_add_(0, taken, gradient), None, None


class _Gather(Function):
    """Vectors of slots back to tokens; what padding holds is dropped."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.slots = len(vectors)
        return vectors.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        slots = gradient.new_zeros(ctx.slots, gradient.shape[-1])
        return slots.index_copy_(0, places, gradient.contiguous()), None


def _fused(  # noqa: PLR0917 - as the function below
    q: Tensor,
    k: Tensor,
    v: Tensor,
    penalty: Tensor,
    bias: Tensor | None,
    scale: float,
    dropout: float,
) -> Tensor:
    groups = q.shape[1] // k.shape[1]
    mask = penalty[:, None] if bias is None else penalty[:, None] + bias
    return nn.functional.scaled_dot_product_attention(
        q,
        k.repeat_interleave(groups, 1),
        v.repeat_interleave(groups, 1),
        attn_mask=mask.to(q.dtype),
        dropout_p=dropout,
        scale=scale,
    )


class _Attention(Function):
    """softmax(scale * Q K^T + bias + penalty) V, some rows at a time.

    PyTorch's fused attention has a slow backward pass on CPUs in bfloat16. Like it, this keeps no
    scores for the backward pass but computes them again; dropout is drawn again from its seed.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 - autograd takes no names
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        penalty: Tensor,
        bias: Tensor | None,
        scale: float,
        dropout: float,
    ) -> Tensor:
        ctx.save_for_backward(q, k, v, penalty, bias)
        ctx.scale, ctx.dropout = scale, dropout
        ctx.seed = int(torch.randint(1 << 62, ())) if dropout else 0
        out = torch.empty_like(q)
        for rows, weights, kept in _weights(ctx, q, k, penalty, bias):
            seen = (weights if kept is None else weights * kept).to(v.dtype)
            values = v[rows].flatten(0, 1)
            torch.bmm(_stacked(seen, k), values, out=_stacked(out[rows], k))
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, penalty, bias = ctx.saved_tensors
        gradient = gradient.contiguous()
        dq, dk, dv = (torch.empty_like(t) for t in (q, k, v))
        dbias = torch.zeros_like(bias) if ctx.needs_input_grad[4] else None
        for rows, weights, kept in _weights(ctx, q, k, penalty, bias):
            outer, keys = _stacked(gradient[rows], k), k[rows].flatten(0, 1)
            seen = weights if kept is None else weights * kept
            torch.bmm(_stacked(seen.to(v.dtype), k).mT, outer, out=dv[rows].flatten(0, 1))
            dweights = torch.bmm(outer, v[rows].flatten(0, 1).mT).float().view_as(weights)
            dweights = dweights if kept is None else dweights * kept
            dscores = torch._softmax_backward_data(dweights, weights, -1, torch.float32)
            if dbias is not None:
                dbias += dscores.sum(0)
            dscores = _stacked((dscores * ctx.scale).to(q.dtype), k)
            torch.bmm(dscores, keys, out=_stacked(dq[rows], k))
            torch.bmm(dscores.mT, _stacked(q[rows], k), out=dk[rows].flatten(0, 1))
        return dq, dk, dv, None, dbias, None, None


def _stacked(of_heads: Tensor, keys: Tensor) -> Tensor:
    """[r, H, Lq, x] as [r * K, H / K * Lq, x]: heads that share keys ask as one."""
    return of_heads.view(of_heads.shape[0] * keys.shape[1], -1, of_heads.shape[-1])


def _weights(
    ctx: Any, q: Tensor, k: Tensor, penalty: Tensor, bias: Tensor | None
) -> Iterator[tuple[slice, Tensor, Tensor | None]]:
    """Spans of rows with their attention weights [r, H, Lq, Lk], and the factors of dropout."""
    rows, heads, width, _ = q.shape
    across, step = k.shape[2], max(1, SCORES // (heads * width * k.shape[2]))
    random = torch.Generator().manual_seed(ctx.seed)
    for start in range(0, rows, step):
        span = slice(start, start + step)
        scores = torch.bmm(_stacked(q[span], k), k[span].flatten(0, 1).mT)
        scores = scores.float().mul_(ctx.scale).view(-1, heads, width, across)
        scores += penalty[span, None]
        if bias is not None:
            scores += bias
        kept = None
        if ctx.dropout:
            kept = torch.empty_like(scores).bernoulli_(1 - ctx.dropout, generator=random)
            kept /= 1 - ctx.dropout
        yield span, torch.softmax(scores, -1), kept


_spread: Any = _Spread.apply
_gather: Any = _Gather.apply
_attention: Any = _Attention.apply
