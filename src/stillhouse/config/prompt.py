"""`conf/prompt/*.yaml`: how a row and its exemplars become a prompt, and what the reply holds."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from stillhouse.config.base import Conf, Plain, Template, Text, Written
from stillhouse.config.dataset import CHAT, Task
from stillhouse.core.errors import did_you_mean
from stillhouse.core.templates import names_used, unknown_names

Content = Literal["rationale_then_label", "label", "rationale"]
Form = Literal["marker", "json", "boxed", "chain_of_density"]
ROUNDS = 4
"""Of a Chain of Density: each rewrites the summary, and the last one is the label."""
ROUND = ("missing_entities", "denser_summary")
"""What each round of it holds, by its names."""
Key = Annotated[str, Field(pattern=r"^\w[\w -]*$", max_length=64)]

SHARED_NAMES = frozenset({"task", "metric", "marker", "choices"})
ROW_NAMES = SHARED_NAMES | {"query"}
EXEMPLAR_NAMES = ROW_NAMES | {"label", "rationale"}


class ReplyKeys(Conf):
    """The names of a JSON reply's keys."""

    rationale: Key = "rationale"
    label: Key = "answer"

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.rationale == self.label:
            raise ValueError("`rationale` and `label` need two different names")
        return self


class TaskReply(Conf):
    """What the reply of one kind of task holds, and its form."""

    content: Literal["label", "rationale_then_label"]
    form: Form = "marker"

    @model_validator(mode="after")
    def _of_labels(self) -> Self:
        _require_label(self.form, self.content)
        return self


class Reply(Conf):
    """What a prompt asks its reply to hold, and in which form.

    `reply: label` is short for `reply: {content: label}`.
    """

    content: Content
    form: Form = "marker"
    """`marker`: the label behind one of the dataset's `answer.markers`. `json`: an object with
    the names of `keys`, asked of the backend where it can enforce a form. `boxed`: the label in
    `\\boxed{}`. `chain_of_density`: a list of four objects in JSON, each with
    `missing_entities` and a `denser_summary`; the last of these is the label."""
    keys: ReplyKeys = ReplyKeys()
    """Form `json` alone: the names of its keys."""
    require_stop: bool = False
    """Whether a completion counts only where it ended by itself, not at the token limit."""
    minimum_usable: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The least share of the rows to train on whose completion has to be usable; with fewer, the
    run stops when they are parsed."""
    tasks: dict[Task, TaskReply] = Field(default_factory=dict)
    """Kinds of tasks whose replies hold something else, or have another form."""

    @model_validator(mode="before")
    @classmethod
    def _content_alone(cls, value: Any) -> Any:
        return {"content": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.form != "json" and self.keys != ReplyKeys():
            raise ValueError(f"`keys` names the keys of a JSON reply, but `form` is {self.form}")
        if self.form == "boxed" and self.content == "rationale":
            raise ValueError("form `boxed` holds a label, and a reply of `content: rationale` none")
        if self.tasks and self.content == "rationale":
            raise ValueError(
                "a prompt that shows the row's own label (`content: rationale`) does so for every "
                "task: it takes no `tasks`"
            )
        _require_label(self.form, self.content)
        return self

    def of(self, task: Task) -> "Reply":
        """The reply for one kind of task."""
        if task not in self.tasks:
            return self.model_copy(update={"tasks": {}})
        own = self.tasks[task]
        return self.model_copy(update={"content": own.content, "form": own.form, "tasks": {}})


def _require_label(form: Form, content: Content) -> None:
    if form == "chain_of_density" and content != "label":
        raise ValueError("form `chain_of_density` holds summaries: it needs `content: label`")


class Parts(Conf):
    """The parts of a prompt for one kind of task; parts that render to nothing are left out.

    Every template sees `task`, the dataset's `metric` and first answer `marker`, and `choices`;
    `query` also sees the row's `query`, of a conversation each turn of the user; `exemplar_*` see
    the exemplar's `query`, `label` and, where it has one, `rationale`. Only a prompt whose reply is
    `rationale` sees the row's own `label`. Newlines at either end of a rendered part are dropped.
    """

    system: Template = ""
    preamble: Template = ""
    """Before the exemplars."""
    exemplar_query: Template = ""
    exemplar_reply: Template = ""
    request: Template = ""
    """Between the exemplars and the row's query."""
    query: Written
    student: Template = ""
    """In place of `system`, for a student that is asked with this prompt (`templates: prompt`)."""
    label: Written = "{{ label }}"
    """What such a student learns to reply."""


class PromptConf(Conf):
    """One prompt, with parts for every kind of task that it serves."""

    description: Text
    layout: Literal["turns", "text"]
    """`turns`: each exemplar is a user message and an assistant message. `text`: all but `system`
    is one user message, the parts joined by `separator`."""
    separator: Plain = "\n\n"
    reply_separator: Plain = " "
    """Between an exemplar's query and its reply, in layout `text`."""
    reply: Reply
    splits: tuple[Literal["train", "validation", "test", "unlabelled"], ...] = ("train",)
    """Whose rows the teacher is asked about; each split beyond `train` costs calls."""
    tasks: Annotated[dict[Task, Parts], Field(min_length=1)]

    @model_validator(mode="after")
    def _replies_of_served_tasks(self) -> Self:
        for task in self.reply.tasks:
            if task not in self.tasks:
                raise ValueError(
                    f"`reply.tasks` has the task {task!r}, for which the prompt has no parts."
                    f"{did_you_mean(task, self.tasks)}"
                )
        return self

    @model_validator(mode="after")
    def _no_label_for_students(self) -> Self:
        asking = [task for task, parts in self.tasks.items() if parts.student]
        if asking and self.reply.content == "rationale":
            raise ValueError(
                f"tasks.{asking[0]}.student: a prompt that shows the row's own label (reply: "
                "rationale) cannot ask a student for it"
            )
        return self

    @model_validator(mode="after")
    def _replies_of_chats_are_texts(self) -> Self:
        reply = self.reply.of(CHAT)
        if CHAT in self.tasks and (reply.content, reply.form) != ("label", "marker"):
            raise ValueError(
                "tasks.chat: the replies of a conversation are texts as they are; give a prompt "
                "for chats `reply: label`, of form `marker`, perhaps below `reply.tasks`"
            )
        return self

    @model_validator(mode="after")
    def _no_leak(self) -> Self:
        if self.reply.content == "rationale" and set(self.splits) != {"train"}:
            raise ValueError(
                "a prompt that shows the row's own label (reply: rationale) may only ask about "
                "the train split; set `splits: [train]`"
            )
        return self

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        problems = [
            problem
            for task, parts in self.tasks.items()
            for problem in _problems(
                parts, f"tasks.{task}", own_label=self.reply.content == "rationale"
            )
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def _problems(parts: Parts, where: str, *, own_label: bool) -> Iterator[str]:
    if bool(parts.exemplar_query) != bool(parts.exemplar_reply):
        yield f"{where}: `exemplar_query` and `exemplar_reply` go together"
    elif parts.exemplar_query and "query" not in names_used(parts.exemplar_query):
        yield f"{where}.exemplar_query never shows `{{{{ query }}}}`"
    elif parts.exemplar_reply and not names_used(parts.exemplar_reply) & {"label", "rationale"}:
        yield f"{where}.exemplar_reply shows neither `{{{{ label }}}}` nor `{{{{ rationale }}}}`"
    if parts.student and (parts.exemplar_query or parts.preamble or parts.request):
        yield (
            f"{where}.student goes with `system` and `query` alone: a student sees no exemplars, "
            "`preamble` or `request`"
        )
    if where == f"tasks.{CHAT}":
        named = ("exemplar_query", "preamble", "request", "label")
        own = [name for name in named if getattr(parts, name) != Parts.model_fields[name].default]
        if own:
            left = "`, `".join(own)
            yield f"{where} has `system`, `student` and `query` alone: leave out `{left}`"
    if "label" not in names_used(parts.label):
        yield f"{where}.label never shows `{{{{ label }}}}`"
    if "query" not in names_used(parts.query):
        yield f"{where}.query never shows `{{{{ query }}}}`"
    for field in Parts.model_fields:
        known = _names_for(field, own_label=own_label)
        for problem in unknown_names(getattr(parts, field), known):
            yield f"{where}.{field} {problem}"


def _names_for(field: str, *, own_label: bool) -> frozenset[str]:
    if field.startswith("exemplar_"):
        return EXEMPLAR_NAMES
    if field == "label":
        return SHARED_NAMES | {"label"}
    if field != "query":
        return SHARED_NAMES
    return ROW_NAMES | {"label"} if own_label else ROW_NAMES
