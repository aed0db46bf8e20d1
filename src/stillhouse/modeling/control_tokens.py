"""Text that spells a control token, such as `</s>`: it stays text, whoever wrote it.

A tokenizer takes `<|im_end|>` in a query for the end of a turn. What a template of the model's
or of the configuration writes is meant so; what a row says never is.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class ControlTokens:
    """The control tokens of one tokenizer."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer
        spelt = {t.content: id_ for id_, t in tokenizer.added_tokens_decoder.items() if t.special}
        self._ids = {text: id_ for text, id_ in spelt.items() if text}
        longest_first = sorted(self._ids, key=lambda text: (-len(text), text))
        # Without control tokens nothing is to be found.
        self._spelt = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def spelt_in(self, text: str) -> bool:
        """Whether the text spells a control token."""
        return bool(self._spelt.search(text))

    def encode(self, texts: Sequence[str], *, add_special_tokens: bool) -> list[list[int]]:
        """The token ids of texts that are text throughout."""
        encoded = self._tokenizer(
            list(texts), add_special_tokens=add_special_tokens, split_special_tokens=True
        )
        return [list(ids) for ids in encoded["input_ids"]]

    def encode_within(self, render: Callable[[Callable[[str], str]], str]) -> list[int]:
        """The token ids of what a template makes of texts: its own control tokens are control
        tokens, what the texts spell is text.

        `render` is called with a function that it has to put every text through. The pieces
        between control tokens are encoded one by one, as tokenizers do.
        """
        written = render(lambda text: text)
        # A character of the private use area that nothing there holds.
        mark = next(c for c in map(chr, range(0xE000, 0xF8FF)) if c not in written)
        hidden = render(lambda text: self._spelt.sub(lambda m: m[0][0] + mark + m[0][1:], text))
        tokens: list[int] = []
        place = 0
        for found in self._spelt.finditer(hidden):
            tokens += self._piece(hidden[place : found.start()], mark)
            tokens.append(self._ids[found[0]])
            place = found.end()
        return tokens + self._piece(hidden[place:], mark)

    def _piece(self, text: str, mark: str) -> list[int]:
        whole = text.replace(mark, "")
        return self.encode([whole], add_special_tokens=False)[0] if whole else []


@lru_cache(maxsize=4)
def control_tokens(tokenizer: "PreTrainedTokenizerBase") -> ControlTokens:
    """The control tokens of a tokenizer, listed once."""
    return ControlTokens(tokenizer)
