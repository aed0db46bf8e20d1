"""`stillhouse store ...`: look after the completions that were paid for."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from stillhouse.core.commands import command_group
from stillhouse.store import commands
from stillhouse.store.store import Store

app = command_group("The completion store: teacher completions, each paid for once.")
Report = (
    commands.Stats
    | commands.Verified
    | commands.Packed
    | commands.Published
    | commands.Merged
    | commands.Imported
)
Json = Annotated[bool, typer.Option("--json", help="Print a JSON object.")]


def _store() -> Store:
    return Store.default(on_damage=lambda message: typer.echo(f"warning: {message}", err=True))


def _show(report: Report, as_json: bool, text: str) -> None:
    typer.echo(json.dumps(dataclasses.asdict(report), indent=2) if as_json else text)


@app.command("stats")
def stats(as_json: Json = False) -> None:
    """How many completions there are, of which models, and how large they are."""
    report = commands.stats(_store())
    lines = [
        f"{report.completions:,} completions, {report.bytes / 1e6:,.1f} MB",
        f"  {report.segments} segments in {report.live}",
        f"  {report.published_segments} more in {', '.join(report.published) or 'data/store'}",
    ]
    if report.damaged:
        lines.append(f"{report.damaged} damaged segments were set aside")
    lines += [
        f"  {name}: {model.completions:,} completions ({model.cut:,} cut short), "
        f"{model.prompt_tokens:,} prompt and {model.completion_tokens:,} completion tokens"
        for name, model in report.models.items()
    ]
    _show(report, as_json, "\n".join(lines))


@app.command("verify")
def verify(as_json: Json = False) -> None:
    """Check every segment's checksum; exit with 1 when one is damaged."""
    report = commands.verify(_store())
    lines = [f"{report.checked} segments checked, {len(report.damaged)} damaged"]
    lines += [f"  {path}" for path in report.damaged]
    _show(report, as_json, "\n".join(lines))
    if report.damaged:
        raise typer.Exit(1)


@app.command("pack")
def pack(as_json: Json = False) -> None:
    """Merge small segments into few large ones."""
    report = commands.pack(_store())
    _show(report, as_json, f"{report.before} segments became {report.after}")


@app.command("publish")
def publish(as_json: Json = False) -> None:
    """Copy new completions to data/store and put it under DVC."""
    report = commands.publish(_store())
    text = f"{report.segments} segments ({report.bytes / 1e6:,.1f} MB) added to {report.folder}"
    _show(report, as_json, f"{text}; now `git add {report.folder}.dvc`, commit, and `dvc push`")


@app.command("merge")
def merge(as_json: Json = False) -> None:
    """After `git merge`: put the completions that both sides published into data/store.

    Also when Git or a merge driver has already taken one side.
    """
    report = commands.merge()
    text = f"{report.segments} segments in {report.folder}, {report.brought} of them brought in"
    _show(report, as_json, f"{text}; now `git add {report.folder}.dvc`, commit, and `dvc push`")


@app.command("import")
def import_(source: Path, as_json: Json = False) -> None:
    """Copy the segments of another store into this one."""
    report = commands.import_segments(_store(), source)
    _show(report, as_json, f"{report.segments} segments imported, {report.known} known already")
