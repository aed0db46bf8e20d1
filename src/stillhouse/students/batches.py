"""Which rows each step sees, and a micro-batch as tensors."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain, count, islice
from typing import TYPE_CHECKING

from stillhouse.config.student import Family, Training
from stillhouse.core.sampling import digest, shuffled
from stillhouse.students.rows import TokenRow, TokenSequence

if TYPE_CHECKING:
    import torch

# Batches whose rows are sorted by length together: enough of them to waste little on padding, but
# at most this share of the rows, so that a row meets others from epoch to epoch.
WINDOW = 16
WINDOW_SHARE = 4

TASKS = ("label", "rationale")

Batch = dict[str, "torch.Tensor"]


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
    stream = islice(_epochs(rows, seed), total)
    together = max(1, min(WINDOW, len(rows) // (WINDOW_SHARE * batch_size)))
    plan: list[list[int]] = []
    while window := list(islice(stream, together * batch_size)):
        plan.extend(_window_batches(window, rows, batch_size, seed, len(plan)))
    return plan


def _epochs(rows: Sequence[TokenRow], seed: int) -> Iterator[int]:
    number = {row.id: place for place, row in enumerate(rows)}
    return chain.from_iterable(
        (number[id_] for id_ in shuffled(number, seed, epoch)) for epoch in count()
    )


def _window_batches(
    window: list[int], rows: Sequence[TokenRow], size: int, seed: int, first: int
) -> list[list[int]]:
    by_length = _by_length(window, rows)
    batches = [by_length[start : start + size] for start in range(0, len(by_length), size)]
    # A partial batch can only be the training's last.
    rest = [batches.pop()] if len(batches[-1]) < size else []
    order = sorted(range(len(batches)), key=lambda place: digest(seed, first, place))
    return [batches[place] for place in order] + rest


def _by_length(window: list[int], rows: Sequence[TokenRow]) -> list[int]:
    # Rows without a rationale are short. Ranking them among themselves spreads them over the
    # batches, each of which then holds its share of both tasks.
    ranked = []
    for has_rationale in (True, False):
        group = [place for place in window if bool(rows[place].rationale) == has_rationale]
        group.sort(key=lambda place: rows[place].length)
        ranked += [((rank + 0.5) / len(group), place) for rank, place in enumerate(group)]
    return [place for _, place in sorted(ranked)]


def micro_plan(plan: Sequence[list[int]], micro: int) -> list[list[int]]:
    """The plan's batches cut into pieces of at most `micro` rows."""
    return [batch[start : start + micro] for batch in plan for start in range(0, len(batch), micro)]


def pieces(batch_size: int, micro: int) -> int:
    """Micro-batches in a full batch."""
    return math.ceil(batch_size / micro)


def collate(rows: Sequence[TokenRow], family: Family, pad: int, start: int | None) -> Batch:
    """One mixed batch of both tasks: S sequences, N target tokens.

    `input_ids` and `attention_mask` (S, T), for T5 also `decoder_input_ids` and its mask (S, D);
    `keep` marks the positions whose output predicts a target token; `targets` (N,) are those
    tokens in the same order; `task` (N,) is each one's place in TASKS.
    """
    sequences = [(row.label, 0) for row in rows]
    sequences += [(row.rationale, 1) for row in rows if row.rationale]
    build = _decoder_inputs if family == "decoder" else _encoder_decoder_inputs
    return build([sequence for sequence, _ in sequences], pad, start) | _targets(sequences)


def _targets(sequences: Sequence[tuple[TokenSequence, int]]) -> Batch:
    import torch

    tokens = [token for sequence, _ in sequences for token in sequence.target]
    tasks = [task for sequence, task in sequences for _ in sequence.target]
    return {"targets": torch.tensor(tokens), "task": torch.tensor(tasks)}


def _decoder_inputs(sequences: Sequence[TokenSequence], pad: int, _: int | None) -> Batch:
    import torch

    # The last target token is only ever predicted, so it is not fed.
    tokens, mask = padded([[*s.prompt, *s.target[:-1]] for s in sequences], pad)
    keep = torch.zeros_like(mask, dtype=torch.bool)
    for place, sequence in enumerate(sequences):
        first = len(sequence.prompt) - 1
        keep[place, first : first + len(sequence.target)] = True
    return {"input_ids": tokens, "attention_mask": mask, "keep": keep}


def _encoder_decoder_inputs(
    sequences: Sequence[TokenSequence], pad: int, start: int | None
) -> Batch:
    assert start is not None
    tokens, mask = padded([[*s.prompt] for s in sequences], pad)
    # T5 starts its decoder with the pad token, so the mask must be given, not guessed from tokens.
    decoder, decoder_mask = padded([[start, *s.target[:-1]] for s in sequences], pad)
    return {
        "input_ids": tokens,
        "attention_mask": mask,
        "decoder_input_ids": decoder,
        "decoder_attention_mask": decoder_mask,
        "keep": decoder_mask.bool(),
    }


def padded(
    sequences: Sequence[Sequence[int]], pad: int, *, left: bool = False
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Token ids and their mask (both S, T), filled up at the right or the left."""
    import torch

    width = max(map(len, sequences))
    tokens = torch.full((len(sequences), width), pad)
    mask = torch.zeros((len(sequences), width), dtype=torch.long)
    for place, sequence in enumerate(sequences):
        span = slice(width - len(sequence), width) if left else slice(len(sequence))
        tokens[place, span] = torch.tensor(sequence)
        mask[place, span] = 1
    return tokens, mask
