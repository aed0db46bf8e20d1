"""Attention of unpacked sequences: heads that share keys read their own, on either path."""

import pytest
import torch
from torch import Tensor, nn

from stillhouse.modeling import attention

HEADS, SHARED, SIZE, KEYS, ROWS = 6, 2, 4, 5, 3


def plain(query: Tensor, key: Tensor, value: Tensor, seen: Tensor) -> Tensor:
    """Attention written out head by head: query head h reads keys of the head h // 3."""
    heads = []
    for head in range(HEADS):
        of = head // (HEADS // SHARED)
        scores = query[:, head] @ key[:, of].mT * 0.3
        weights = scores.masked_fill(~seen, float("-inf")).softmax(-1)
        heads.append(weights @ value[:, of])
    return torch.stack(heads, dim=2)


@pytest.mark.parametrize("asking", [1, 4], ids=["one new token", "several tokens"])
@pytest.mark.parametrize("masked", [False, True])
def test_heads_that_share_keys_read_their_own(asking: int, masked: bool):
    """One token takes the CPU's path without copies, several the library's, as on a GPU."""
    torch.manual_seed(0)
    query = torch.randn(ROWS, HEADS, asking, SIZE)
    key, value = (torch.randn(ROWS, SHARED, KEYS, SIZE) for _ in range(2))
    seen = torch.ones(ROWS, asking, KEYS, dtype=torch.bool)
    if masked:
        seen[:, :, 0] = False
    layer = nn.Module()
    layer.num_key_value_groups = HEADS // SHARED
    layer.is_causal = False
    mask = seen[:, None] if masked else None
    found, _ = attention._attention(layer, query, key, value, mask, scaling=0.3)
    torch.testing.assert_close(found, plain(query, key, value, seen))
