"""`stillhouse init`, `add`, `conf diff` and `upgrade`: a project and the package it uses."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stillhouse.config.dataset import OfQueries
from stillhouse.core.commands import command_group
from stillhouse.core.errors import StillhouseError
from stillhouse.core.text import printable
from stillhouse.project import writing
from stillhouse.project.look import Column, columns_table

app = command_group("Begin a project, add entries to it, and bring it up to date.")
conf = command_group("Compare a project's entries with the package's.")
app.add_typer(conf, name="conf")


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(help="Where the project goes; by default the current folder.")
    ] = Path(),
    *,
    csv: Annotated[
        Path | None, typer.Option(help="A table: .csv, .tsv, .jsonl, .json or .parquet.")
    ] = None,
    example: Annotated[
        str | None, typer.Option(help="Or a dataset that the package has an entry of: svamp, ...")
    ] = None,
    from_logs: Annotated[
        Path | None, typer.Option(help="Or a log of a chat API, JSON Lines: see above.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(help="The column that is asked, or a template: '{{ a }} {{ b }}'.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The column of the answer, or a template.")
    ] = None,
    question: Annotated[
        str | None, typer.Option(help="What to ask of the text: 'Is the reviewer satisfied?'")
    ] = None,
    choice: Annotated[
        list[str] | None,
        typer.Option(help="A column of an option, once for each, in multiple choice."),
    ] = None,
    task: Annotated[
        OfQueries | None, typer.Option(help="The kind of task; by default what fits the labels.")
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="A column of unique ids.")] = None,
    group: Annotated[
        str | None, typer.Option(help="A column of what belongs together, such as a customer.")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="A table of test rows; else a fifth is held out.")
    ] = None,
    unlabelled: Annotated[Path | None, typer.Option(help="A table of rows without labels.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the dataset; else that of the file.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of CSV that is not in UTF-8.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Of CSV without commas: ';'.")] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="An entry of the package, or a server: http://127.0.0.1:8000/v1."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The server's model, or the one of a log that has several.")
    ] = None,
) -> None:
    """Begin a project: a folder with a pipeline, knobs, and an entry for your own data.

    `stillhouse init reviews --csv reviews.csv --query text --label rating` looks at the table,
    proposes the task, the choices and the splits, shows a prompt as the teacher would read it, and
    writes the project. What is not said is asked. Nothing is ever overwritten.

    A line of a log holds `messages` and `reply` (and `model`), or a `request` and a `response` as
    an OpenAI-compatible API has them. Its requests become rows, its replies a teacher's recorded
    answers, so a student learns from what was paid for.
    """
    from stillhouse.ingest.show import print_looked
    from stillhouse.project import init as beginning
    from stillhouse.project.start import checked, taught_by

    if sum(each is not None for each in (csv, example, from_logs)) != 1:
        raise StillhouseError("Give one of --csv FILE, --example NAME and --from-logs FILE.")
    console = Console(highlight=False, markup=False)
    if csv is not None:
        tables = beginning.Tables(csv, test, unlabelled, encoding, delimiter)
        start, columns = beginning.of_tables(
            tables, _choose, name=name, query=query, label=label, question=question,
            choices=tuple(choice or ()), task=task, id=id_, group=group,
        )  # fmt: skip
        console.print(columns_table(columns, console.width))
    elif example is not None:
        start = beginning.of_example(example)
    else:
        assert from_logs is not None
        start, log = beginning.of_log(from_logs, name, model)
        for line in beginning.log_lines(log):
            typer.echo(printable(line))
    taught_by(start, teacher, None if from_logs else model)
    files = start.files()
    writing.require_absent(folder, files)
    preview = checked(files, look=example is None)
    if preview is not None:
        typer.echo(printable(beginning.task_line(start)))
        print_looked(preview.looked, console)
        for line in beginning.prompt_lines(preview):
            typer.echo(printable(line))
    writing.write_all(folder, files)
    beginning.begin_repository(folder)
    typer.echo(f"\n{len(files)} files written to {folder.resolve()}. Next:")
    for step in beginning.next_steps(folder, start):
        typer.echo(f"  {step}")


def _choose(what: str, columns: Sequence[Column], likely: str | None) -> str:
    """Ask which column is for something; without a terminal say what to give."""
    names = [column.name for column in columns]
    if not sys.stdin.isatty():
        proposal = f" {likely!r} looks right." if likely else ""
        raise StillhouseError(
            f"Which column is the {what}? Give --{what} NAME.{proposal} The table has the columns "
            f"{', '.join(names)}."
        )
    console = Console(highlight=False, markup=False)
    if what == "query":
        console.print(columns_table(columns, console.width))
    while (chosen := typer.prompt(f"Column of the {what}", default=likely)) not in names:
        typer.echo(f"There is no column {chosen!r}: {', '.join(names)}.")
    return str(chosen)


@app.command()
def add(
    group: Annotated[str, typer.Argument(help="teacher, student, dataset, prompt, ...")],
    name: Annotated[
        str | None, typer.Argument(help="An entry of the package; without it they are listed.")
    ] = None,
    *,
    server: Annotated[
        str | None,
        typer.Option(help="Of a teacher: its server's address, in place of a packaged entry."),
    ] = None,
) -> None:
    """Copy an entry of the package into conf/, where DVC sees it and you can edit it.

    `stillhouse add teacher llama3_1_8b`, then `dvc exp run -S teacher=llama3_1_8b`. With --server
    NAME is the server's model: `stillhouse add teacher qwen2.5-7b --server
    http://127.0.0.1:8000/v1`.
    """
    from stillhouse.project import entries

    if name is None:
        for line in entries.listed(group):
            typer.echo(line)
        return
    added = entries.add_server(group, name, server) if server else entries.add(group, name)
    for place in added:
        typer.echo(f"{place} is new")
    chosen = added[0].stem
    typer.echo(f"Take it with `dvc exp run -S {group}={chosen}`, or in params.yaml.")


@conf.command("diff")
def diff(
    path: Annotated[
        Path | None, typer.Argument(help="An entry, such as conf/teacher/gpt.yaml; else all.")
    ] = None,
) -> None:
    """Show what the package's entries have changed since they were copied into this project.

    Your own edits are not shown: `stillhouse upgrade` brings both together.
    """
    from stillhouse.project import entries

    for line in entries.changes(path):
        typer.echo(printable(line))


@app.command()
def upgrade(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
) -> None:
    """Bring the project's files up to the installed stillhouse, and say which stages will rerun.

    Each file is merged from three sides: as the package gave it, as it gives it now, and as you
    have it. Your edits stay. Where both changed the same lines, the file gets conflict markers, as
    from `git merge`; a file with changes that Git does not know is never touched. Stages run again
    only where what their code means has changed, and at the next `dvc repro`, not before.
    """
    from stillhouse.project import upgrade as upgrading

    upgraded = upgrading.upgrade(dry_run=dry_run)
    for line in upgrading.lines(upgraded, dry_run=dry_run):
        typer.echo(printable(line))
    if upgraded.conflicts:
        raise typer.Exit(1)
