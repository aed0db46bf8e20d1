"""`stillhouse study ...`: run a table of conditions, look how far it is, write it."""

import sys
from typing import Annotated

import typer

from stillhouse.core.commands import command_group
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_text
from stillhouse.studies.config import Condition, Study
from stillhouse.studies.load import STUDIES, load_study, read_study, study_names
from stillhouse.studies.state import Found, find

app = command_group("Studies: whole tables of experiments, from studies/NAME.yaml.")
Name = Annotated[str, typer.Argument(help="A study; `stillhouse study list` shows them.")]
Small = Annotated[bool, typer.Option("--small", help="The form that runs on a laptop.")]
RESULTS = STUDIES / "results"


@app.command("list")
def list_studies() -> None:
    """List the studies, with how many conditions each has."""
    names = study_names()
    width = max(map(len, names), default=0)
    for name in names:
        study = read_study(name)
        sizes = f"{len(study.conditions(name, small=False))} conditions"
        if study.small:
            sizes += f", {len(study.conditions(name, small=True))} with --small"
        typer.echo(f"{name:<{width}}  {study.description} ({sizes})")


@app.command("run")
def run(name: Name, small: Small = False) -> None:
    """Run every condition that has no result yet, then write the table; exit with 1 if one failed.

    Each is an experiment of `dvc exp`, named NAME-ROW-COLUMN. Interrupt it whenever you like: the
    next run goes on.

        stillhouse study run cqa_small --small
    """
    from stillhouse.studies.run import run_study

    study, conditions = _load(name, small)
    try:
        found = run_study(name, conditions)
    except KeyboardInterrupt:
        typer.echo(f"\nInterrupted. `stillhouse study run {name}` goes on.", err=True)
        raise typer.Exit(130) from None
    _write(name, study, found, small)
    failed = [each for each in found if not each.finished]
    for each in failed:
        typer.echo(f"{each.condition.name}: {each.failure or each.state}", err=True)
    if failed:
        raise typer.Exit(1)


@app.command("status")
def status(name: Name, small: Small = False) -> None:
    """Show which conditions are finished, stale (the code has changed since), failed or missing."""
    found = find(_load(name, small)[1])
    width = max(len(each.condition.name) for each in found)
    for each in found:
        why = f"changed since: {', '.join(each.changed)}" if each.changed else each.failure
        typer.echo(f"{each.state:<8}  {each.condition.name:<{width}}  {why}".rstrip())
    finished = sum(each.finished for each in found)
    typer.echo(f"{finished} of {len(found)} finished")


@app.command("table")
def table(name: Name, small: Small = False) -> None:
    """Print the table of what has run so far, and write it to studies/results."""
    study, conditions = _load(name, small)
    _write(name, study, find(conditions), small)


def _load(name: str, small: bool) -> tuple[Study, list[Condition]]:
    study = load_study(name)
    if small and study.small is None:
        raise StillhouseError(f"The study {name!r} has no small form; run it without --small.")
    return study, study.conditions(name, small=small)


def _write(name: str, study: Study, found: list[Found], small: bool) -> None:
    from stillhouse.page.html import html
    from stillhouse.studies.complexity import complexity_svg
    from stillhouse.studies.page import document
    from stillhouse.studies.plot import svg
    from stillhouse.studies.table import as_csv, markdown, points_of, print_results, results

    made = results(name, study, found, small=small)
    target = RESULTS / (f"{name}-small" if small else name)
    written = {
        ".md": markdown(made),
        ".csv": as_csv(made),
        ".svg": svg(made),
        ".html": html(document(made)),
    }
    for suffix, content in written.items():
        write_text(target.with_name(target.name + suffix), content)
    if points := points_of(made):
        drawn = complexity_svg(made.title, points)
        write_text(target.with_name(f"{target.name}-complexity.svg"), drawn)
    typer.echo()
    print_results(made)
    typer.echo(f"Written to {target}.md, .csv, .svg and .html", file=sys.stderr)
