"""What AdamW is told: which weights decay, and each step's learning rate."""

import math
import re
from typing import Any

from torch import nn

from stillhouse.config.student import Training

UNDECAYED = re.compile(r"bias|layernorm|rmsnorm|(^|[._])norm($|\.)", re.IGNORECASE)
"""In the names of weights that do not decay."""


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The weights that are trained in two groups: biases and norms, the second, do not decay.

    Which these are is told as by the `Trainer` of transformers.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm)]
    of_norms = {id(weight) for norm in norms for weight in norm.parameters()}
    decayed: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            stays = id(weight) in of_norms or UNDECAYED.search(name)
            (others if stays else decayed).append(weight)
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def learning_rate(training: Training, number: int, steps: int) -> float:
    """The rate of step `number` of `steps`: from 0 in the warm-up, towards 0 after it."""
    taken, warm = number - 1, round(training.warmup_share * steps)
    if taken < warm:
        factor = taken / warm
    elif training.schedule == "linear":
        factor = (steps - taken) / (steps - warm)
    elif training.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * ((taken - warm) / (steps - warm))))
    else:
        factor = 1.0
    return training.learning_rate * factor
