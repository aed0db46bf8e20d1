"""Markdown as GitHub and GitLab show it, in which text from outside stays text."""

import re
from collections.abc import Iterable, Iterator, Sequence

from stillhouse.core.text import printable

LONGEST = 80
_PLAIN = re.compile(r"[^`|\\\s](?:[^`|\\]*[^`|\\\s])?")
_STEERS = re.compile(r"[&<>\\`*_{}\[\]()#+!|~@$:\"'-]")


def code(text: str) -> str:
    """Text from data as code, cut at 80 characters: no mark in it, mention or tag means anything.

    What a code span cannot hold, of backticks and in a table of bars, stands as character
    references in an HTML element.
    """
    line = " ".join(printable(text).split(" ")).replace("\n", "⏎").replace("\t", " ")
    if len(line) > LONGEST:
        line = f"{line[: LONGEST - 1]}…"
    if _PLAIN.fullmatch(line):
        return f"`{line}`"
    return f"<code>{_STEERS.sub(lambda found: f'&#{ord(found[0])};', line)}</code>"


def listed(texts: Sequence[str], most: int) -> str:
    """Texts from data in a line, the first of them where there are many."""
    shown = ", ".join(map(code, texts[:most]))
    return f"{shown} and {len(texts) - most:,} more" if len(texts) > most else shown


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, figures: bool = True
) -> Iterator[str]:
    """A table, line by line; figures, behind the first column, are aligned to the right."""
    yield _line(headings)
    yield _line(["---", *("---:" if figures else "---" for _ in headings[1:])])
    for row in rows:
        yield _line(row)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
