"""How every command of `stillhouse` behaves: its help, its errors, its options."""

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from inspect import cleandoc
from textwrap import wrap
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

WIDEST = 100
NARROWEST = 40
_RANGE = r"(?:[\d.]+<=?)?x(?:[<>]=?[\d.]+)?"
"""How typer writes the bounds of a number."""


class _Help:
    """Help in plain text: whole sentences, no word in halves, at any width."""

    def get_help(self: Any, ctx: Any) -> str:
        """The whole page."""
        width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size().columns) - 1)
        usage = " ".join([ctx.command_path, *self.collect_usage_pieces(ctx)])
        lines = [*_wrapped(f"Usage: {usage}", width, "       "), ""]
        lines += _paragraphs(self.help or "", width)
        parts: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
            if record is not None:
                parts[kind].append((_plain(record[0]), _plain(record[1])))
        if isinstance(self, TyperGroup):
            commands = [(name, self.commands[name]) for name in self.list_commands(ctx)]
            parts["Commands"] = [(name, _first(each.help)) for name, each in commands]
        for title, rows in parts.items():
            if rows:
                lines += ["", f"{title}:", *_table(rows, width)]
        return "\n".join(lines)


class _Command(_Help, TyperCommand):
    pass


class _Group(_Help, TyperGroup):
    pass


class _Commands(typer.Typer):
    def command(self, *args: Any, **options: Any) -> Callable[..., Any]:
        return super().command(*args, **{"cls": _Command} | options)


def command_group(help_: str, callback: Callable[..., Any] | None = None) -> typer.Typer:
    """Commands under one name, also where there is but one; `callback` takes what all have."""
    return _Commands(
        cls=_Group,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        help=help_,
        callback=callback or _nothing,
    )


def _nothing() -> None:
    """Without a callback typer would take a group of one command for that command."""


def _first(text: str | None) -> str:
    """The first paragraph, in one line."""
    return " ".join(cleandoc(text or "").partition("\n\n")[0].split())


def _plain(text: str) -> str:
    """A parameter without typer's words for its type that say little: `<int range>`, `x>=0`."""
    text = re.sub(r"<(\w+) range>|<list\[(\w+)\]>", r"<\1\2>", text)
    return re.sub(rf"; {_RANGE}(?=\])|\s*\[{_RANGE}\]", "", text)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _paragraphs(text: str, width: int) -> Iterator[str]:
    """Paragraphs, two blanks in; a paragraph that is indented is an example, and left as it is."""
    for number, paragraph in enumerate(cleandoc(text).split("\n\n")):
        if number:
            yield ""
        if paragraph.startswith("    "):
            yield from (f"  {line}" for line in paragraph.splitlines())
        else:
            joined = " ".join(paragraph.split())
            yield from (f"  {line}" for line in _wrapped(joined, width - 2))


def _table(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Names, and beside them what they are; beneath a name that is too long for that."""
    rows = list(rows)
    most = max(12, width // 3)
    column = max((len(name) for name, _ in rows if len(name) <= most), default=most) + 2
    for name, text in rows:
        lines = _wrapped(text, width - column - 2) or [""]
        if len(name) + 2 > column:
            yield f"  {name}"
        else:
            yield f"  {name:<{column}}{lines.pop(0)}".rstrip()
        yield from (f"  {'':<{column}}{line}" for line in lines)
