"""Packed sequences compute what padded ones do, and rows do not see each other."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stillhouse.core.errors import StillhouseError
from stillhouse.modeling import packing
from stillhouse.modeling.packing import PADDING, Packing, Part, Rows


def slots(lengths: list[int]) -> Tensor:
    found, place = torch.full((len(lengths), max(lengths)), PADDING), 0
    for row, length in enumerate(lengths):
        found[row, :length] = torch.arange(place, place + length)
        place += length
    return found


def plain(q: Tensor, k: Tensor, v: Tensor, seen: Tensor, bias: Tensor | None) -> Tensor:
    """Attention of one row [H, L, D], written out."""
    k, v = (t.repeat_interleave(len(q) // len(t), 0) for t in (k, v))
    scores = q @ k.mT * 0.3
    scores = scores if bias is None else scores + bias[0, :, : q.shape[1], : k.shape[1]]
    return scores.masked_fill(~seen, float("-inf")).softmax(-1) @ v


@given(
    lengths=st.lists(st.tuples(st.integers(1, 7), st.integers(1, 5)), min_size=1, max_size=5),
    groups=st.sampled_from([1, 3]),
    cross=st.booleans(),
    biased=st.booleans(),
    scores=st.sampled_from([1, 200, 1 << 20]),
    kernel=st.sampled_from([packing._attention, packing._fused]),
)
@settings(max_examples=40, deadline=None)
def test_attention_and_its_gradients_are_those_of_each_row_alone(
    lengths, groups, cross, biased, scores, kernel
):
    """With either kernel: the one for CPUs, and the one for GPUs, which runs here, too."""
    torch.manual_seed(0)
    shared, size = 2, 4
    asking = [first for first, _ in lengths]
    asked = [second for _, second in lengths] if cross else asking
    rows, others = Rows(slots(asking)), Rows(slots(asked))
    seen = others.real[:, None].expand(-1, rows.width, -1)
    if not cross:
        seen = seen & torch.ones(rows.width, rows.width).tril().bool()
    # Weights by token, as linear layers write them.
    q = torch.randn(1, sum(asking), shared * groups, size).transpose(1, 2).requires_grad_()
    k, v = (
        torch.randn(1, sum(asked), shared, size).transpose(1, 2).requires_grad_() for _ in range(2)
    )
    bias = torch.randn(1, shared * groups, rows.width, others.width).requires_grad_()
    given_bias = bias if biased else None
    before = packing.SCORES, packing._attention
    packing.SCORES, packing._attention = scores, kernel
    try:
        part = Part(rows, others, seen)
        found = Packing(part).attend(
            torch.nn.Module(), q, k, v, scaling=0.3, position_bias=given_bias
        )
        weights = torch.randn_like(found)
        inputs = [q, k, v, *([bias] if biased else [])]
        gradients = torch.autograd.grad((found * weights).sum(), inputs)
    finally:
        packing.SCORES, packing._attention = before
    expected, at, to = [], 0, 0
    for row, (length, other) in enumerate(zip(asking, asked, strict=True)):
        expected.append(
            plain(
                q[0, :, at : at + length],
                k[0, :, to : to + other],
                v[0, :, to : to + other],
                seen[row, :length, :other],
                given_bias,
            ).transpose(0, 1)
        )
        at, to = at + length, to + other
    wanted = torch.cat(expected)[None]
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    for ours, theirs in zip(
        gradients, torch.autograd.grad((wanted * weights).sum(), inputs), strict=True
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_dropout_is_drawn_again_for_the_backward_pass():
    torch.manual_seed(0)
    rows = Rows(slots([5, 3]))
    part = Part(rows, rows, rows.real[:, None].expand(-1, 5, -1))
    states = torch.randn(1, 2, 8, 4, dtype=torch.float32)
    value = torch.randn(1, 2, 8, 4).requires_grad_()

    def attend(value: Tensor) -> Tensor:
        torch.manual_seed(1)
        return Packing(part).attend(torch.nn.Module(), states, states, value, dropout=0.5)

    # The result is linear in the values, so the gradient knows exactly which weights were dropped.
    found, direction = attend(value), torch.randn_like(value)
    (gradient,) = torch.autograd.grad(found.sum(), value)
    moved = attend(value + direction).sum() - found.sum()
    assert moved.item() == pytest.approx((gradient * direction).sum().item(), abs=1e-3)
    assert not torch.allclose(found, Packing(part).attend(torch.nn.Module(), states, states, value))


def test_attention_that_training_does_not_know_is_an_error():
    rows = Rows(slots([5]))
    part = Part(rows, rows, rows.real[:, None].expand(-1, 5, -1))
    states = torch.randn(1, 1, 5, 4)
    for extra in ({"sliding_window": 4}, {"softcap": 30.0}):
        with pytest.raises(StillhouseError):
            Packing(part).attend(torch.nn.Module(), states, states, states, **extra)
    Packing(part).attend(torch.nn.Module(), states, states, states, sliding_window=5, softcap=None)
