"""One attention function for training and decoding, which Hugging Face models call by name.

Packed sequences attend row by row (`packing`), a single new token reads the keys that heads share
without copies, and all else is the library's own SDPA.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from stillhouse.core.errors import StillhouseError
from stillhouse.modeling.packing import Packing

NAME = "stillhouse"


def adapt(model: PreTrainedModel) -> bool:
    """Let a model attend through this module, and tell whether it can: whether it knows SDPA."""
    head: nn.Module = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    head.register_forward_pre_hook(_contiguous)
    if model.config._attn_implementation != "sdpa":
        return bool(model.config._attn_implementation == NAME)
    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    for module in model.modules():
        # An encoder-decoder's two stacks have configurations of their own.
        if isinstance(module, PreTrainedModel):
            module.set_attn_implementation(NAME)
        if hasattr(module, "has_relative_attention_bias"):
            module.register_forward_pre_hook(_packed_position_bias, with_kwargs=True)
    return True


def _attention(  # noqa: PLR0917 - the library's signature
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    packing: Packing | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    if packing is not None:
        return packing.attend(module, query, key, value, **kwargs), None
    if attention_mask is not None and attention_mask.shape[-1] != key.shape[2]:
        raise StillhouseError(
            f"{type(module).__name__} does not hand on how packed sequences attend, so students "
            "of this architecture cannot be trained. Choose another."
        )
    alone = query.shape[2] == 1 and kwargs.get("position_bias") is None
    if alone and query.device.type == "cpu" and key.shape[1] < query.shape[1]:
        attended = nn.functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=attention_mask,
            scale=kwargs.get("scaling"),
            enable_gqa=True,
        )
        return attended.transpose(1, 2).contiguous(), None
    return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)


def _contiguous(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    # On a CPU a bfloat16 output layer takes some hundred times longer for a strided slice, such as
    # the last position of each prompt, than for a copy of it.
    return inputs[0].contiguous(), *inputs[1:]


def _packed_position_bias(
    module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """T5's relative positions count within a row, not along the packed sequence."""
    packing: Packing | None = kwargs.get("packing")
    if packing is None or kwargs.get("position_bias") is not None:
        return args, kwargs
    width = packing.part(module).queries.width
    bias = (
        module.compute_bias(width, width)
        if module.has_relative_attention_bias
        else torch.zeros((), device=args[0].device)
    )
    return args, kwargs | {"position_bias": bias}
