"""Which rows each step of a training sees."""

from collections.abc import Sequence
from itertools import count, islice

from stillhouse.config.student import Training
from stillhouse.core.sampling import digest, shuffled
from stillhouse.train_student.rows import TokenRow

# Batches whose rows are sorted by length together: enough of them to waste little on padding, but
# at most this share of the rows, so that a row meets others from epoch to epoch.
WINDOW = 16
WINDOW_SHARE = 4


def training_rows(training: Training, rows: int) -> int:
    """How many rows training sees, repeats included: `steps` full batches, or `epochs` passes."""
    if training.steps is not None:
        return training.steps * training.batch_size
    assert training.epochs is not None
    return max(1, round(training.epochs * rows))


def batch_plan(rows: Sequence[TokenRow], total: int, batch_size: int, seed: int) -> list[list[int]]:
    """The row numbers of every batch of the training, `total` rows in all.

    Epochs follow each other without a gap, so every batch but the last is full. Batches hold rows
    of similar length; their order is random. Equal rows and seeds give equal plans.
    """
    number = {row.id: place for place, row in enumerate(rows)}
    epochs = (number[id_] for epoch in count() for id_ in shuffled(number, seed, epoch))
    stream = islice(epochs, total)
    together = max(1, min(WINDOW, len(rows) // (WINDOW_SHARE * batch_size)))
    plan: list[list[int]] = []
    while window := list(islice(stream, together * batch_size)):
        ordered = _by_length(window, rows)
        batches = [ordered[at : at + batch_size] for at in range(0, len(ordered), batch_size)]
        # A partial batch can only be the training's last.
        rest = [batches.pop()] if len(batches[-1]) < batch_size else []
        order = sorted(range(len(batches)), key=lambda place: digest(seed, len(plan), place))
        plan += [batches[place] for place in order] + rest
    return plan


def _by_length(window: list[int], rows: Sequence[TokenRow]) -> list[int]:
    # Rows without a rationale are short. Ranking them among themselves spreads them over the
    # batches, each of which then holds its share of both tasks.
    ranked = []
    for has_rationale in (True, False):
        group = [place for place in window if bool(rows[place].rationale) == has_rationale]
        group.sort(key=lambda place: rows[place].length)
        ranked += [((rank + 0.5) / len(group), place) for rank, place in enumerate(group)]
    return [place for _, place in sorted(ranked)]
