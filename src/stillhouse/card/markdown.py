"""Text of data and models inside Markdown: shown as it is, never as markup."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence

_MARKUP = re.compile(r"[\\`*_\[\]|~$]|^[#+-]|(?<=^\d)[.)]")


def text(value: object) -> str:
    """A value as plain text on one line: no markup, no HTML, no control characters."""
    line = " ".join(str(value).split())
    shown = "".join(c if c.isprintable() else "�" for c in line)
    return _MARKUP.sub(lambda found: f"\\{found[0]}", html.escape(shown, quote=False))


def code(value: object) -> str:
    """A value as inline code; a fence longer than any run of backticks in it holds it."""
    line = "".join(c if c.isprintable() else "�" for c in " ".join(str(value).split()))
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{padding}{line}{padding}{fence}"


def block(content: str, language: str = "") -> str:
    """Lines as a code block; a fence longer than any run of backticks in them holds them."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", content)), default=0))
    return f"{fence}{language}\n{content.rstrip()}\n{fence}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def items(facts: Mapping[str, str]) -> str:
    """A list of named facts that are Markdown already."""
    return "\n".join(f"- **{name}**: {fact}" for name, fact in facts.items())
