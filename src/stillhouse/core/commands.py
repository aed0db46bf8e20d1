"""How every command of `stillhouse` behaves: its help, its errors, its options."""

from collections.abc import Callable
from typing import Any

import typer


def command_group(help_: str, callback: Callable[..., Any] | None = None) -> typer.Typer:
    """Commands under one name, also where there is but one; `callback` takes what all have."""
    return typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
        help=help_,
        callback=callback or _nothing,
    )


def _nothing() -> None:
    """Without a callback typer would take a group of one command for that command."""
