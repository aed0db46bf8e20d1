"""What the reply to a prompt looks like: all that parsing knows beside a completion and choices."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stillhouse.config.dataset import Answer, DatasetConf, Task
from stillhouse.config.prompt import PromptConf, Reply
from stillhouse.kinds.kind import Kind
from stillhouse.kinds.registry import kind_of

_OPENING = re.compile(r"\s*(?P<heading>[^\W\d_][^:：{}\n]{0,40}[:：])")


@dataclass(frozen=True)
class Form:
    """What a reply should look like, the same for all rows of a dataset and a prompt."""

    reply: Reply
    task: Task
    answer: Answer
    headings: tuple[str, ...] = ()
    """What heads the prompt's exemplars (`Example:`), and so ends a completion."""

    @property
    def holds_rationale(self) -> bool:
        """Whether a rationale is asked for before a label."""
        return self.reply.content == "rationale_then_label"

    def kind(self, choices: Sequence[str]) -> Kind:
        """The kind of a row's answer."""
        return kind_of(self.answer.metric, choices)


def reply_form(prompt: PromptConf, dataset: DatasetConf) -> Form:
    """The form of the reply that `prompt` asks for, for rows of `dataset`.

    Its headings are what opens an exemplar or the row's own query, as their templates write it:
    `Example:` of `Example: {{ query }}`; `Premise:` of a dataset's own query. Where the reply is a
    rationale alone, so does what heads an exemplar's answer (`Correct answer:`); elsewhere
    that heads the completion's own.
    """
    parts, reply = prompt.tasks.get(dataset.task), prompt.reply.of(dataset.task)
    templates = [dataset.fields.query]
    if parts:
        templates += [parts.exemplar_query, parts.query]
        if reply.content == "rationale":
            templates.append(parts.exemplar_reply)
    found = (_OPENING.match(template) for template in templates)
    headings = tuple(dict.fromkeys(match["heading"] for match in found if match))
    return Form(reply, dataset.task, dataset.answer, headings)
