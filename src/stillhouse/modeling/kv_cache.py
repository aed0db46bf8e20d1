"""Keys and values of a batch that is being decoded, without copying them for each token."""

from collections.abc import Sequence
from typing import cast

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's keys and values, [rows, heads, tokens, size], in a buffer allocated once.

    The library's layer copies the whole cache for every token; this one writes the new token in
    place, and drops a finished row by moving the last one into its slot.
    """

    def __init__(self, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.room, self.rows, self.length = room, 0, 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate for as many rows as the first keys have."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self._allocate(key_states.shape[0], key_states, value_states)
        self.is_initialized = True

    def _allocate(self, rows: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        def buffer(like: torch.Tensor) -> torch.Tensor:
            return like.new_empty((rows, like.shape[1], self.room, like.shape[3]))

        self.rows, self._keys, self._values = rows, buffer(keys), buffer(values)

    def _show(self) -> tuple[torch.Tensor, torch.Tensor]:
        self.keys = self._keys[: self.rows, :, : self.length]
        self.values = self._values[: self.rows, :, : self.length]
        return self.keys, self.values

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        *_args: object,
        **_kwargs: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append; returns views of all keys and values so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, self.length = self.length, self.length + key_states.shape[2]
        self._keys[: self.rows, :, start : self.length] = key_states
        self._values[: self.rows, :, start : self.length] = value_states
        return self._show()

    def get_seq_length(self) -> int:
        """How many tokens each row holds."""
        return self.length

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Give every one of `repeats` rows what the single row holds."""
        keys, values = self._show()
        self._allocate(repeats, keys, values)
        self._keys[:, :, : self.length] = keys
        self._values[:, :, : self.length] = values
        self._show()

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep some rows; row `indices[i]` moves to slot i, which must not lie behind it."""
        order = indices.tolist()
        for slot, row in enumerate(order):
            if slot != row:
                self._keys[slot, :, : self.length] = self._keys[row, :, : self.length]
                self._values[slot, :, : self.length] = self._values[row, :, : self.length]
        self.rows = len(order)
        self._show()


def roomy(cache: DynamicCache, room: int) -> DynamicCache:
    """The same cache with its full-attention layers in buffers of `room` tokens."""
    layers = [RoomyLayer(room) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    cache.layers = layers
    return cache


def select(cache: Cache, order: Sequence[int]) -> None:
    """Keep the rows of `order` in every layer."""
    indices = torch.tensor(order)
    for layer in cast(list[DynamicLayer], cache.layers):
        if layer.is_initialized:
            layer.batch_select_indices(indices)
