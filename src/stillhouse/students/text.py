"""A student's text as tokens: prompts and targets of both tasks, and predictions back as text."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

from stillhouse.config.student import Asked, Family, Templates, TrainedConf
from stillhouse.core.errors import StillhouseError
from stillhouse.core.messages import Message, as_text
from stillhouse.core.templates import render
from stillhouse.modeling.control_tokens import control_tokens
from stillhouse.students import asked as by_prompt
from stillhouse.students import conversations

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Task = Literal["label", "rationale"]


@dataclass(frozen=True)
class TokenSequence:
    """What one task asks for a row: `target` follows `prompt` and ends with the end token.

    Of a conversation `target` is all that follows the first prompt, and `learnt` says which of its
    tokens are the replies'; None: all are learnt.
    """

    prompt: tuple[int, ...]
    target: tuple[int, ...]
    learnt: tuple[bool, ...] | None = None

    @property
    def learnt_places(self) -> Sequence[int]:
        """The places in `target` whose tokens are learnt."""
        if self.learnt is None:
            return range(len(self.target))
        return [place for place, learnt in enumerate(self.learnt) if learnt]

    @property
    def learnt_tokens(self) -> tuple[int, ...]:
        """The tokens that are learnt."""
        if self.learnt is None:
            return self.target
        return tuple(self.target[place] for place in self.learnt_places)


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
    def of(cls, conf: TrainedConf, tokenizer: "PreTrainedTokenizerBase") -> Self:
        """As a student of that conf is trained."""
        limits = conf.model
        assert not isinstance(conf.templates, str), "the prompt's templates are put in its place"
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

        A query that spells a control token, such as `</s>`, is text; the template's are meant. Of
        a conversation it is the prompt of the first turn.
        """
        if self.chats_in_turns:
            first = conversations.prompt(self, query, ())
            assert first is not None, "the first turn is made to fit"
            return first
        choices = self._choices(query)
        tokens = self._prompt_tokens(query, task, choices)
        if len(tokens) <= self.max_query_tokens:
            return tokens, False
        return self._shortened(query, task, choices, len(tokens) - self.max_query_tokens), True

    def target(self, target: str, query: str | None = None) -> list[int]:
        """The target's tokens and the end token; text that spells a special token stays text.

        A label is written as the prompt asks for it, such as by its letter, where the `query` that
        it answers is given; else it is a text that a student wrote.
        """
        rendered = self._target_text(target, query)
        tokens = control_tokens(self.tokenizer).encode([rendered], add_special_tokens=False)[0]
        return [*tokens, self.end]

    def unsayable(self, target: str, query: str | None = None) -> set[str]:
        """The characters of a target that its tokens do not give back: T5's have no `<`, `{` or
        line break. Case, and how much white space there is, do not count.
        """
        if query is not None and self.chats_in_turns:
            replies = conversations.replies_of(target)
            return set().union(*(self.unsayable(reply) for reply in replies))
        asked = _characters(self._target_text(target, query))
        return set(asked - _characters(self.decode(self.target(target, query))))

    def _target_text(self, target: str, query: str | None) -> str:
        templates = self.templates
        if not isinstance(templates, Asked):
            return render(templates.target, {"target": target.strip()}, "templates.target")
        said = target.strip()
        if query is not None:
            said = by_prompt.reply(templates, target, self._choices(query))
        # Plain text goes on behind `Assistant:`.
        return f" {said}" if self.family == "decoder" and not self._chats else said

    def _choices(self, query: str) -> Sequence[str]:
        asked = self.templates
        return by_prompt.choices_for(asked, query) if isinstance(asked, Asked) else ()

    def conversation(self, query: str, replies: Sequence[str]) -> conversations.Learnt:
        """The tokens of a conversation that is trained on, and what of it does not fit."""
        return conversations.learnt(self, query, replies)

    def next_turn(self, query: str, replies: Sequence[str]) -> list[int] | None:
        """The tokens before the reply to the next turn, behind the student's own replies so far;
        None where they are more than `max_query_tokens`.
        """
        found = conversations.prompt(self, query, replies)
        return found[0] if found else None

    @property
    def chats_in_turns(self) -> bool:
        """Whether queries are conversations."""
        return isinstance(self.templates, Asked) and self.templates.chat

    @property
    def _chats(self) -> bool:
        """Whether the prompt goes through the tokenizer's own chat template."""
        return isinstance(self.templates, Asked) and bool(self.tokenizer.chat_template)

    def decode(self, tokens: list[int]) -> str:
        """A prediction's tokens as text, up to the end token."""
        kept = tokens[: tokens.index(self.end)] if self.end in tokens else tokens
        text = self.tokenizer.decode(
            kept, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        assert isinstance(text, str)
        return text

    def tokens(self, text: str) -> list[int]:
        """A text's tokens, control tokens that it spells among them, and nothing put before it."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _rendered(
        self, query: str, task: Task, choices: Sequence[str], written: Callable[[str], str]
    ) -> str:
        templates = self.templates
        if not isinstance(templates, Asked):
            prefix = getattr(templates, f"{task}_prefix")
            values = {"query": written(query), "prefix": prefix}
            return render(templates.query, values, "templates.query")
        messages = by_prompt.messages(templates, query, choices, written)
        if self._chats:
            return self.chat(messages)
        return as_text([Message(**message) for message in messages])

    def chat(self, messages: list[dict[str, str]], *, asks: bool = True) -> str:
        """What the tokenizer's chat template makes of messages; `asks`: it ends where the reply
        begins.
        """
        from jinja2 import TemplateError

        try:
            text = self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=asks
            )
        except TemplateError as error:
            roles = ", ".join(message["role"] for message in messages)
            raise StillhouseError(
                f"The student's chat template refuses the prompt (roles {roles}): {error}. Choose "
                "a prompt without a `student` system text, or a student with other templates."
            ) from error
        return str(text)

    def _prompt_tokens(self, query: str, task: Task, choices: Sequence[str]) -> list[int]:
        rendered = partial(self._rendered, query, task, choices)
        controls = control_tokens(self.tokenizer)
        if self._chats:
            # A chat template writes its own special tokens, those at the beginning included.
            said = [query, *choices]
            if any(map(controls.spelt_in, said)):
                return controls.encode_within(rendered)
            return self.tokens(rendered(lambda text: text))
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
        bare, whole = self.tokens("a"), list(self.tokenizer("a")["input_ids"])
        return whole[: whole.index(bare[0])]

    def _shortened(self, query: str, task: Task, choices: Sequence[str], excess: int) -> list[int]:
        spans = self.tokenizer(
            query,
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
        )["offset_mapping"]
        for kept in range(len(spans) - excess, 0, -1):
            tokens = self._prompt_tokens(query[: spans[kept - 1][1]], task, choices)
            if len(tokens) <= self.max_query_tokens:
                return tokens
        taker = f"templates.query with `{task}_prefix`"
        raise StillhouseError(
            f"{'The prompt' if isinstance(self.templates, Asked) else taker} takes up all of "
            f"model.max_query_tokens ({self.max_query_tokens}); raise that limit or shorten the "
            "template."
        )
