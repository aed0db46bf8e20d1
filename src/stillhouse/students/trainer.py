"""Hugging Face `Trainer` with the fused multi-task objective and its own plan of batches."""

import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from stillhouse.config.student import StudentCompute, Training
from stillhouse.core.progress import Progress
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

SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


class MultiTaskTrainer(Trainer):
    """Trains on planned batches; `curve` holds each step's mean losses of both tasks."""

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
        callbacks: list[TrainerCallback],
    ) -> None:
        config: Any = model.config
        start = getattr(config, "decoder_start_token_id", None)
        super().__init__(
            model=model,
            args=args,
            train_dataset=rows,
            data_collator=partial(collate, family=text.family, pad=text.pad, start=start),
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)
        self.head = output_layer(model)
        self.rows, self.plan = rows, plan
        self.training, self.lambda_ = training, lambda_
        self.curve: list[Tensor] = []

    def get_train_dataloader(self) -> DataLoader[TokenRow]:
        """The planned micro-batches, once through: the plan holds every epoch."""
        micro = self.args.per_device_train_batch_size
        return DataLoader(
            cast(Dataset[TokenRow], self.rows),
            batch_sampler=micro_plan(self.plan, micro),
            collate_fn=self.data_collator,
        )

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Tensor]:
        """One whole batch as micro-batches, and each task's target tokens in all of it."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        self.curve.append(torch.zeros(2))
        return batches, task_counts(batches)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """A micro-batch's part of L_label + lambda * L_rationale of its whole batch."""
        assert isinstance(num_items_in_batch, Tensor) and not return_outputs
        low = self.training.precision == "bfloat16"
        with torch.autocast(inputs["targets"].device.type, torch.bfloat16, enabled=low):
            logits = target_logits(model, self.head, inputs)
        losses = token_losses(logits, inputs["targets"], self.training.objective)
        means = task_means(losses, inputs["task"], num_items_in_batch)
        self.curve[-1] += means.detach().cpu()
        return weighted(means, self.lambda_)


class _Reporter(TrainerCallback):
    def __init__(self, bar: Progress) -> None:
        self.bar = bar
        self.trainer: MultiTaskTrainer | None = None

    def on_step_end(self, *_: object, **__: object) -> None:
        assert self.trainer
        loss = float(weighted(self.trainer.curve[-1], self.trainer.lambda_))
        self.bar.advance(note=f"loss {loss:.3f}")


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
) -> list[Tensor]:
    """Train `model` in place; returns each step's mean label and rationale loss."""
    reporter = _Reporter(bar)
    with tempfile.TemporaryDirectory(prefix="stillhouse-") as scratch:
        trainer = MultiTaskTrainer(
            model,
            rows,
            plan,
            text=text,
            training=training,
            lambda_=lambda_,
            args=_arguments(training, compute, scratch, len(plan), seed),
            callbacks=[reporter],
        )
        reporter.trainer = trainer
        trainer.train()
    return trainer.curve


def _arguments(
    training: Training, compute: StudentCompute, scratch: str, steps: int, seed: int
) -> TrainingArguments:
    micro = min(compute.micro_batch_size or training.batch_size, training.batch_size)
    args = TrainingArguments(
        output_dir=scratch,
        max_steps=steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=pieces(training.batch_size, micro),
        learning_rate=training.learning_rate,
        lr_scheduler_type=SCHEDULES[training.schedule],
        warmup_steps=round(training.warmup_share * steps),
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
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
    # Several visible GPUs would otherwise be used through DataParallel, which splits each batch.
    if args.n_gpu > 1:
        args._n_gpu = 1
    return args
