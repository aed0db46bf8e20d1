"""The multi-task objective (Hsieh et al. 2023): both tasks of each row in one batch."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from stillhouse.modeling.fused import cross_entropy
from stillhouse.students.batches import Batch, packed
from stillhouse.train_student.rows import TokenRow

TASKS = ("label", "rationale")

Objective = Literal["cross_entropy", "mse"]


def collate(rows: Sequence[TokenRow], config: Any) -> Batch:
    """One batch of both tasks; a token's `member` is its task's place in TASKS."""
    groups = [[row.label, *([row.rationale] if row.rationale else [])] for row in rows]
    return packed(groups, config)


def token_losses(logits: Tensor, targets: Tensor, objective: Objective) -> Tensor:
    """The loss (N,) of each target token, in float32.

    `cross_entropy` is Hsieh et al. 2023, eq. 3 and 4. `mse` is Kanneganti et al., algorithm 1,
    line 13, read as the squared error between the predicted distribution and the one-hot target,
    summed over the vocabulary.
    """
    if objective == "cross_entropy":
        return cross_entropy(logits, targets)
    predicted = logits.float().softmax(-1)
    of_target = predicted.gather(-1, targets[:, None]).squeeze(-1)
    # sum_v (p_v - [v = y])^2 without the one-hot matrix
    return predicted.square().sum(-1) - 2 * of_target + 1


def token_counts(rows: Sequence[TokenRow]) -> Tensor:
    """Target tokens (2,), those that are learnt, of each of TASKS in a whole batch."""
    labels = sum(len(row.label.learnt_places) for row in rows)
    rationales = sum(len(row.rationale.learnt_places) for row in rows if row.rationale)
    return torch.tensor([labels, rationales])


def task_means(losses: Tensor, task: Tensor, counts: Tensor) -> Tensor:
    """Each task's part of its token mean: the sum here, over the tokens of the whole batch.

    Summed over the micro-batches of a batch this is the mean itself, however it was cut up.
    """
    sums = torch.stack([losses[task == number].sum() for number in range(len(TASKS))])
    return sums / counts.to(losses.device).clamp(min=1)


def weighted(means: Tensor, lambda_: float) -> Tensor:
    """L = L_label + lambda * L_rationale (Hsieh et al. 2023, eq. 2)."""
    return means[0] + lambda_ * means[1]


def alpha(lambda_: float) -> float:
    """The label loss's weight in Hsieh et al.'s code; the rationale loss has 1 - alpha."""
    return 1 / (1 + lambda_)
