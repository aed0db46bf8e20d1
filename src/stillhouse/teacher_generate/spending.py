"""What a run has spent, what its open requests may still cost, and the budget over both."""

from collections.abc import Sequence
from dataclasses import dataclass

from stillhouse.config.compute import Budget
from stillhouse.config.teacher import Price
from stillhouse.core.messages import Message
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.protocol import Outcome

MESSAGE_TOKENS = 16
"""More than any chat template adds for one message."""


@dataclass(frozen=True)
class Tokens:
    """Tokens of prompts and of completions."""

    prompt: int = 0
    completion: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.prompt + other.prompt, self.completion + other.completion)

    def __sub__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.prompt - other.prompt, self.completion - other.completion)

    def times(self, factor: int) -> "Tokens":
        """So many times as much."""
        return Tokens(self.prompt * factor, self.completion * factor)

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.prompt + self.completion

    def money(self, price: Price) -> float:
        """The cost in the price's currency."""
        return (self.prompt * price.prompt + self.completion * price.completion) / 1e6


def most_prompt_tokens(messages: Sequence[Message]) -> int:
    """More tokens than any tokenizer makes of a prompt: one a byte, and the template's own."""
    return sum(len(message.content.encode()) + MESSAGE_TOKENS for message in messages)


class Ledger:
    """Counts what was spent, and holds open requests at the most they may cost."""

    def __init__(self, price: Price, budget: Budget | None) -> None:
        self.spent = Tokens()
        self.reserved = Tokens()
        self._price, self._budget = price, budget

    def admits(self, most: Tokens) -> bool:
        """Whether a request of at most these tokens is within the budget, come what may."""
        worst = self.spent + self.reserved + most
        if self._budget is None:
            return True
        if self._budget.tokens is not None:
            return worst.total <= self._budget.tokens
        assert self._budget.money is not None
        return worst.money(self._price) <= self._budget.money

    def reserve(self, most: Tokens) -> None:
        """A request goes out that costs at most this."""
        self.reserved += most

    def settle(self, most: Tokens, outcome: Outcome) -> None:
        """A request came back: what it really cost replaces what was held for it.

        A count that nobody gave, and an attempt that may have been billed, are taken at the most.
        """
        self.reserved -= most
        self.spent += most.times(outcome.charged)
        if isinstance(outcome.result, Completion):
            prompt, completion = outcome.result.prompt_tokens, outcome.result.completion_tokens
            self.spent += Tokens(
                most.prompt if prompt is None else prompt,
                most.completion if completion is None else completion,
            )
