"""A student's text as tokens: prompts and targets of both tasks, and predictions back as text."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from stillhouse.config.student import Family, StudentConf, Templates
from stillhouse.core.errors import StillhouseError
from stillhouse.core.templates import render
from stillhouse.modeling.control_tokens import control_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Task = Literal["label", "rationale"]


@dataclass(frozen=True)
class TokenSequence:
    """What one task asks for a row: `target` follows `prompt` and ends with the end token."""

    prompt: tuple[int, ...]
    target: tuple[int, ...]


def _characters(text: str) -> Counter[str]:
    return Counter(c for c in text.strip().casefold() if c == "\n" or not c.isspace())


@dataclass(frozen=True)
class StudentText:
    """Renders and tokenises both tasks the same way for training and for prediction."""

    tokenizer: "PreTrainedTokenizerBase"
    family: Family
    templates: Templates
    max_query_tokens: int
    max_target_tokens: int

    @classmethod
    def of(cls, conf: StudentConf, tokenizer: "PreTrainedTokenizerBase") -> Self:
        """As a student of that conf is trained."""
        limits = conf.model
        return cls(
            tokenizer,
            conf.model.family,
            conf.templates,
            limits.max_query_tokens,
            limits.max_target_tokens,
        )

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
        """The tokens before the target, and whether the query's end was cut off to fit.

        A query that spells a control token, such as `</s>`, is text; the template's are meant.
        """
        tokens = self._prompt_tokens(query, task)
        if len(tokens) <= self.max_query_tokens:
            return tokens, False
        return self._shortened(query, task, len(tokens) - self.max_query_tokens), True

    def target(self, target: str) -> list[int]:
        """The target's tokens and the end token; text that spells a special token stays text."""
        rendered = self._target_text(target)
        tokens = control_tokens(self.tokenizer).encode([rendered], add_special_tokens=False)[0]
        return [*tokens, self.end]

    def unsayable(self, target: str) -> set[str]:
        """The characters of a target that its tokens do not give back: T5's have no `<`, `{` or
        line break. Case, and how much white space there is, do not count.
        """
        asked = _characters(self._target_text(target))
        return set(asked - _characters(self.decode(self.target(target))))

    def _target_text(self, target: str) -> str:
        return render(self.templates.target, {"target": target.strip()}, "templates.target")

    def decode(self, tokens: list[int]) -> str:
        """A prediction's tokens as text, up to the end token."""
        kept = tokens[: tokens.index(self.end)] if self.end in tokens else tokens
        text = self.tokenizer.decode(
            kept, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        assert isinstance(text, str)
        return text

    def _tokens(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _prompt_tokens(self, query: str, task: Task) -> list[int]:
        prefix = getattr(self.templates, f"{task}_prefix")

        def rendered(as_text: Callable[[str], str]) -> str:
            values = {"query": as_text(query), "prefix": prefix}
            return render(self.templates.query, values, "templates.query")

        controls = control_tokens(self.tokenizer)
        if controls.spelt_in(query):
            tokens = controls.encode_within(rendered)
            lead = self._lead() if self.family == "decoder" else []
        else:
            decoder = self.family == "decoder"
            text = rendered(lambda text: text)
            tokens = list(self.tokenizer(text, add_special_tokens=decoder)["input_ids"])
            lead = []
            if decoder and tokens and tokens[-1] == self.end:
                tokens.pop()
        return [*lead, *tokens] if self.family == "decoder" else [*tokens, self.end]

    def _lead(self) -> list[int]:
        """What the tokenizer puts before every text: a beginning-of-sequence token, if any."""
        bare, whole = self._tokens("a"), list(self.tokenizer("a")["input_ids"])
        return whole[: whole.index(bare[0])]

    def _shortened(self, query: str, task: Task, excess: int) -> list[int]:
        spans = self.tokenizer(
            query,
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
        )["offset_mapping"]
        for kept in range(len(spans) - excess, 0, -1):
            tokens = self._prompt_tokens(query[: spans[kept - 1][1]], task)
            if len(tokens) <= self.max_query_tokens:
                return tokens
        raise StillhouseError(
            f"templates.query with `{task}_prefix` takes up all of model.max_query_tokens "
            f"({self.max_query_tokens}); raise that limit or shorten the template."
        )
