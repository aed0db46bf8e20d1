"""What happens around a training's steps: random numbers, progress, validation, checkpoints."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import TrainerCallback, TrainerControl

from stillhouse.core.errors import StillhouseError
from stillhouse.core.progress import Progress
from stillhouse.core.sampling import digest
from stillhouse.students.loss import weighted
from stillhouse.students.rows import TokenRow
from stillhouse.train_student.checkpoints import Checkpoint, Checkpoints
from stillhouse.train_student.launching import is_main, process
from stillhouse.train_student.validation import Selection

if TYPE_CHECKING:
    from stillhouse.train_student.trainer import MultiTaskTrainer

WEIGHTS, BEST, OPTIMISER, CURVE = "weights/", "best/", "optimiser/", "curve"


@dataclass(frozen=True)
class Validating:
    """Validation rows, the steps after which to score them, and the selection that this makes."""

    rows: Sequence[TokenRow]
    steps: frozenset[int]
    batch_size: int
    selection: Selection


class Loop(TrainerCallback):
    """Goes on from a checkpoint, seeds each step, and acts on its end."""

    def __init__(
        self,
        trainer: "MultiTaskTrainer",
        bar: Progress,
        *,
        seed: int,
        validating: Validating | None,
        checkpoints: Checkpoints,
        found: Checkpoint | None,
        minutes: float | None,
    ) -> None:
        self.trainer, self.bar, self.seed = trainer, bar, seed
        self.validating = validating
        self.checkpoints, self.found, self.minutes = checkpoints, found, minutes
        self.written = time.monotonic()

    def on_train_begin(self, *_: object, **__: object) -> None:
        if self.found is not None:
            restore(self.trainer, self.validating, self.found)
            self.bar.advance(self.found.step, note="from a checkpoint")

    def on_step_begin(self, *_: object, **__: object) -> None:
        # Dropout depends on seed, step and process alone: a training that went on from a
        # checkpoint draws what an uninterrupted one draws, whatever was drawn in between.
        torch.manual_seed(digest(self.seed, len(self.trainer.curve), process()) % 2**63)

    def on_step_end(self, *events: Any, **_: object) -> None:
        control: TrainerControl = events[-1]
        trainer = self.trainer
        trainer.curve[-1] = trainer.summed(trainer.curve[-1])
        loss = float(weighted(trainer.curve[-1], trainer.lambda_))
        if not math.isfinite(loss):
            raise StillhouseError(
                f"The loss of seed {self.seed} stopped being a number at step "
                f"{len(trainer.curve)}. Lower training.learning_rate or train in float32; no "
                "student was saved."
            )
        note = f"loss {loss:.3f}"
        if self.validating:
            note += self._validate(self.validating, control)
        self.bar.advance(note=note)
        last = control.should_training_stop or len(trainer.curve) == len(trainer.plan)
        if is_main() and not last and self._is_due():
            self.checkpoints.write(snapshot(trainer, self.validating))
            self.written = time.monotonic()

    def _validate(self, validating: Validating, control: TrainerControl) -> str:
        step, selection = len(self.trainer.curve), validating.selection
        if step in validating.steps:
            value = self.trainer.score(
                validating.rows, selection.conf.metric, validating.batch_size
            )
            selection.add(step, value, self.trainer.trained_weights() if is_main() else {})
            control.should_training_stop |= selection.exhausted
        if not selection.scores:
            return ""
        return f", validation {selection.conf.metric} {selection.scores[-1][1]:.3f}"

    def _is_due(self) -> bool:
        return self.minutes is not None and time.monotonic() - self.written >= 60 * self.minutes


def snapshot(trainer: "MultiTaskTrainer", validating: Validating | None) -> Checkpoint:
    """The whole state of a training between two steps."""
    assert trainer.optimizer and trainer.lr_scheduler
    tensors: dict[str, Tensor] = {
        WEIGHTS + name: value for name, value in trainer.trained_weights().items()
    }
    for number, state in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"{OPTIMISER}{number}/{name}": value for name, value in state.items()}
    tensors[CURVE] = torch.stack(trainer.curve)
    values: dict[str, Any] = {"schedule": trainer.lr_scheduler.state_dict()}
    if validating:
        values["scores"] = validating.selection.scores
        tensors |= {BEST + name: value for name, value in validating.selection.weights.items()}
    contiguous = {name: value.detach().contiguous() for name, value in tensors.items()}
    return Checkpoint(len(trainer.curve), contiguous, values)


def restore(
    trainer: "MultiTaskTrainer", validating: Validating | None, checkpoint: Checkpoint
) -> None:
    """Put a training, ready to begin, into the state of a checkpoint."""
    assert trainer.optimizer and trainer.lr_scheduler
    load_weights(trainer.trained_weights(), below(checkpoint.tensors, WEIGHTS))
    schedule = checkpoint.values["schedule"]
    trainer.lr_scheduler.load_state_dict(schedule)
    optimiser = trainer.optimizer.state_dict()
    optimiser["state"] = {}
    for path, value in below(checkpoint.tensors, OPTIMISER).items():
        number, _, name = path.partition("/")
        optimiser["state"].setdefault(int(number), {})[name] = value
    for group, rate in zip(optimiser["param_groups"], schedule["_last_lr"], strict=True):
        group["lr"] = rate
    trainer.optimizer.load_state_dict(optimiser)
    if validating:
        validating.selection.scores = [(step, value) for step, value in checkpoint.values["scores"]]
        validating.selection.weights = below(checkpoint.tensors, BEST)


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def load_weights(weights: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Overwrite weights in place."""
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(values[name])
