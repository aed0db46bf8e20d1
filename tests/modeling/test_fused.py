"""The fused layers are the library's, forward and backward."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from stillhouse.modeling.fused import cross_entropy, fuse


def adapted(model: nn.Module, dropout: float) -> nn.Module:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    found = get_peft_model(
        model, LoraConfig(r=4, lora_alpha=8, lora_dropout=dropout, target_modules="all-linear")
    )
    for name, weight in found.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.05)  # they begin at zero, which would hide mistakes
    return found


@pytest.mark.parametrize("family", ["decoder", "t5"])
@pytest.mark.parametrize("adapters", [None, 0.0, 0.1])
def test_a_fused_model_computes_the_same(tiny_models: Path, family: str, adapters: float | None):
    kind = AutoModelForCausalLM if family == "decoder" else AutoModelForSeq2SeqLM
    model = kind.from_pretrained(tiny_models / family)
    if adapters is not None:
        model = adapted(model, adapters)
    fused = copy.deepcopy(model)
    fuse(fused)
    model.eval(), fused.eval()
    tokens = torch.randint(0, 300, (3, 11), generator=torch.Generator().manual_seed(0))
    losses = [m(input_ids=tokens, labels=tokens).loss for m in (model, fused)]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(losses[1], losses[0], atol=1e-5, rtol=1e-5)
    expected = {name: p.grad for name, p in model.named_parameters()}
    for name, parameter in fused.named_parameters():
        if expected[name] is None:
            assert parameter.grad is None
        else:
            size = expected[name].abs().max().item()
            torch.testing.assert_close(parameter.grad, expected[name], atol=1e-5 * size, rtol=1e-4)


def test_norms_and_adapters_are_fused(tiny_models: Path):
    """Or the test above would compare a model with itself."""
    model = adapted(AutoModelForCausalLM.from_pretrained(tiny_models / "decoder"), 0.0)
    fuse(model)
    changed = {type(m).__name__ for m in model.modules() if "forward" in vars(m)}
    assert changed == {"LlamaRMSNorm", "Linear"}
    t5 = AutoModelForSeq2SeqLM.from_pretrained(tiny_models / "t5")
    fuse(t5)
    assert not any(type(m).__name__ == "NewGELUActivation" for m in t5.encoder.block.modules())


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_cross_entropy_is_that_of_torch(precision: torch.dtype):
    torch.manual_seed(0)
    logits = torch.randn(37, 50, dtype=precision).mul_(4).requires_grad_()
    targets, weights = torch.randint(0, 50, (37,)), torch.rand(37)
    before = logits.detach().clone()
    found = cross_entropy(logits, targets)
    expected = nn.functional.cross_entropy(logits.float(), targets, reduction="none")
    torch.testing.assert_close(found, expected)
    (ours,) = torch.autograd.grad((found * weights).sum(), logits)
    (theirs,) = torch.autograd.grad((expected * weights).sum(), logits)
    close = 1e-5 if precision == torch.float32 else 2e-2
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=close)
    assert torch.equal(logits, before)
    with torch.no_grad():
        assert torch.equal(cross_entropy(logits, targets), found)
