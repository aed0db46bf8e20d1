"""Where a completion's own text ends: behind it are made-up further examples."""

import re
from collections.abc import Sequence
from functools import lru_cache

# What heads a further example, whatever the prompt: a model goes on as its training texts do.
COMMON = (
    "Q:", "Question:", "Question for you:", "Case for you:", "Pair for you:", "Example:", "User:",
    "Human:", "Premise:", "Problem:", "Input:", "Passage:", "Next question:", "Instruction:",
    "### Question", "### Instruction", "### Input", "<|user|>", "问题：", "问题:",
)  # fmt: skip


def cut_run_on(text: str, cut: Sequence[str], headings: Sequence[str] = ()) -> str:
    """The text before the first of `cut`, and before a heading that opens a further example.

    A heading counts at the start of a line, whatever emphasis or number it has (`**Example 2:**`).
    At the start of the completion it repeats the query, and cuts nothing.
    """
    own = text[: min((at for mark in cut if (at := text.find(mark)) >= 0), default=len(text))]
    begun = re.search(r"\S", own)
    if not begun:
        return own
    first_line_end = own.find("\n", begun.start())
    if first_line_end < 0:
        return own
    match = _headings(tuple(headings)).search(own, first_line_end)
    return own[: match.start()] if match else own


@lru_cache(maxsize=64)
def _headings(headings: tuple[str, ...]) -> re.Pattern[str]:
    known = sorted({*COMMON, *headings}, key=len, reverse=True)
    opening = rf"(?:#+[ \t]*)?(?:{'|'.join(map(_heading, known))})|\#\#\#[ \t]*(?=\n)"
    return re.compile(rf"\n[ \t>]*(?:{opening})", re.IGNORECASE)


def _heading(heading: str) -> str:
    """`Example:` as `**Example:**`, `Example 2:`, `Example 2.`; other text as it stands."""
    words = re.escape(heading.rstrip(":： ")).replace(r"\ ", r"[ \t]+")
    if heading.rstrip()[-1:] not in ":：":
        return rf"{words}(?!\w)"
    return rf"(?:\*\*|__)?{words}[ \t]*(?:\#?\d{{1,3}})?[ \t]*(?:\*\*|__)?[ \t]*[:：]"
