"""A student that is asked with the run's prompt: its messages, and what it learns to reply."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from stillhouse.config.student import OF_PROMPT, Asked, StudentConf
from stillhouse.core.conversation import Conversation, read_query
from stillhouse.core.errors import StillhouseError
from stillhouse.core.messages import messages_from
from stillhouse.core.templates import letter, names_used, render

C = TypeVar("C", bound=StudentConf)


def with_prompt(conf: C, asked: Mapping[str, Any]) -> C:
    """The student with the prompt's templates in place of `templates: prompt`, as data/asked.json
    has them; another student is as it was.
    """
    if conf.templates != OF_PROMPT:
        return conf
    if not asked:
        raise StillhouseError(
            "The student has `templates: prompt`, but the prompt has no `student` text for this "
            "task, so it cannot ask a student. Choose `prompt: vanilla` or `elaborate`, or another "
            "student."
        )
    return conf.model_copy(update={"templates": Asked.model_validate(asked)})


def choices_for(asked: Asked, query: str) -> Sequence[str]:
    """The choices of a query: those of all rows, else those that it lists at its end, a line each:
    `(a) ...`, `(b) ...`; none where nobody asks for them.
    """
    if asked.choices or not _needs_choices(asked):
        return asked.choices
    found = listed(query)
    if not found:
        raise StillhouseError(
            f"The query {query[-80:]!r} lists no choices as lines `(a) ...`, `(b) ...`, and the "
            "prompt that the student is asked with needs them. List them in the dataset's "
            "`fields.query`, or choose a student with templates of its own."
        )
    return found


def _needs_choices(asked: Asked) -> bool:
    templates = (asked.system, asked.query, asked.target)
    return any("choices" in names_used(template) for template in templates)


def listed(query: str) -> list[str]:
    """The choices that a query ends with, each on lines of its own behind its letter."""
    text = f"\n{query}"
    start = text.rfind("\n(a) ")
    rest, found = text[start:] if start >= 0 else "", list[str]()
    while rest:
        # The choice goes on to the line of the next letter, or to the end.
        own, following = f"\n({letter(len(found))}) ", f"\n({letter(len(found) + 1)}) "
        choice, mark, behind = rest.removeprefix(own).partition(following)
        found.append(choice.strip())
        rest = f"{mark}{behind}"
    return found


def conversation(asked: Asked, query: str, as_text: Callable[[str], str]) -> Conversation:
    """The conversation of a query as the prompt asks it; what it says goes through `as_text`."""
    own = read_query(query)
    system = render(asked.system, asked.values, "the prompt, system").strip("\n")

    def turn(text: str) -> str:
        given = {**asked.values, "query": text}
        return render(asked.query, given, "the prompt, query").strip("\n")

    written = Conversation(
        own.system and as_text(own.system), tuple(as_text(text) for text in own.turns)
    )
    return written.asked(system, turn)


def messages(
    asked: Asked, query: str, choices: Sequence[str], as_text: Callable[[str], str]
) -> list[dict[str, str]]:
    """The system's and the user's message; whatever a row says goes through `as_text`."""
    given = {"query": as_text(query), "choices": [as_text(choice) for choice in choices]}
    return messages_from(asked.system, asked.query, {**asked.values, **given}, "the prompt")


def reply(asked: Asked, label: str, choices: Sequence[str]) -> str:
    """How a label is written."""
    given = {**asked.values, "choices": list(choices), "label": label.strip()}
    return render(asked.target, given, "the prompt's `label`")
