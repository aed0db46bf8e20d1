"""Training one student with one seed, from the training table to its folder."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillhouse.config.student import StudentConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_text
from stillhouse.core.progress import progress
from stillhouse.students.batches import batch_plan, training_rows
from stillhouse.students.folder import (
    Student,
    require_space,
    save_student,
    weight_bytes,
)
from stillhouse.students.rows import TokenRow, require_rows, tokenize_rows
from stillhouse.students.text import StudentText
from stillhouse.students.trainable import merged, prepare
from stillhouse.students.weights import load_weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Losses = tuple[float, float]
CURVE_POINTS = 500


def train_student(
    rows: Sequence[Mapping[str, Any]],
    conf: StudentConf,
    lambda_: float,
    seed: int,
    folder: Path,
) -> list[Losses]:
    """Train on the training table and save the student; returns label and rationale loss by step.

    The saved model is merged and whole, adapters included, so that its folder alone predicts.
    Equal rows, conf, lambda and seed give equal weights on one machine.
    """
    from transformers import set_seed

    require_rows(rows, lambda_)
    _require_device(conf.compute.device)
    set_seed(seed)
    model, tokenizer = load_weights(conf)
    precision, limits = conf.training.saved_precision, conf.training
    require_space(folder, weight_bytes(model, precision))
    text = StudentText(
        tokenizer,
        conf.family,
        conf.templates,
        limits.max_query_tokens,
        limits.max_target_tokens,
    )
    tokenized, truncation = tokenize_rows(rows, text, lambda_)
    total = training_rows(conf.training, len(tokenized))
    plan = batch_plan(tokenized, total, conf.training.batch_size, seed)
    trained, losses = _trained(
        model, tokenized, plan, text=text, conf=conf, lambda_=lambda_, seed=seed
    )
    facts = {
        "seed": seed,
        "lambda": lambda_,
        "alpha": alpha(lambda_),
        "method": conf.method,
        "source": conf.source,
        "objective": conf.training.objective,
        "rows": len(tokenized),
        "rationales": sum(row.rationale is not None for row in tokenized),
        "steps": len(plan),
        "truncated": asdict(truncation),
    }
    save_student(folder, Student(trained, text), precision, facts)
    return losses


def _trained(
    model: "PreTrainedModel",
    rows: Sequence[TokenRow],
    plan: list[list[int]],
    *,
    text: StudentText,
    conf: StudentConf,
    lambda_: float,
    seed: int,
) -> tuple["PreTrainedModel", list[Losses]]:
    from stillhouse.students.trainer import optimise

    prepared = prepare(model, conf)
    title = f"Train seed {seed} (lambda {lambda_:g}, alpha {alpha(lambda_):.3g})"
    with progress(title, len(plan)) as bar:
        curve = optimise(
            prepared,
            rows,
            plan,
            text=text,
            training=conf.training,
            compute=conf.compute,
            lambda_=lambda_,
            seed=seed,
            bar=bar,
        )
    losses = [(float(label), float(rationale)) for label, rationale in curve]
    if not all(math.isfinite(value) for step in losses for value in step):
        raise StillhouseError(
            f"The loss of seed {seed} stopped being a number. Lower training.learning_rate or "
            "train in float32; no student was saved."
        )
    return merged(prepared, conf.training.saved_precision), losses


def _require_device(device: str) -> None:
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise StillhouseError(
            "The student's conf says `compute.device: cuda`, but torch finds no CUDA device. "
            "Set it to `auto` or `cpu`."
        )


def alpha(lambda_: float) -> float:
    """The label loss's weight in Hsieh et al.'s code; the rationale loss has 1 - alpha."""
    return 1 / (1 + lambda_)


def write_curve(path: Path, losses: Sequence[Losses], lambda_: float) -> None:
    """The losses by step as CSV, means over equal spans of steps where there are many."""
    span = math.ceil(len(losses) / CURVE_POINTS)
    lines = ["step,loss,label_loss,rationale_loss"]
    for start in range(0, len(losses), span):
        steps = losses[start : start + span]
        label, rationale = (sum(column) / len(steps) for column in zip(*steps, strict=True))
        shown = f"{rationale:.5f}" if lambda_ else ""
        loss = label + lambda_ * rationale
        lines.append(f"{start + len(steps)},{loss:.5f},{label:.5f},{shown}")
    write_text(path, "\n".join(lines) + "\n")
