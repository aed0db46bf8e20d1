"""A batch of token sequences as tensors, packed without padding, and a model's logits for it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count, islice, takewhile
from typing import Any

import torch
from torch import Tensor, nn

from stillhouse.modeling.packing import PADDING, Packing, Part, Rows
from stillhouse.students.text import TokenSequence

Batch = dict[str, Tensor]

TRUNK = -2
"""The branch of tokens that a group's sequences share; a sequence's own have its place in it."""


def packed(groups: Sequence[Sequence[TokenSequence]], config: Any) -> Batch:
    """Sequences one after the other, with no padding; what a group's prompts share is there once.

    `config` is that of the model that reads them. `input_ids` (1, N), and `slots` (R, L) with the
    places of the tokens that attend to each other; for decoders also `position_ids` (1, N) and
    `branch` (R, L), for T5 `decoder_input_ids` (1, M), `decoder_slots`, and `asked`, the row of
    `slots` that each row of those belongs to. `keep` (T,) are the places whose output predicts a
    target token that is learnt, `targets` (T,) those tokens, `member` (T,) the place of each one's
    sequence in its group. In `slots` and `branch` PADDING is no token.
    """
    if config.is_encoder_decoder:
        inputs = _encoder_decoder_inputs(groups, config.decoder_start_token_id)
    else:
        inputs = _decoder_inputs(groups)
    numbered = [pair for group in groups for pair in enumerate(group)]
    tokens = [token for _, sequence in numbered for token in sequence.learnt_tokens]
    members = [member for member, sequence in numbered for _ in sequence.learnt_places]
    return inputs | {"targets": torch.tensor(tokens), "member": torch.tensor(members)}


def shared_tokens(group: Sequence[TokenSequence]) -> int:
    """Tokens that all prompts of several sequences begin with."""
    if len(group) == 1:
        return 0
    columns = zip(*(sequence.prompt for sequence in group), strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def _decoder_inputs(groups: Sequence[Sequence[TokenSequence]]) -> Batch:
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
            first, every = len(sequence.prompt) - 1, trunk + own
            keep += [every[first + place] for place in sequence.learnt_places]
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


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of numbers as one tensor, filled up with PADDING at the right."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[PADDING] * (width - len(row))] for row in rows])


def target_logits(model: nn.Module, head: nn.Module, batch: Batch) -> Tensor:
    """Logits (T, V) of a packed batch's T target tokens; the output layer sees no other place."""
    # Models would make a mask of all pairs of packed tokens; one that is already made they leave.
    mask = torch.zeros(1, 1, 1, 1, device=batch["targets"].device)
    names = ("input_ids", "position_ids", "decoder_input_ids")
    inputs = {name: batch[name] for name in names if name in batch}
    if "decoder_slots" in batch:
        inputs["decoder_attention_mask"] = mask
    with _narrowed(head, batch["keep"]):
        logits: Tensor = model(
            **inputs, attention_mask=mask, packing=packing(batch), use_cache=False
        ).logits
    return logits


def packing(batch: Batch) -> Packing:
    """Who attends to whom. Branches see the tokens they share and their own, not each other's."""
    rows = Rows(batch["slots"])
    if "decoder_slots" in batch:
        answers, asked = Rows(batch["decoder_slots"]), Rows(batch["slots"][batch["asked"]])
        return Packing(
            own=Part(answers, answers, _causal(answers)),
            encoder=Part(rows, rows, rows.real[:, None].expand(-1, rows.width, -1)),
            cross=Part(answers, asked, asked.real[:, None].expand(-1, answers.width, -1)),
        )
    branch = batch["branch"]
    related = (branch[:, None] == TRUNK) | (branch[:, None] == branch[:, :, None])
    return Packing(Part(rows, rows, _causal(rows) & related))


def _causal(rows: Rows) -> Tensor:
    slot = torch.arange(rows.width, device=rows.slots.device)
    return rows.real[:, None] & (slot <= slot[:, None])


@contextmanager
def _narrowed(head: nn.Module, keep: Tensor) -> Iterator[None]:
    # A hook leaves all that a model does before and after its output layer (T5's scaling for tied
    # embeddings, soft caps) as the model has it.
    hook = head.register_forward_pre_hook(lambda _, inputs: (inputs[0][0, keep], *inputs[1:]))
    try:
        yield
    finally:
        hook.remove()
