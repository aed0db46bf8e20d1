"""Reasoning told apart from the answer: the blocks that some models write before it.

A block is `<think>…</think>`, or has the tag `thinking`, `reasoning` or `thought`, in any case, or
stands between `<|begin_of_thought|>` and `<|end_of_thought|>`. An idea that was tried in a block
must never be taken for the answer:

- A closing tag that nothing opened ends a block that the chat template had opened: all before it is
  reasoning.
- Blocks nest, so that what follows the inner one is not taken for the answer. Opening tags that
  follow each other directly are one (the template writes it, and the model writes it again).
- A block that never closes leaves no answer: what stands in front of it might have been revised.
- A tag that is only spoken of is no block: within back-ticks, or in fenced code outside a block.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

NAMES = ("think", "thinking", "reasoning", "thought")
_TAG = re.compile(
    rf"`[^`\n]{{0,80}}`|<(?P<close>/?)(?:{'|'.join(NAMES)})>"
    r"|<\|(?:begin|(?P<end>end))_of_thought\|>(?:\s*<\|begin_of_solution\|>)?",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^ {0,3}```(?P<info>[^\n]*)$", re.MULTILINE)
_LEADING = re.compile(rf"\A\s*<(?:{'|'.join(NAMES)})>", re.IGNORECASE)
_OPENING = re.compile(rf"<(?:{'|'.join(NAMES)})>\s*\Z", re.IGNORECASE)
_LONGEST_OPENING = 64


class SplitText(NamedTuple):
    """A completion's reasoning, and the text beside it.

    `unclosed`: the completion ended within its reasoning; then all of it is reasoning.
    """

    reasoning: str | None
    text: str
    unclosed: bool


def split_reasoning(text: str, *, opened: bool = False) -> SplitText:
    """Take the blocks of reasoning off a completion; one without any stays as it is.

    `opened`: the prompt ended within a block, as the chat templates of some models do, so that even
    a completion without any tag is reasoning. The time taken is linear in the length of the text.
    """
    depth = int(opened)
    start = 0  # of the part that is being read
    reasoning: list[str] = []
    said: list[str] = []
    for tag, fenced in _tags(text):
        part = text[start : tag.start()]
        if depth:
            reasoning.append(part)
            # A repeated opening tag is the same block; one further on is a block within.
            depth += -1 if _closes(tag) else bool(part.strip())
        elif fenced:
            continue
        elif _closes(tag):  # the template had opened it: all that was said is reasoning, too
            reasoning += [*said, part]
            said = []
        else:
            said.append(part)
            depth = 1
        start = tag.end()
    if depth:
        return SplitText(_joined([_LEADING.sub("", text)]), "", True)
    if not reasoning and not start:
        return SplitText(None, text, False)
    return SplitText(_joined(reasoning), "".join([*said, text[start:]]).lstrip(), False)


def is_closed_only(text: str) -> bool:
    """Whether a completion closes a block that it did not open."""
    first = next((tag for tag, fenced in _tags(text) if not fenced), None)
    return first is not None and _closes(first)


def opening(prompt: str) -> str:
    """The opening tag that a rendered prompt ends with, or "": the completion begins within it."""
    found = _OPENING.search(prompt[-_LONGEST_OPENING:])
    return found[0] if found else ""


def _closes(tag: re.Match[str]) -> bool:
    return bool(tag["close"] or tag["end"])


def _joined(parts: list[str]) -> str | None:
    return "\n\n".join(filter(None, (part.strip() for part in parts))) or None


def _tags(text: str) -> Iterator[tuple[re.Match[str], bool]]:
    """Every tag but those within back-ticks, and whether it stands in fenced code."""
    if "<" not in text:
        return
    fences = _fences(text)
    fence = next(fences, None)
    for tag in _TAG.finditer(text):
        if tag[0].startswith("`"):
            continue
        while fence is not None and fence[1] <= tag.start():
            fence = next(fences, None)
        yield tag, fence is not None and fence[0] <= tag.start()


def _fences(text: str) -> Iterator[tuple[int, int]]:
    """Where fenced code begins and ends; a fence that is never closed fences nothing."""
    begun: int | None = None
    for fence in _FENCE.finditer(text):
        if begun is None:
            begun = fence.start()
        elif not fence["info"].strip("` \r"):
            yield begun, fence.end()
            begun = None
