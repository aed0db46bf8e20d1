"""The training loop: from a model, rows and a plan of batches to trained weights.

Several processes share each batch, and the gradients are those of the whole. Random numbers depend
on seed, step and process alone: a training that goes on from a checkpoint draws what an
uninterrupted one draws, whatever was drawn in between.
"""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from stillhouse.config.student import TrainedConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.progress import progress
from stillhouse.core.sampling import digest
from stillhouse.modeling.memory import keep_memory
from stillhouse.students.batches import Batch, target_logits
from stillhouse.students.weights import output_layer
from stillhouse.train_student.checkpoints import Checkpoint, Checkpoints
from stillhouse.train_student.launching import (
    is_idle,
    is_main,
    join_processes,
    process,
    processes,
    require_agreement,
    share,
    summed,
)
from stillhouse.train_student.objective import (
    alpha,
    collate,
    task_means,
    token_counts,
    token_losses,
    weighted,
)
from stillhouse.train_student.optimiser import decay_groups, learning_rate
from stillhouse.train_student.rows import TokenRow
from stillhouse.train_student.validation import Score, best, is_exhausted, scored_steps

WEIGHTS, BEST, OPTIMISER = "weights", "best", "optimiser"
"""Folders of a checkpoint's tensors."""


@dataclass(frozen=True)
class Job:
    """What is trained, on what, and how."""

    model: Any
    """A transformers model, adapters or not. Its weights that require gradients are trained."""
    conf: TrainedConf
    lambda_: float
    seed: int
    rows: Sequence[TokenRow]
    plan: Sequence[Sequence[int]]
    """Each step's batch, as places in `rows`."""
    validation: Sequence[TokenRow] = ()

    @cached_property
    def weights(self) -> dict[str, nn.Parameter]:
        """Those that are trained, by name."""
        named = self.model.named_parameters()
        return {name: weight for name, weight in named if weight.requires_grad}


@dataclass
class State:
    """How far a training has come; the weights and the optimiser hold the rest."""

    losses: list[tuple[float, float]] = field(default_factory=list)
    """Each step's mean losses of labels and of rationales."""
    scores: list[Score] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    """A copy of the weights that scored best, in the main process alone."""

    @property
    def step(self) -> int:
        """The last step that was taken, from 1."""
        return len(self.losses)


def train(job: Job, checkpoints: Checkpoints) -> State:
    """Train the job's model in place, from the newest checkpoint on.

    With validation, the weights that scored best are in place at the end, in the main process.
    """
    training, compute = job.conf.training, job.conf.compute
    if compute.device != "cuda":
        keep_memory()
    accelerator = join_processes(cpu=compute.device == "cpu")
    job.model.config.use_cache = False  # keys and values are kept for decoding alone
    if compute.gradient_checkpointing:
        # Reentrant checkpointing would drop the gradients of layers above a frozen embedding.
        job.model.gradient_checkpointing_enable(
            gradient_checkpointing_kwargs={"use_reentrant": False}
        )
    optimizer = AdamW(decay_groups(job.model, training.weight_decay), fused=True)
    model = accelerator.prepare_model(job.model)
    found = checkpoints.newest()
    state = restore(job, optimizer, found) if found else State()
    require_agreement(accelerator, state.step)
    scored = scored_steps(training, len(job.rows), len(job.plan))
    title = f"Train seed {job.seed} (lambda {job.lambda_:g}, alpha {alpha(job.lambda_):.3g})"
    title += f" in {processes()} processes" if processes() > 1 else ""
    saved = time.monotonic()
    with progress(title, len(job.plan)) if is_main() else nullcontext() as bar:
        if bar and found:
            bar.advance(found.step, note="from a checkpoint")
        for number in range(state.step + 1, len(job.plan) + 1):
            losses = step(job, accelerator, model, optimizer, number)
            state.losses.append((losses[0].item(), losses[1].item()))
            if number in scored:
                validate(job, accelerator, state)
            if bar:
                note = f"loss {weighted(losses, job.lambda_):.3f}"
                if training.validation and state.scores:
                    note += f", validation {training.validation.metric} {state.scores[-1][1]:.3f}"
                bar.advance(note=note)
            if number == len(job.plan) or is_exhausted(state.scores, training.validation):
                break
            minutes = compute.checkpoint_minutes
            if is_main() and minutes and time.monotonic() - saved >= 60 * minutes:
                checkpoints.write(snapshot(job, optimizer, state))
                saved = time.monotonic()
    if processes() > 1:
        # The wrapper goes first. Were it the last to hold the process group, it would end it with
        # Python's lock in hand, for which one of the group's threads may wait: all would hang.
        del model
        accelerator.free_memory()
        accelerator.end_training()
    conclude(job, state)
    return state


def step(
    job: Job, accelerator: Accelerator, model: nn.Module, optimizer: Optimizer, number: int
) -> Tensor:
    """Take step `number`; its batch's mean losses (2,) of labels and of rationales, on the CPU.

    `model` is the job's, as processes share it. The gradients of micro-batches, and those of the
    processes, add up to the batch's: each is divided by the token counts of the whole.
    """
    training, batch = job.conf.training, job.plan[number - 1]
    torch.manual_seed(digest(job.seed, number, process()) % 2**63)
    counts = token_counts([job.rows[place] for place in batch])
    if is_idle(batch, process()):
        counts = torch.full(counts.shape, math.inf)
    own = [job.rows[place] for place in share(batch, process(), processes())]
    size = job.conf.compute.micro_batch_size or len(own)
    total = torch.zeros(2, device=accelerator.device)
    model.train()
    for start in range(0, len(own), size):
        is_last = start + size >= len(own)
        with nullcontext() if is_last else accelerator.no_sync(model):
            logits, inputs = forward(job, model, own[start : start + size])
            losses = token_losses(logits, inputs["targets"], training.objective)
            means = task_means(losses, inputs["member"], counts)
            # Gradients are averaged over the processes, and must add up.
            loss = weighted(means, job.lambda_) * processes()
            loss.backward()  # type: ignore[no-untyped-call]
        total += means.detach()
    nn.utils.clip_grad_norm_(job.weights.values(), training.max_grad_norm)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(training, number, len(job.plan))
    optimizer.step()
    optimizer.zero_grad()
    total = summed(accelerator, total).cpu()
    if not weighted(total, job.lambda_).isfinite():
        raise StillhouseError(
            f"The loss of seed {job.seed} stopped being a number at step {number}. Lower "
            "training.learning_rate or train in float32; no student was saved."
        )
    return total


@torch.no_grad()
def validate(job: Job, accelerator: Accelerator, state: State) -> None:
    """Score the weights as they are on the validation rows, and keep them if they are the best.

    `accuracy` is the share of rows of which every target token, the end included, has the highest
    logit after the true ones before it: what greedy decoding gets wholly right. `loss` is the mean
    over all target tokens. Each process scores its share of the rows.
    """
    conf, size = job.conf.training.validation, job.conf.compute.eval_batch_size
    assert conf is not None
    job.model.eval()
    own = sorted(job.validation, key=lambda row: (row.length, row.id))[process() :: processes()]
    total = torch.zeros(2, dtype=torch.float64)
    for start in range(0, len(own), size):
        rows = own[start : start + size]
        logits, batch = forward(job, job.model, rows)
        if conf.metric == "loss":
            losses = token_losses(logits, batch["targets"], job.conf.training.objective)
            total += torch.tensor([losses.sum().item(), len(losses)])
        else:
            # Of logits that are no numbers the first would count as the highest.
            scored = logits.isfinite().all().item()
            hits = (logits.argmax(-1) == batch["targets"]).cpu()
            lengths = [len(row.label.learnt_places) for row in rows]
            right = sum(bool(hit.all()) for hit in torch.split(hits, lengths))
            total += torch.tensor([right if scored else math.nan, len(rows)])
    value, number = summed(accelerator, total).tolist()
    state.scores.append((state.step, value / number))
    if is_main() and best(state.scores, conf.metric) == state.scores[-1]:
        state.best = {name: weight.to("cpu", copy=True) for name, weight in job.weights.items()}


def conclude(job: Job, state: State) -> None:
    """Put the weights that scored best in place, in the main process; all must be numbers."""
    validation = job.conf.training.validation
    if validation and best(state.scores, validation.metric) is None:
        raise StillhouseError(
            f"No score of seed {job.seed} on the validation rows is a number. Lower "
            "training.learning_rate or train in float32; no student was saved."
        )
    if state.best:
        overwrite(job.weights, state.best)
    # A step's loss is that of the weights before it, so nothing has looked at the last ones yet.
    broken = [name for name, weight in job.weights.items() if not weight.isfinite().all()]
    if broken:
        raise StillhouseError(
            f"The training of seed {job.seed} left weights that are no numbers ({broken[0]}). "
            "Lower training.learning_rate or train in float32; no student was saved."
        )


def forward(job: Job, model: nn.Module, rows: Sequence[TokenRow]) -> tuple[Tensor, Batch]:
    """The logits of the rows' target tokens, and the batch that holds these."""
    device = job.model.device
    batch = {name: value.to(device) for name, value in collate(rows, job.model.config).items()}
    low = job.conf.training.precision == "bfloat16"
    with torch.autocast(device.type, torch.bfloat16, enabled=low):
        return target_logits(model, output_layer(job.model), batch), batch


def snapshot(job: Job, optimizer: Optimizer, state: State) -> Checkpoint:
    """The whole state of a training between two steps."""
    tensors: dict[str, Tensor] = {}
    for name, weight in job.weights.items():
        tensors[f"{WEIGHTS}/{name}"] = weight
        for key, value in optimizer.state[weight].items():
            tensors[f"{OPTIMISER}/{name}/{key}"] = value
    tensors |= {f"{BEST}/{name}": value for name, value in state.best.items()}
    contiguous = {path: value.detach().contiguous() for path, value in tensors.items()}
    return Checkpoint(state.step, contiguous, {"losses": state.losses, "scores": state.scores})


def restore(job: Job, optimizer: Optimizer, checkpoint: Checkpoint) -> State:
    """Put weights and optimiser into the state of a checkpoint, and return the training's."""
    folders: dict[str, dict[str, Tensor]] = {WEIGHTS: {}, OPTIMISER: {}, BEST: {}}
    for path, value in checkpoint.tensors.items():
        folder, _, name = path.partition("/")
        folders[folder][name] = value
    overwrite(job.weights, folders[WEIGHTS])
    for path, value in folders[OPTIMISER].items():
        name, _, key = path.partition("/")
        weight = job.weights[name]
        optimizer.state[weight][key] = value.to(weight.device)
    losses = [(label, rationale) for label, rationale in checkpoint.values["losses"]]
    scores = [(step, score) for step, score in checkpoint.values["scores"]]
    return State(losses, scores, folders[BEST] if is_main() else {})


@torch.no_grad()
def overwrite(weights: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Give weights other values, in place."""
    for name, weight in weights.items():
        weight.copy_(values[name])
