"""Training one student with one seed, from the training table to its folder."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhouse.config.student import TrainedConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_text
from stillhouse.students.folder import Student, require_space, save_student, weight_bytes
from stillhouse.students.text import StudentText
from stillhouse.students.weights import load_weights
from stillhouse.train_student.checkpoints import Checkpoints, training_key
from stillhouse.train_student.launching import is_main, one_of_several, processes
from stillhouse.train_student.plan import batch_plan, training_rows
from stillhouse.train_student.rows import mean_tokens, require_rows, tokenize_rows
from stillhouse.train_student.trainable import four_bits, merged, prepare
from stillhouse.train_student.validation import Score, best, require_validation

CURVE_POINTS = 500


@dataclass(frozen=True)
class Curve:
    """Each step's label and rationale loss, and the scores on the validation split."""

    losses: Sequence[tuple[float, float]]
    scores: Sequence[Score] = ()


@one_of_several()
def train_student(
    rows: Sequence[Mapping[str, Any]],
    conf: TrainedConf,
    lambda_: float,
    seed: int,
    folder: Path,
    *,
    validation: Sequence[Mapping[str, Any]] = (),
) -> Curve:
    """Train on the training table and save the student.

    The saved model is merged and whole, adapters included, so that its folder alone predicts.
    Equal rows, conf, lambda and seed give equal weights on one machine, also when training was
    interrupted: it goes on from its newest checkpoint. `validation` has the columns `id`, `query`
    and `label`, and is read when the entry asks for it.
    """
    from transformers import set_seed

    from stillhouse.train_student.loop import Job, train
    from stillhouse.train_student.objective import alpha

    training, precision = conf.training, conf.model.precision
    require_rows(rows, lambda_)
    require_validation(validation, training.validation)
    _require_processes(training.batch_size)
    _require_device(conf.compute.device)
    set_seed(seed)
    model, tokenizer = load_weights(conf, four_bits(conf))
    if is_main():
        require_space(folder, weight_bytes(model, precision))
    text = StudentText.of(conf, tokenizer)
    tokenized, truncation = tokenize_rows(rows, text, lambda_)
    total = training_rows(training, len(tokenized))
    plan = batch_plan(tokenized, total, training.batch_size, seed)
    used = validation if training.validation else ()
    scored, _ = tokenize_rows(used, text, lambda_=0)
    checkpoints = Checkpoints(training_key(rows, used, conf, lambda_, seed))
    job = Job(prepare(model, conf), conf, lambda_, seed, tokenized, plan, scored)
    state = train(job, checkpoints)
    if is_main():
        facts: dict[str, Any] = {
            "seed": seed,
            "lambda": lambda_,
            "alpha": alpha(lambda_),
            "method": conf.training.method,
            "source": conf.model.source,
            "objective": training.objective,
            "rows": len(tokenized),
            "rationales": sum(row.rationale is not None for row in tokenized),
            "steps": state.step,
            "mean_tokens": mean_tokens(tokenized),
            "truncated": truncation.facts(),
            "validation": None,
        }
        if training.validation:
            chosen = best(state.scores, training.validation.metric)
            assert chosen is not None
            facts["validation"] = {
                "metric": training.validation.metric,
                "rows": len(scored),
                "step": chosen[0],
                "score": chosen[1],
            }
        save_student(folder, Student(merged(job.model, precision), text), precision, facts)
        checkpoints.clear()
    return Curve(state.losses, state.scores)


def _require_processes(batch_size: int) -> None:
    if batch_size < processes():
        raise StillhouseError(
            f"The student's `compute.launcher` starts {processes()} processes, more than a batch "
            f"has rows (training.batch_size is {batch_size}). Start fewer."
        )


def _require_device(device: str) -> None:
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise StillhouseError(
            "The student's entry says `compute.device: cuda`, but torch finds no CUDA device. "
            "Set it to `auto` or `cpu`."
        )
    if processes() > 1 and torch.cuda.is_available():
        # Quantised weights go to the current device as they are read.
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def write_curve(path: Path, curve: Curve, lambda_: float) -> None:
    """The losses by step as CSV, means over equal spans of steps where there are many.

    A score on the validation split stands in the line of the span that it ends, or lies in.
    """
    losses, scores = curve.losses, dict(curve.scores)
    span = math.ceil(len(losses) / CURVE_POINTS) or 1
    lines = ["step,loss,label_loss,rationale_loss" + (",validation" if scores else "")]
    for start in range(0, len(losses), span):
        steps = losses[start : start + span]
        label, rationale = (sum(column) / len(steps) for column in zip(*steps, strict=True))
        loss = label + lambda_ * rationale
        cells = [f"{loss:.5f}", f"{label:.5f}", f"{rationale:.5f}" if lambda_ else ""]
        if scores:
            within = [scores[step] for step in range(start + 1, start + span + 1) if step in scores]
            cells.append(f"{within[-1]:.5f}" if within else "")
        lines.append(",".join([str(start + len(steps)), *cells]))
    write_text(path, "\n".join(lines) + "\n")
