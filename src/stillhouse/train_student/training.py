"""Training one student with one seed, from the training table to its folder."""

import math
import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
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
from stillhouse.students.rows import TokenRow, mean_tokens, require_rows, tokenize_rows
from stillhouse.students.text import StudentText
from stillhouse.students.weights import load_weights
from stillhouse.train_student.checkpoints import Checkpoints, training_key
from stillhouse.train_student.launching import is_main, one_of_several, processes
from stillhouse.train_student.trainable import four_bits, merged, prepare
from stillhouse.train_student.validation import Score, Selection, require_validation, scored_steps

if TYPE_CHECKING:
    from torch import nn

    from stillhouse.train_student.loop import Validating

Losses = tuple[float, float]
CURVE_POINTS = 500


@dataclass(frozen=True)
class Curve:
    """Each step's label and rationale loss, and the scores on the validation split."""

    losses: Sequence[Losses]
    scores: Sequence[Score] = ()


@one_of_several()
def train_student(
    rows: Sequence[Mapping[str, Any]],
    conf: StudentConf,
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

    require_rows(rows, lambda_)
    require_validation(validation, conf.training.validation)
    _require_processes(conf.training.batch_size)
    _require_device(conf.compute.device)
    set_seed(seed)
    model, tokenizer = load_weights(conf, four_bits(conf))
    precision, limits = conf.training.saved_precision, conf.training
    if is_main():
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
    used = validation if conf.training.validation else ()
    validating = _validating(conf, used, text, len(tokenized), len(plan))
    checkpoints = Checkpoints(training_key(rows, used, conf, lambda_, seed))
    trained = prepare(model, conf)
    losses = _optimised(
        trained,
        tokenized,
        plan,
        text=text,
        conf=conf,
        lambda_=lambda_,
        seed=seed,
        validating=validating,
        checkpoints=checkpoints,
    )
    curve = Curve(losses, validating.selection.scores if validating else ())
    if is_main():
        facts = {
            "seed": seed,
            "lambda": lambda_,
            "alpha": alpha(lambda_),
            "method": conf.method,
            "source": conf.source,
            "objective": conf.training.objective,
            "rows": len(tokenized),
            "rationales": sum(row.rationale is not None for row in tokenized),
            "steps": len(losses),
            "mean_tokens": mean_tokens(tokenized),
            "truncated": asdict(truncation),
            "validation": _validation_facts(validating),
        }
        student = Student(merged(trained, precision), text)
        save_student(folder, student, precision, facts)
        checkpoints.clear()
    return curve


def _validating(
    conf: StudentConf,
    validation: Sequence[Mapping[str, Any]],
    text: StudentText,
    rows: int,
    steps: int,
) -> "Validating | None":
    from stillhouse.train_student.loop import Validating

    if conf.training.validation is None:
        return None
    labelled = [{**row, "rationale": None} for row in validation]
    return Validating(
        tokenize_rows(labelled, text, lambda_=0)[0],
        scored_steps(conf.training, rows, steps),
        conf.compute.eval_batch_size,
        Selection(conf.training.validation),
    )


def _validation_facts(validating: "Validating | None") -> dict[str, Any] | None:
    if validating is None:
        return None
    selection = validating.selection
    assert selection.best
    return {
        "metric": selection.conf.metric,
        "rows": len(validating.rows),
        "step": selection.best[0],
        "score": selection.best[1],
    }


def _optimised(
    model: "nn.Module",
    rows: Sequence[TokenRow],
    plan: list[list[int]],
    *,
    text: StudentText,
    conf: StudentConf,
    lambda_: float,
    seed: int,
    validating: "Validating | None",
    checkpoints: Checkpoints,
) -> list[Losses]:
    from stillhouse.train_student.trainer import optimise

    title = f"Train seed {seed} (lambda {lambda_:g}, alpha {alpha(lambda_):.3g})"
    if processes() > 1:
        title += f" in {processes()} processes"
    with progress(title, len(plan)) if is_main() else nullcontext(_Unseen()) as bar:
        curve = optimise(
            model,
            rows,
            plan,
            text=text,
            training=conf.training,
            compute=conf.compute,
            lambda_=lambda_,
            seed=seed,
            bar=bar,
            validating=validating,
            checkpoints=checkpoints,
        )
    return [(float(label), float(rationale)) for label, rationale in curve]


class _Unseen:
    def advance(self, steps: int = 1, note: str = "") -> None:
        pass


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


def alpha(lambda_: float) -> float:
    """The label loss's weight in Hsieh et al.'s code; the rationale loss has 1 - alpha."""
    return 1 / (1 + lambda_)


def write_curve(path: Path, curve: Curve, lambda_: float) -> None:
    """The losses by step as CSV, means over equal spans of steps where there are many.

    A score on the validation split stands in the line of the span that it ends, or lies in.
    """
    losses, scores = curve.losses, dict(curve.scores)
    span = math.ceil(len(losses) / CURVE_POINTS)
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
