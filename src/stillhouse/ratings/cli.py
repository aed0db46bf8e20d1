"""The command `stillhouse ratings`."""

from pathlib import Path
from typing import Annotated

import typer

from stillhouse.core.commands import command_group

SHOWN = 10
"""Places that a warning names."""

app = command_group("Have people rate replies, blind, and read their ratings.")


@app.command()
def export(
    sheet: Annotated[Path, typer.Argument(help="The CSV file to write, such as ratings.csv.")],
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SOURCE", help="Whose replies; once for each model."),
    ] = None,
    number: Annotated[int, typer.Option("--n", "-n", min=0, help="Rows; 0 for all.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the choice of rows and the order.")] = 0,
    split: Annotated[str, typer.Option(help="Of which rows.")] = "test",
    conversations: Annotated[
        Path | None,
        typer.Option(help="A table of other rows: `id`, and `query` or `messages`."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="Where the key goes; by default beside the sheet.")
    ] = None,
) -> None:
    """Write a blind sheet: what each model replied to the same rows, names hidden.

    SOURCE is a table with `id` and `reply`, `prediction`, `text` or `label` (.jsonl, .parquet,
    .csv: data/predictions/seed=0.parquet, data/completions.parquet, a file of yours); a revision
    or experiment, for its first student's predictions; or REV:TABLE. Raters fill in the column
    `rating`. The key says which model gave which reply: keep it from them.
    """
    from stillhouse.core.errors import StillhouseError
    from stillhouse.core.progress import announce
    from stillhouse.ratings.export import blind, too_long, write_blind
    from stillhouse.ratings.sources import read_models, read_rows

    if not model:
        raise StillhouseError(
            "Name the models to rate, such as `--model student=data/predictions/seed=0.parquet "
            "--model untrained=data/predictions/untrained.parquet`."
        )
    models = read_models(model)
    found = blind(models, read_rows(conversations, models, split), number, seed)
    key_file = key or sheet.with_suffix(".key.json")
    write_blind(found, sheet, key_file)
    if found.left_out:
        announce(f"warning: {found.left_out:,} rows are left out: not every model replied to them")
    if cut := too_long(found):
        announce(
            f"warning: spreadsheets cut the texts of {_listed(cut)}: they are longer than a cell"
        )
    rows = len({rated.row for rated in found.key.ratings.values()})
    typer.echo(f"{len(found.lines):,} replies to {rows:,} rows in {sheet}")
    typer.echo(f"The key is {key_file}: keep it from the raters.")


@app.command("import")
def import_(
    sheets: Annotated[
        list[str],
        typer.Argument(metavar="SHEET...", help="Filled sheets: RATER.csv, or RATER=FILE."),
    ],
    *,
    key: Annotated[Path, typer.Option(help="The key of the export.")],
    scale: Annotated[
        tuple[float, float], typer.Option(help="The lowest and the highest rating.")
    ] = (1, 5),
    fractions: Annotated[
        bool, typer.Option("--fractions", help="Ratings such as 3.5 are fine, too.")
    ] = False,
    judge: Annotated[
        Path | None,
        typer.Option(help="A judge's scores: a table of `id`, `score`, and `model` or `reply`."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    metrics: Annotated[
        Path | None, typer.Option(help="Write the JSON object to this file, too.")
    ] = None,
    as_csv: Annotated[
        Path | None, typer.Option("--csv", help="Write every rating with its model to this file.")
    ] = None,
) -> None:
    """Read filled sheets: means, differences, agreement of raters, the judge, length.

    A rater is the sheet's file name, or named in a column `rater`. Ratings may be missing, and
    raters may have rated other rows each. Without --judge, verdicts of the project's own judge
    count where they are of the same replies.
    """
    from stillhouse.core.files import json_bytes, write_bytes, write_text
    from stillhouse.core.progress import announce
    from stillhouse.ratings import table
    from stillhouse.ratings.judged import judge_scores
    from stillhouse.ratings.key import read_key
    from stillhouse.ratings.measure import measure
    from stillhouse.ratings.raters import Scale, read_sheets

    chosen = Scale(*scale, fractions=fractions)
    known = read_key(key)
    read = read_sheets(sheets, known, chosen)
    found = measure(read, known, chosen, judge_scores(known, judge))
    if read.missing:
        announce(f"warning: {len(read.missing):,} ratings are missing: {_listed(read.missing)}")
    content = json_bytes(table.as_values(found))
    if metrics:
        write_bytes(metrics, content)
    if as_csv:
        write_text(as_csv, table.as_csv(read, known))
    if as_json:
        typer.echo(content.decode(), nl=False)
    else:
        table.print_measures(found)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{'; '.join(names[:SHOWN])}{more}"
