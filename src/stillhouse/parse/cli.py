"""The command `stillhouse parse`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from stillhouse.core.commands import command_group

app = command_group("Try how completions are read, before a teacher is paid for them.")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Completions as JSON Lines; - is standard input.")],
    json_lines: Annotated[
        bool, typer.Option("--jsonl", help="Print a JSON object a line, in the same order.")
    ] = False,
) -> None:
    r"""Read completions as the stage `parse` would, and compare them with what you expect.

    A line of FILE holds `text`, and may hold `task`, `metric`, `choices`, `markers`, `cut`, `reply`
    and `finish_reason`, with the defaults of a dataset and a prompt; `expected` is the right label,
    or null where no label is right, and so is `expected_rationale` for rationales. Exit status 1
    when any completion is read otherwise.

        echo '{"text": "So, the answer is (b).", "choices": ["red", "blue"]}' \
            | stillhouse parse check -
    """
    from stillhouse.parse.check import check_completions, lines_of, read_completions

    checks = check_completions(read_completions(file, sys.stdin))
    for line in lines_of(checks, json_lines=json_lines):
        typer.echo(line)
    if any(check.correct is False for check in checks):
        raise typer.Exit(1)
