"""Conversations as a student's tokens: its own chat template, cut where each reply begins and ends.

A later turn is asked behind the very tokens that the earlier ones were made of, so that training
and prediction see the same, whatever a tokenizer would make of the whole text at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from stillhouse.config.student import Asked
from stillhouse.core.conversation import read_query, read_replies
from stillhouse.core.errors import StillhouseError
from stillhouse.modeling.control_tokens import control_tokens
from stillhouse.students import asked as by_prompt

if TYPE_CHECKING:
    from stillhouse.students.text import StudentText

NEXT = "."
"""A turn behind the last one, so that a template treats every reply alike: some write the last
one otherwise, and at training no reply knows whether it is."""


@dataclass(frozen=True)
class Learnt:
    """A conversation that is trained on, and what of it is left out."""

    prompt: list[int]
    target: list[int]
    """All that follows the first prompt."""
    learnt: list[bool]
    """Which tokens of `target` are a reply's, its end token among them."""
    cut_query: bool
    """Whether the end of the first turn was cut off to fit."""
    cut_reply: bool
    """Whether the last reply is cut, and so ends without the end token."""
    left_out: int
    """Turns at the end that do not fit, or follow a reply that was cut."""


def replies_of(label: str) -> list[str]:
    """The replies that a label holds; a text of a student's own counts as one."""
    found = read_replies(label)
    return [label] if found is None else found


def prompt(
    text: "StudentText", query: str, replies: Sequence[str]
) -> tuple[list[int], bool] | None:
    """The tokens before the reply to the next turn, and whether the first turn's end was cut off.

    None where the conversation so far takes more than `max_query_tokens`.
    """
    fitting, cut = _fitting(text, query)
    found: list[int] = []
    for turn in _turns(text, fitting, replies):
        found += turn
    return (found, cut) if len(found) <= text.max_query_tokens else None


def learnt(text: "StudentText", query: str, replies: Sequence[str]) -> Learnt:
    """A conversation with the replies that it is trained on.

    It ends before the first turn that has more than `max_query_tokens` before it, and with the
    first reply that takes more than `max_target_tokens`, which is cut there.
    """
    fitting, cut_query = _fitting(text, query)
    pieces = _turns(text, fitting, replies)
    first = next(pieces)
    target: list[int] = []
    flags: list[bool] = []
    between: list[int] = []
    for place in range(len(replies)):
        if len(first) + len(target) + len(between) > text.max_query_tokens:
            return Learnt(first, target, flags, cut_query, False, len(replies) - place)
        reply = next(pieces)
        cut = len(reply) > text.max_target_tokens
        said = reply[: text.max_target_tokens]
        target += [*between, *said]
        flags += [False] * len(between) + [True] * len(said)
        if cut:
            return Learnt(first, target, flags, cut_query, True, len(replies) - place - 1)
        between = next(pieces)
    return Learnt(first, target, flags, cut_query, False, 0)


def _fitting(text: "StudentText", query: str) -> tuple[str, bool]:
    """The query, the end of its first turn cut off where that alone takes too many tokens."""
    limit = text.max_query_tokens
    excess = len(next(_turns(text, query, ()))) - limit
    if excess <= 0:
        return query, False
    own = read_query(query)
    spans = text.tokenizer(
        own.turns[0],
        add_special_tokens=False,
        split_special_tokens=True,
        return_offsets_mapping=True,
    )["offset_mapping"]
    for kept in range(len(spans) - excess, 0, -1):
        shorter = own.turns[0][: spans[kept - 1][1]].strip()
        if not shorter:
            break
        cut = replace(own, turns=(shorter, *own.turns[1:])).query
        if len(next(_turns(text, cut, ()))) <= limit:
            return cut, True
    raise StillhouseError(
        f"The prompt takes up all of model.max_query_tokens ({limit}); raise that limit or shorten "
        "the prompt's system text."
    )


def _turns(text: "StudentText", query: str, replies: Sequence[str]) -> Iterator[list[int]]:
    """The tokens of a conversation in turn: what stands before the first reply, the first reply
    with its end token, what stands before the second one, and so on; the last is a prompt.
    """
    controls = control_tokens(text.tokenizer)
    pieces = _written(text, query, len(replies), str)
    spelt = controls.spelt_in("".join(read_query(query).said))

    def between(place: int) -> list[int]:
        """What the template writes before a reply, from the end token of the one before."""
        if not spelt:
            return text.tokens(pieces[place][0])
        return controls.encode_within(
            lambda as_text: _written(text, query, len(replies), as_text)[place][0]
        )

    yield between(0)
    for place, reply in enumerate(replies):
        said = pieces[place][1] + reply.strip()
        yield [*controls.encode([said], add_special_tokens=False)[0], text.end]
        yield between(place + 1)


def _written(
    text: "StudentText", query: str, count: int, as_text: Callable[[str], str]
) -> list[tuple[str, str]]:
    """What the chat template writes before each of `count` replies and the next one, from the end
    token of the one before; and what it puts right before the reply, such as a blank.
    """
    asked = text.templates
    assert isinstance(asked, Asked), "students with other templates have no conversations"
    if not text.tokenizer.chat_template:
        raise StillhouseError(
            "The student's tokenizer has no chat template, which conversations need. Choose a "
            "student that is tuned for chats."
        )
    conversation = by_prompt.conversation(asked, query, as_text)
    conversation = replace(conversation, turns=(*conversation.turns, NEXT))
    said = "".join(conversation.said)
    # A character of the private use area that nothing there holds stands for each reply.
    mark = next(c for c in map(chr, range(0xE000, 0xF8FF)) if c not in said)
    prompts = [text.chat(conversation.messages([mark] * n)) for n in range(count + 1)]
    end = str(text.tokenizer.eos_token)
    found = []
    rest = prompts[0]
    for earlier, later in pairwise(prompts):
        lead, _, after = later.removeprefix(earlier).partition(mark)
        if not later.startswith(earlier) or lead.strip() or mark in after:
            raise StillhouseError(
                "The student's chat template writes earlier turns otherwise once there are later "
                "ones, so that no reply could be learnt in its place. Choose another student."
            )
        if not after.startswith(end):
            raise StillhouseError(
                f"The student's chat template ends a reply with {after[:20]!r}, and the end token "
                f"of its tokenizer is {end!r}: replies would not end. Choose another student."
            )
        found.append((rest, lead))
        rest = after.removeprefix(end)
    return [*found, (rest, "")]
