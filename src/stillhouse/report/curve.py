"""What a training curve says: how far it came, whether it was still falling, when it was best."""

import csv
import io
from collections.abc import Sequence
from math import sqrt
from statistics import fmean, variance
from typing import Any

LEAST_POINTS = 8
"""Fewer show no trend."""
FALLING = 0.1
"""Of the loss, what the last quarter must bring over the one before."""
ERRORS = 2.0
"""Standard errors by which it must do so."""
LABEL, SCORE = "label_loss", "validation"


def curve_facts(text: str) -> dict[str, Any]:
    """The facts of a curve as `train_student` writes it, in CSV.

    `steps`; `label_loss`, its mean in the last quarter; `falling`, the share of it that the last
    quarter took off the quarter before, where that is more than noise; and with scores on
    validation rows `scores`, a list of step and score.
    """
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows:
        return {"steps": 0}
    losses = [float(row[LABEL]) for row in rows]
    last = losses[-max(1, len(losses) // 4) :]
    found: dict[str, Any] = {"steps": int(rows[-1]["step"]), LABEL: fmean(last)}
    if drop := falling(losses):
        found["falling"] = drop
    scores = [[int(row["step"]), float(row[SCORE])] for row in rows if row.get(SCORE)]
    return found | ({"scores": scores} if scores else {})


def falling(losses: Sequence[float]) -> float:
    """The share by which the last quarter lies below the one before; 0 where it is but noise."""
    size = len(losses) // 4
    if len(losses) < LEAST_POINTS:
        return 0.0
    before, last = losses[-2 * size : -size], losses[-size:]
    drop = fmean(before) - fmean(last)
    error = sqrt((variance(before) + variance(last)) / size)
    share = drop / fmean(before) if fmean(before) > 0 else 0.0
    return share if share > FALLING and drop > ERRORS * error else 0.0
