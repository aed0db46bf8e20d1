"""The check, before anything is asked, that prompts and completions fit the teacher's context."""

from array import array
from collections.abc import Sequence
from itertools import islice

from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.teacher_generate.plan import Plan
from stillhouse.teacher_generate.protocol import Teacher

CHUNK = 1_000


def count_prompt_tokens(teacher: Teacher, plan: Plan) -> Sequence[int] | None:
    """Prompt tokens of every missing completion, in order; None when the teacher cannot tell."""
    if teacher.prompt_tokens([]) is None:
        return None
    counts = array("q")
    requests = plan.requests(plan.missing.values())
    while chunk := list(islice(requests, CHUNK)):
        counts.extend(teacher.prompt_tokens(chunk) or [])
    return counts


def check_context(plan: Plan, conf: TeacherConf, tokens: Sequence[int] | None) -> None:
    """Raise when a prompt and `max_tokens` exceed `context`, naming the longest row."""
    room = conf.context - conf.decoding.max_tokens
    if tokens is None or max(tokens, default=0) <= room:
        return
    longest = max(range(len(tokens)), key=lambda index: tokens[index])
    too_long = sum(count > room for count in tokens)
    position = list(plan.missing.values())[longest]
    row = next(plan.requests([position])).id
    raise StillhouseError(
        f"{too_long:,} of {len(tokens):,} prompts do not fit the teacher's context. The longest is "
        f"row {row!r}: {tokens[longest]:,} prompt tokens and {conf.decoding.max_tokens:,} for the "
        f"completion (decoding.max_tokens) exceed the context of {conf.context:,}. Nothing was "
        "asked. Use a smaller k or a shorter prompt, lower decoding.max_tokens, or take a teacher "
        "with a larger context."
    )
