"""The same layers in fewer passes over memory, for training.

On a CPU a matrix product in bfloat16 takes hardly longer than an addition or a change of type of
its result, so what surrounds the products costs as much as they do.
"""

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function

NORMS = {"LlamaRMSNorm", "MistralRMSNorm", "Qwen2RMSNorm", "Qwen3RMSNorm", "T5LayerNorm"}
"""Those that compute weight * x / rms(x), and whose results only linear layers read."""
ROWS = 16
"""Rows of logits that the loss has in float32 at a time."""


def fuse(model: nn.Module) -> None:
    """Compute norms, T5's activation and plain adapters by the functions below."""
    for module in model.modules():
        if type(module).__name__ in NORMS:
            module.forward = MethodType(_norm_forward, module)
        elif type(getattr(module, "act", None)).__name__ == "NewGELUActivation":
            module.act = nn.GELU(approximate="tanh")  # the same formula
        elif type(getattr(module, "base_layer", None)) is nn.Linear and _is_plain(module):
            module.forward = MethodType(_adapted_forward, module)


def _is_plain(adapted: Any) -> bool:
    (dropout,) = adapted.lora_dropout.values()
    return isinstance(dropout, nn.Identity)


def product_type(states: Tensor) -> torch.dtype:
    """The type in which a matrix product of `states` is computed, autocast or not."""
    device = states.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else states.dtype


def _norm_forward(module: Any, states: Tensor) -> Tensor:
    normed: Tensor = _norm(states, module.weight, module.variance_epsilon, product_type(states))
    return normed


def _adapted_forward(module: Any, states: Tensor) -> Tensor:
    base = module.base_layer
    (down,), (up,) = (list(part.values()) for part in (module.lora_A, module.lora_B))
    (scale,) = module.scaling.values()
    kind = product_type(states)
    with torch.autocast(states.device.type, enabled=False):
        bias = None if base.bias is None else base.bias.to(kind)
        result: Tensor = _adapted(
            states.to(kind), base.weight.to(kind), bias, down.weight, up.weight, scale
        )
    return result


class _Norm(Function):
    """y = w * x / sqrt(mean(x^2) + epsilon), computed in float32, given in `kind`.

    On a CPU `torch.nn.functional.rms_norm` takes longer, since it has no backward pass of its own.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float, kind: torch.dtype) -> Tensor:
        square = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32).square_()
        inverse = square.div_(x.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        return torch.mul(x, inverse).mul_(weight).to(kind)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, inverse = ctx.saved_tensors
        unit, gradient = x * inverse, gradient.float()
        dweight = None
        if ctx.needs_input_grad[1]:
            dweight = (gradient * unit).flatten(0, -2).sum(0).to(weight.dtype)
        if not ctx.needs_input_grad[0]:
            return None, dweight, None, None
        inner = gradient * weight
        along = torch.linalg.vecdot(inner, unit)[..., None] / x.shape[-1]
        dx = inner.sub_(unit.mul_(along)).mul_(inverse)
        return dx.to(x.dtype), dweight, None, None


class _Adapted(Function):
    """y = x W^T + b + s (x A^T) B^T (Hu et al. 2021, eq. 3) with frozen W and b."""

    @staticmethod
    def forward(  # noqa: PLR0917 - autograd takes no names
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        down: Tensor,
        up: Tensor,
        scale: float,
    ) -> Tensor:
        a, b = down.to(x.dtype), (up * scale).to(x.dtype)
        hidden = x @ a.mT
        y = nn.functional.linear(x, weight, bias)
        y.view(-1, y.shape[-1]).addmm_(hidden.view(-1, len(a)), b.mT)
        ctx.save_for_backward(x, weight, a, b, hidden)
        ctx.scale, ctx.kinds = scale, (down.dtype, up.dtype)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, a, b, hidden = ctx.saved_tensors
        outer, rows, inner = (t.reshape(-1, t.shape[-1]) for t in (gradient, x, hidden))
        back = outer @ b
        # The long side first: these products are faster so than the other way round.
        dup = (inner.mT @ outer).mT.to(ctx.kinds[1]) * ctx.scale
        ddown = (back.mT @ rows).to(ctx.kinds[0])
        dx = None
        if ctx.needs_input_grad[0]:
            dx = (outer @ weight).addmm_(back, a).view_as(x)
        return dx, None, None, ddown, dup, None


class _CrossEntropy(Function):
    """-log softmax(logits)[target] for each row, without the whole of the logits in float32."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        losses, gradient = logits.new_empty(len(targets), dtype=torch.float32), None
        if ctx.needs_input_grad[0]:
            gradient = torch.empty_like(logits)
        for start in range(0, len(targets), ROWS):
            rows, target = slice(start, start + ROWS), targets[start : start + ROWS, None]
            scores = logits[rows].float()
            total = scores.logsumexp(-1, keepdim=True)
            losses[rows] = (total - scores.gather(-1, target))[:, 0]
            if gradient is not None:
                shares = (scores - total).exp_()
                gradient[rows] = shares.scatter_add_(-1, target, -torch.ones_like(total))
        ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (of_logits,) = ctx.saved_tensors
        return of_logits * gradient[:, None].to(of_logits.dtype), None


_norm: Any = _Norm.apply
_adapted: Any = _Adapted.apply


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The loss (T,) of each row of `logits` (T, V), in float32."""
    losses: Tensor = _CrossEntropy.apply(logits, targets)  # type: ignore[no-untyped-call]
    return losses
