"""`conf/prompt/*.yaml`: how a row and its exemplars become a prompt, and what the reply holds."""

from typing import Literal, Self

from pydantic import model_validator

from stillhouse.config.base import Conf, Template
from stillhouse.config.dataset import Task

Reply = Literal["rationale_then_label", "label", "rationale"]


class Parts(Conf):
    """The parts of a prompt for one kind of task; empty parts are left out.

    Templates see `query`, `choices`, `marker` (the dataset's first answer marker), `task`, and,
    in `exemplar_*`, that exemplar's `query`, `label`, `rationale`. Only a prompt whose reply is
    `rationale` sees the row's own `label` in `query`.
    """

    system: Template = ""
    preamble: Template = ""
    exemplar_query: Template = ""
    exemplar_reply: Template = ""
    request: Template = ""
    query: Template


class PromptConf(Conf):
    """One prompt, with parts for every kind of task that it serves."""

    description: str
    layout: Literal["turns", "text"]
    """`turns`: a message for each part. `text`: one message, the parts joined as plain text."""
    separator: str = "\n\n"
    reply: Reply
    splits: tuple[Literal["train", "validation", "test"], ...] = ("train",)
    """Whose rows the teacher is asked about; each split beyond `train` costs calls."""
    tasks: dict[Task, Parts]

    @model_validator(mode="after")
    def _no_leak(self) -> Self:
        if self.reply == "rationale" and set(self.splits) != {"train"}:
            raise ValueError(
                "a prompt that shows the row's own label (reply: rationale) may only ask about "
                "the train split; set `splits: [train]`"
            )
        return self
