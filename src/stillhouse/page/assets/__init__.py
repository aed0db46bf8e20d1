"""The page's own parts: its frame, its style, and its script in small files, put into one."""

import re
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    "dom", "data", "figures", "charts", "diff", "conversation", "trace", "facets", "list",
    "summary", "study", "main",
)  # fmt: skip
"""In the order in which they stand in the page; each uses only what stands before it."""
_PLACE = re.compile(r"\{\{ (\w+) \}\}")


def page(parts: Mapping[str, str]) -> str:
    """The frame with its parts filled in."""
    return _PLACE.sub(lambda found: parts[found[1]], _read("page.html"))


def style() -> str:
    """The style sheet."""
    return _read("page.css")


def script() -> str:
    """All scripts as one, whose names nothing else sees."""
    parts = "\n".join(_read(f"{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}\n}})();\n'


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
