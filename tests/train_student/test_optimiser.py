"""Weight decay and learning rates are those of the library's `Trainer`, to the last bit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM, Trainer
from transformers.optimization import get_scheduler

from stillhouse.config.student import Training
from stillhouse.train_student.optimiser import decay_groups, learning_rate
from tests.students.conftest import TRAINING

NAMES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


class Odd(nn.Module):
    """Names that the rule tells apart, and one that is known by its module alone."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.Linear(2, 2)
        self.normal = nn.Linear(2, 2)
        self.pre_norm = nn.ModuleList([nn.Linear(2, 2)])
        self.MyLayerNorm = nn.Linear(2, 2, bias=False)
        self.last = nn.LayerNorm(2)
        self.unbiased = nn.Linear(2, 2, bias=False)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)
        self.tied = nn.Linear(2, 2, bias=False)
        self.tied.weight = self.normal.weight


def models(folder: Path) -> dict[str, Any]:
    kinds = {"decoder": AutoModelForCausalLM, "t5": AutoModelForSeq2SeqLM, "bert": AutoModel}
    found = {name: kind.from_pretrained(folder / name) for name, kind in kinds.items()}
    return found | {"odd": Odd()}


def test_the_weights_that_decay_are_those_of_the_trainer(tiny_models: Path):
    for model in models(tiny_models).values():
        names = set(Trainer.get_decay_parameter_names(None, model))
        trained = [(name, w) for name, w in model.named_parameters() if w.requires_grad]
        expected = [
            [weight for name, weight in trained if (name in names) == decays]
            for decays in (True, False)
        ]
        groups = decay_groups(model, 0.1)
        assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
        for group, weights in zip(groups, expected, strict=True):
            assert list(map(id, group["params"])) == list(map(id, weights))
        assert all(expected)


@pytest.mark.parametrize("schedule", NAMES)
@given(steps=st.integers(1, 300), share=st.floats(0, 0.999), rate=st.floats(1e-9, 10))
def test_the_rate_of_each_step_is_that_of_the_librarys_schedule(
    schedule: str, steps: int, share: float, rate: float
):
    changes = {"learning_rate": rate, "schedule": schedule, "warmup_share": share}
    training = Training.model_validate(TRAINING | changes)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    expected = get_scheduler(NAMES[schedule], optimizer, round(share * steps), steps)
    optimizer.step()
    for number in range(1, steps + 1):
        assert learning_rate(training, number, steps) == expected.get_last_lr()[0]
        expected.step()
