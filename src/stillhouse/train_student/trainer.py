"""Hugging Face `Trainer` with the fused multi-task objective and its own plan of batches."""

import math
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainingArguments

from stillhouse.config.student import StudentCompute, Training
from stillhouse.core.errors import StillhouseError
from stillhouse.core.progress import Progress
from stillhouse.modeling.memory import keep_memory
from stillhouse.students.batches import Batch, collate, micro_plan, pieces
from stillhouse.students.loss import (
    target_logits,
    task_counts,
    task_means,
    token_losses,
    weighted,
)
from stillhouse.students.rows import TokenRow
from stillhouse.students.text import StudentText
from stillhouse.students.weights import output_layer
from stillhouse.train_student.checkpoints import Checkpoints
from stillhouse.train_student.launching import is_idle, is_main, process, processes, share
from stillhouse.train_student.loop import CURVE, Loop, Validating, load_weights

SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


class MultiTaskTrainer(Trainer):
    """Trains on planned batches; `curve` holds each step's mean losses of both tasks.

    A `curve` that is not empty at first is that of steps already taken: training goes on after
    them. Several processes share each batch, and gradients are those of the whole.
    """

    # compute_loss divides by the tokens of the whole batch, so micro-batches simply add up.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: nn.Module,
        rows: Sequence[TokenRow],
        plan: Sequence[list[int]],
        *,
        text: StudentText,
        training: Training,
        lambda_: float,
        args: TrainingArguments,
        curve: Sequence[Tensor] = (),
    ) -> None:
        config: Any = model.config
        start = getattr(config, "decoder_start_token_id", None)
        self.collate = partial(collate, family=text.family, start=start)
        super().__init__(model=model, args=args, train_dataset=rows, data_collator=self.collate)
        self.remove_callback(PrinterCallback)
        # The model itself: what is passed to `compute_loss` may be wrapped for several processes.
        self.student, self.head = model, output_layer(model)
        self.rows, self.plan = rows, plan
        self.training, self.lambda_ = training, lambda_
        self.curve = list(curve)

    def get_train_dataloader(self) -> DataLoader[TokenRow]:
        """Micro-batches of this process's share of the planned batches that are left.

        Once through: the plan holds every epoch.
        """
        micro = self.args.per_device_train_batch_size
        left = [share(batch, process(), processes()) for batch in self.plan[len(self.curve) :]]
        return DataLoader(
            cast(Dataset[TokenRow], self.rows),
            batch_sampler=micro_plan(left, micro),
            collate_fn=self.collate,
        )

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Tensor]:
        """Its share of a batch in micro-batches, and each task's target tokens in the whole."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        idle = is_idle(self.plan[len(self.curve)], process())
        own = task_counts(batches)
        counts = self.summed(torch.zeros_like(own) if idle else own)
        self.curve.append(torch.zeros(2))
        return batches, torch.full(counts.shape, math.inf) if idle else counts

    def create_scheduler(
        self, num_training_steps: int, optimizer: Optimizer | None = None
    ) -> LRScheduler:
        """The schedule over the whole plan, also when a part of it is left."""
        del num_training_steps
        schedule: LRScheduler = super().create_scheduler(len(self.plan), optimizer)
        return schedule

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """A micro-batch's part of L_label + lambda * L_rationale of its whole batch."""
        assert isinstance(num_items_in_batch, Tensor) and not return_outputs
        logits = self._target_logits(model, inputs)
        losses = token_losses(logits, inputs["targets"], self.training.objective)
        means = task_means(losses, inputs["member"], num_items_in_batch)
        self.curve[-1] += means.detach().cpu()
        # The gradients of several processes are averaged, and they must add up.
        return weighted(means, self.lambda_) * processes()

    def _target_logits(self, model: nn.Module, inputs: Batch) -> Tensor:
        low = self.training.precision == "bfloat16"
        with torch.autocast(inputs["targets"].device.type, torch.bfloat16, enabled=low):
            return target_logits(model, self.head, inputs)

    def summed(self, values: Tensor) -> Tensor:
        """The sum of a small tensor over all processes."""
        if processes() == 1:
            return values
        total = values.to(self.args.device)
        torch.distributed.all_reduce(total)
        return total.to(values.device)

    def trained_weights(self) -> dict[str, nn.Parameter]:
        """The weights that are trained, by name."""
        named = self.student.named_parameters()
        return {name: weight for name, weight in named if weight.requires_grad}

    @torch.no_grad()
    def score(
        self, rows: Sequence[TokenRow], metric: Literal["accuracy", "loss"], batch_size: int
    ) -> float:
        """The metric over the labels of `rows`, each process taking its share of them.

        `accuracy` is the share of rows of which every target token, the end included, has the
        highest logit after the true ones before it: what greedy decoding gets wholly right.
        """
        self.student.eval()
        ordered = sorted(rows, key=lambda row: (row.length, row.id))[process() :: processes()]
        total = torch.zeros(2, dtype=torch.float64)
        for start in range(0, len(ordered), batch_size):
            batch = ordered[start : start + batch_size]
            total += self._label_score(batch, metric)
        value, number = self.summed(total).tolist()
        return float(value / number)

    def _label_score(self, rows: Sequence[TokenRow], metric: str) -> Tensor:
        inputs = self._prepare_inputs(self.collate(rows))
        targets = inputs["targets"]
        assert targets.tolist() == list(chain.from_iterable(row.label.target for row in rows))
        logits = self._target_logits(self.student, inputs)
        if metric == "loss":
            losses = token_losses(logits, targets, self.training.objective)
            return torch.stack([losses.sum().cpu(), torch.tensor(float(len(losses)))])
        hits = (logits.argmax(-1) == targets).cpu().split([len(r.label.target) for r in rows])
        return torch.tensor([sum(bool(hit.all()) for hit in hits), len(rows)])


def optimise(
    model: nn.Module,
    rows: Sequence[TokenRow],
    plan: Sequence[list[int]],
    *,
    text: StudentText,
    training: Training,
    compute: StudentCompute,
    lambda_: float,
    seed: int,
    bar: Progress,
    validating: Validating | None,
    checkpoints: Checkpoints,
) -> list[Tensor]:
    """Train `model` in place, from the newest checkpoint on; each step's mean losses of both tasks.

    With `validating` the weights that scored best are in place at the end.
    """
    if compute.device != "cuda":
        keep_memory()
    found = checkpoints.newest()
    curve = list(found.tensors[CURVE]) if found else []
    with tempfile.TemporaryDirectory(prefix="stillhouse-") as scratch:
        trainer = MultiTaskTrainer(
            model,
            rows,
            plan,
            text=text,
            training=training,
            lambda_=lambda_,
            args=_arguments(
                training, compute, scratch, seed=seed, steps=len(plan), left=len(plan) - len(curve)
            ),
            curve=curve,
        )
        _require_agreement(trainer, len(curve))
        loop = Loop(
            trainer,
            bar,
            seed=seed,
            validating=validating,
            checkpoints=checkpoints,
            found=found,
            minutes=compute.checkpoint_minutes,
        )
        trainer.add_callback(loop)
        trainer.train()
        trainer.accelerator.end_training()
    if validating and is_main():
        load_weights(trainer.trained_weights(), validating.selection.weights)
    return trainer.curve


def _arguments(
    training: Training, compute: StudentCompute, scratch: str, *, seed: int, steps: int, left: int
) -> TrainingArguments:
    own = len(share(range(training.batch_size), process(), processes()))
    micro = min(compute.micro_batch_size or own, own)
    args = TrainingArguments(
        output_dir=scratch,
        max_steps=left,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=pieces(own, micro),
        gradient_checkpointing=compute.gradient_checkpointing,
        # Reentrant checkpointing would drop the gradients of layers above a frozen embedding.
        gradient_checkpointing_kwargs={"use_reentrant": False},
        learning_rate=training.learning_rate,
        lr_scheduler_type=SCHEDULES[training.schedule],
        warmup_steps=round(training.warmup_share * steps),
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        ddp_find_unused_parameters=False,
        optim="adamw_torch_fused",
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        use_cpu=compute.device == "cpu",
        seed=seed,
        data_seed=seed,
    )
    _require_plain_processes(args)
    # Several visible GPUs would otherwise be used through DataParallel, which splits each batch.
    if args.n_gpu > 1:
        args._n_gpu = 1
    return args


def _require_agreement(trainer: MultiTaskTrainer, step: int) -> None:
    if int(trainer.summed(torch.tensor(step))) != step * processes():
        raise StillhouseError(
            "The processes of this training found different checkpoints, so they cannot go on "
            "together. All of them must see the same `.stillhouse/checkpoints`."
        )


def _require_plain_processes(args: TrainingArguments) -> None:
    if args.world_size != processes():
        raise StillhouseError(
            f"{args.world_size} processes train here, but the student's entry started "
            f"{processes()}. Put what starts them into `compute.launcher`."
        )
    if args.fsdp_plugin_args or args.deepspeed_plugin:
        raise StillhouseError(
            "The student's `compute.launcher` asks for FSDP or DeepSpeed, but each process here "
            "holds the whole model. Start plain processes (`accelerate launch --multi_gpu`), and "
            "use `method: qlora` for a model that is too large for one device."
        )
