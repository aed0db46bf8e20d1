"""A student's text as tokens: prompts and targets of both tasks, and predictions back as text."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stillhouse.config.student import Family, Templates
from stillhouse.core.errors import StillhouseError
from stillhouse.core.templates import render

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Task = Literal["label", "rationale"]


@dataclass(frozen=True)
class StudentText:
    """Renders and tokenises both tasks the same way for training and for prediction."""

    tokenizer: "PreTrainedTokenizerBase"
    family: Family
    templates: Templates
    max_query_tokens: int
    max_target_tokens: int

    @property
    def end(self) -> int:
        """The end-of-sequence token, with which every target ends."""
        end = self.tokenizer.eos_token_id
        if not isinstance(end, int):
            raise StillhouseError(
                "The student's tokenizer has no end-of-sequence token, so targets cannot end."
            )
        return end

    @property
    def pad(self) -> int:
        """What fills batches up; masks, not this value, say what is padding."""
        pad = self.tokenizer.pad_token_id
        return pad if isinstance(pad, int) else self.end

    def prompt(self, query: str, task: Task) -> tuple[list[int], bool]:
        """The tokens before the target, and whether the query's end was cut off to fit."""
        tokens = self._prompt_tokens(query, task)
        if len(tokens) <= self.max_query_tokens:
            return tokens, False
        return self._shortened(query, task, len(tokens) - self.max_query_tokens), True

    def target(self, target: str) -> list[int]:
        """The target's tokens and the end token; text that spells a special token stays text."""
        rendered = render(self.templates.target, {"target": target.strip()}, "templates.target")
        return [*self._tokens(rendered, split_special_tokens=True), self.end]

    def decode(self, tokens: list[int]) -> str:
        """A prediction's tokens as text, up to the end token."""
        kept = tokens[: tokens.index(self.end)] if self.end in tokens else tokens
        text = self.tokenizer.decode(
            kept, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        assert isinstance(text, str)
        return text

    def _tokens(self, text: str, *, split_special_tokens: bool = False) -> list[int]:
        encoded = self.tokenizer(
            text, add_special_tokens=False, split_special_tokens=split_special_tokens
        )
        return list(encoded["input_ids"])

    def _prompt_tokens(self, query: str, task: Task) -> list[int]:
        prefix = getattr(self.templates, f"{task}_prefix")
        text = render(self.templates.query, {"query": query, "prefix": prefix}, "templates.query")
        if self.family == "encoder_decoder":
            return [*self._tokens(text), self.end]
        tokens = list(self.tokenizer(text)["input_ids"])
        return tokens[:-1] if tokens and tokens[-1] == self.end else tokens

    def _shortened(self, query: str, task: Task, excess: int) -> list[int]:
        spans = self.tokenizer(query, add_special_tokens=False, return_offsets_mapping=True)[
            "offset_mapping"
        ]
        for kept in range(len(spans) - excess, 0, -1):
            tokens = self._prompt_tokens(query[: spans[kept - 1][1]], task)
            if len(tokens) <= self.max_query_tokens:
                return tokens
        raise StillhouseError(
            f"templates.query with `{task}_prefix` takes up all of training.max_query_tokens "
            f"({self.max_query_tokens}); raise that limit or shorten the template."
        )
