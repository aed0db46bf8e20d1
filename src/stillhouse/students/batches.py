"""Which rows each step sees, and a micro-batch as tensors."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain, count, islice, takewhile
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

PADDING = -1
"""In `slots` and `branch`: no token."""
TASKS = ("label", "rationale")
TRUNK = -2
"""The branch of tokens that a group's sequences share; a sequence's own have its place in it."""

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


def collate(rows: Sequence[TokenRow], family: Family, start: int | None) -> Batch:
    """One batch of both tasks; a token's `member` is its task's place in TASKS."""
    groups = [[row.label, *([row.rationale] if row.rationale else [])] for row in rows]
    return packed(groups, family, start)


def packed(groups: Sequence[Sequence[TokenSequence]], family: Family, start: int | None) -> Batch:
    """Sequences one after the other, with no padding; what a group's prompts share is there once.

    `input_ids` (1, N), and `slots` (R, L) with the places of the tokens that attend to each other;
    for decoders also `position_ids` (1, N) and `branch` (R, L), for T5 `decoder_input_ids` (1, M),
    `decoder_slots`, and `asked`, the row of `slots` that each row of those belongs to. `keep` (T,)
    are the places whose output predicts a target token, `targets` (T,) those tokens, `member` (T,)
    the place of each one's sequence in its group.
    """
    import torch

    numbered = [pair for group in groups for pair in enumerate(group)]
    if family == "decoder":
        inputs = _decoder_inputs(groups)
    else:
        assert start is not None
        inputs = _encoder_decoder_inputs(groups, start)
    tokens = [token for _, sequence in numbered for token in sequence.target]
    members = [member for member, sequence in numbered for _ in sequence.target]
    return inputs | {"targets": torch.tensor(tokens), "member": torch.tensor(members)}


def shared_tokens(group: Sequence[TokenSequence]) -> int:
    """Tokens that all prompts of several sequences begin with."""
    if len(group) == 1:
        return 0
    columns = zip(*(sequence.prompt for sequence in group), strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def _decoder_inputs(groups: Sequence[Sequence[TokenSequence]]) -> Batch:
    import torch

    tokens: list[int] = []
    positions: list[int] = []
    keep: list[int] = []
    slots: list[list[int]] = []
    branches: list[list[int]] = []

    def append(piece: Sequence[int], first: int) -> list[int]:
        tokens.extend(piece)
        positions.extend(range(first, first + len(piece)))
        return list(range(len(tokens) - len(piece), len(tokens)))

    for group in groups:
        shared = shared_tokens(group)
        trunk = append(group[0].prompt[:shared], 0)
        if trunk:
            slots.append(trunk.copy())
            branches.append([TRUNK] * shared)
        for member, sequence in enumerate(group):
            # The last target token is only ever predicted, so it is not fed.
            fed = [*sequence.prompt, *sequence.target[:-1]]
            own = append(fed[shared:], shared)
            first = len(sequence.prompt) - 1
            keep += (trunk + own)[first : first + len(sequence.target)]
            if not trunk:
                slots.append([])
                branches.append([])
            slots[-1] += own
            branches[-1] += [member] * len(own)
    return {
        "input_ids": torch.tensor([tokens]),
        "position_ids": torch.tensor([positions]),
        "slots": _padded(slots),
        "branch": _padded(branches),
        "keep": torch.tensor(keep),
    }


def _encoder_decoder_inputs(groups: Sequence[Sequence[TokenSequence]], start: int) -> Batch:
    import torch

    prompts: list[tuple[int, ...]] = []
    asked: list[int] = []
    for group in groups:
        first = {
            prompt: len(prompts) + i
            for i, prompt in enumerate(dict.fromkeys(s.prompt for s in group))
        }
        prompts += first
        asked += [first[sequence.prompt] for sequence in group]
    decoder_inputs = [[start, *sequence.target[:-1]] for group in groups for sequence in group]
    return {
        "input_ids": torch.tensor([list(chain(*prompts))]),
        "slots": _padded(_places(prompts)),
        "decoder_input_ids": torch.tensor([list(chain(*decoder_inputs))]),
        "decoder_slots": _padded(_places(decoder_inputs)),
        "asked": torch.tensor(asked),
        "keep": torch.arange(sum(map(len, decoder_inputs))),
    }


def _places(sequences: Sequence[Sequence[int]]) -> list[list[int]]:
    place = count()
    return [list(islice(place, len(sequence))) for sequence in sequences]


def _padded(rows: Sequence[Sequence[int]]) -> "torch.Tensor":
    """Rows of numbers as one tensor, filled up with PADDING at the right."""
    import torch

    width = max(map(len, rows))
    return torch.tensor([[*row, *[PADDING] * (width - len(row))] for row in rows])
