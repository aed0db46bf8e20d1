"""`stillhouse store ...`: look after the completions that were paid for."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from stillhouse.core.commands import command_group
from stillhouse.core.text import printable, size
from stillhouse.store import commands, location
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
    """Count the completions by model, and say how large they are."""
    report = commands.stats(_store())
    here = report.bytes - report.published_bytes
    places = [
        (f"in {report.live}", report.segments, here),
        (
            f"more in {', '.join(report.published) or location.PUBLISHED}",
            report.published_segments,
            report.published_bytes,
        ),
    ]
    lines = [f"{report.completions:,} completions, {size(report.bytes)}"]
    lines += _aligned(
        [[f"{count:,}", f"segments, {size(held)},", where] for where, count, held in places]
    )
    if report.damaged:
        lines.append(f"{report.damaged} damaged segments were set aside")
    if report.models:
        head = ["model", "completions", "cut short", "prompt tokens", "completion tokens"]
        rows = [
            [
                name,
                *(f"{n:,}" for n in (m.completions, m.cut, m.prompt_tokens, m.completion_tokens)),
            ]
            for name, m in report.models.items()
        ]
        lines += ["", *_aligned([head, *rows], numbers=slice(1, None))]
    _show(report, as_json, "\n".join(map(printable, lines)))


def _aligned(rows: Sequence[Sequence[str]], numbers: slice = slice(1)) -> list[str]:
    """Rows as lines, in columns; those of `numbers` end together."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = set(range(len(widths))[numbers])
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


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
    """Copy new completions to data/store and put it under DVC.

    Others then have them, too: `dvc pull` brings them, and nobody pays again.
    """
    report = commands.publish(_store())
    text = f"{report.segments} segments ({size(report.bytes)}) added to {report.folder}"
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
def import_(
    source: Annotated[Path, typer.Argument(help="A store's folder, or one of its segments.")],
    as_json: Json = False,
) -> None:
    """Copy the segments of another store into this one.

    Each is checked first; what is here already stays as it is.

        stillhouse store import ../other/.stillhouse/store
    """
    report = commands.import_segments(_store(), source)
    _show(report, as_json, f"{report.segments} segments imported, {report.known} known already")
