"""What a model wrote, as it is stored."""

from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["stop", "length", "refusal"]


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote, without the stop string; token counts None where nobody counted.

    `completion_tokens` counts what was generated, an end-of-text token included where the engine
    includes it. `finish_reason` is "length" only when `max_tokens` cut the text, and "refusal" when
    the model, or a filter around it, declined: that is paid for and kept, as any completion.
    `reasoning` is what the server gave as the model's reasoning, apart from the text.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning: str | None = None
