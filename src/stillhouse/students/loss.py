"""The multi-task objective, in one forward pass with logits at target positions alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from stillhouse.modeling.fused import cross_entropy
from stillhouse.modeling.packing import Packing, Part, Rows
from stillhouse.students.batches import TASKS, TRUNK, Batch

Objective = Literal["cross_entropy", "mse"]


def target_logits(model: nn.Module, head: nn.Module, batch: Batch) -> Tensor:
    """Logits (T, V) of a packed batch's T target tokens; the output layer sees no other place."""
    # Models would make a mask of all pairs of packed tokens; one that is already made they leave.
    mask = torch.zeros(1, 1, 1, 1, device=batch["targets"].device)
    names = ("input_ids", "position_ids", "decoder_input_ids")
    inputs = {name: batch[name] for name in names if name in batch}
    if "decoder_slots" in batch:
        inputs["decoder_attention_mask"] = mask
    with _narrowed(head, batch["keep"]):
        logits: Tensor = model(
            **inputs, attention_mask=mask, packing=packing(batch), use_cache=False
        ).logits
    return logits


def packing(batch: Batch) -> Packing:
    """Who attends to whom. Branches see the tokens they share and their own, not each other's."""
    rows = Rows(batch["slots"])
    if "decoder_slots" in batch:
        decoder, asked = Rows(batch["decoder_slots"]), Rows(batch["slots"][batch["asked"]])
        return Packing(
            own=Part(decoder, decoder, _causal(decoder)),
            encoder=Part(rows, rows, rows.real[:, None].expand(-1, rows.width, -1)),
            cross=Part(decoder, asked, asked.real[:, None].expand(-1, decoder.width, -1)),
        )
    branch = batch["branch"]
    related = (branch[:, None] == TRUNK) | (branch[:, None] == branch[:, :, None])
    return Packing(Part(rows, rows, _causal(rows) & related))


def _causal(rows: Rows) -> Tensor:
    slot = torch.arange(rows.width, device=rows.slots.device)
    return rows.real[:, None] & (slot <= slot[:, None])


@contextmanager
def _narrowed(head: nn.Module, keep: Tensor) -> Iterator[None]:
    # A hook leaves all that a model does before and after its output layer (T5's scaling for tied
    # embeddings, soft caps) as the model has it.
    hook = head.register_forward_pre_hook(lambda _, inputs: (inputs[0][0, keep], *inputs[1:]))
    try:
        yield
    finally:
        hook.remove()


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


def task_counts(batches: list[Batch]) -> Tensor:
    """Target tokens of each of TASKS over the micro-batches of one whole batch."""
    task = torch.cat([batch["member"] for batch in batches])
    return torch.stack([(task == number).sum() for number in range(len(TASKS))])


def task_means(losses: Tensor, task: Tensor, counts: Tensor) -> Tensor:
    """Each task's part of its token mean: the sum here, over the tokens of the whole batch.

    Summed over the micro-batches of a batch this is the mean itself, however it was cut up.
    """
    sums = torch.stack([losses[task == number].sum() for number in range(len(TASKS))])
    return sums / counts.to(losses.device).clamp(min=1)


def weighted(means: Tensor, lambda_: float) -> Tensor:
    """L = L_label + lambda * L_rationale (Hsieh et al. 2023, eq. 2)."""
    return means[0] + lambda_ * means[1]
