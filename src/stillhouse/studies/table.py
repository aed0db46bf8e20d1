"""The table of a study: accuracies, their differences from the reference, published figures."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stillhouse.core.errors import StillhouseError
from stillhouse.evaluation.paired import Accuracy, Comparison, compare, measure
from stillhouse.experiments.compare import percent, points
from stillhouse.experiments.runs import Run, read_run, require_same_rows
from stillhouse.studies.config import Study
from stillhouse.studies.state import Found

STALE = "†"
DIGITS = 6

Titles = tuple[str, str]
"""Of a row and a column."""


@dataclass(frozen=True)
class Cell:
    """One condition in the table."""

    found: Found
    accuracy: Accuracy | None
    comparison: Comparison | None
    """With the reference's condition of the same column."""


@dataclass(frozen=True)
class Results:
    """A study's table, ready to be written in several forms."""

    title: str
    description: str
    reference: str
    source: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Mapping[Titles, Cell]
    published: Mapping[Titles, float]
    """In percent; also where there is no cell."""


def results(name: str, study: Study, found: Sequence[Found], *, small: bool) -> Results:
    """Read every condition's predictions and compare them with the reference's."""
    runs = {
        (each.condition.row, each.condition.column): read_run(each.experiment.commit)
        for each in found
        if each.experiment
    }
    rows, columns = study.kept_rows(small=small), study.kept_columns(small=small)
    compared_with = study.compared_with(small=small)
    cells = {}
    for each in found:
        row, column = each.condition.row, each.condition.column
        run, reference = runs.get((row, column)), runs.get((compared_with, column))
        cells[rows[row].title, columns[column].title] = Cell(
            found=each,
            accuracy=measure(run.seeds) if run else None,
            comparison=_compared(reference, run) if row != compared_with else None,
        )
    # Published figures are of the papers' students: beside another one's they would mislead.
    published = study.published if not small else None
    return Results(
        title=f"{name}, small form" if small else name,
        description=study.small.description if small and study.small else study.description,
        reference=rows[compared_with].title,
        source=published.source if published else "",
        rows=[line.title for line in rows.values()],
        columns=[line.title for line in columns.values()],
        cells=cells,
        published={
            (rows[row].title, columns[column].title): figure
            for row, figures in (published.values if published else {}).items()
            for column, figure in figures.items()
        },
    )


def _compared(reference: Run | None, run: Run | None) -> Comparison | None:
    if reference is None or run is None:
        return None
    try:
        require_same_rows(reference, run)
    except StillhouseError:
        return None  # a column whose rows have different datasets
    return compare(reference.seeds, run.seeds)


def markdown(found: Results) -> str:
    """The table as Markdown: accuracies side by side, then each condition with its difference."""
    parts = [
        f"# {found.title}",
        found.description,
        "Accuracy in percent on the test rows: mean over seeds ± its standard error.",
        _grid(found),
        f"Each condition against *{found.reference}* in the same column, paired by row. Intervals "
        "are 95% bootstraps over test rows, and over seeds where there are several; *yes* means "
        "significant at 5%, each taken by itself.",
        _aligned(LONG, [_long(cell, titles) for titles, cell in found.cells.items()]),
        *_notes(found),
    ]
    return "\n\n".join(parts) + "\n"


def as_csv(found: Results) -> str:
    """The table as CSV, a line for each condition; shares lie between 0 and 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV)
    for titles, cell in found.cells.items():
        published = found.published.get(titles)
        share = None if published is None else published / 100
        writer.writerow([*_csv_line(cell, titles), *_rounded(share)])
    return text.getvalue()


def _grid(found: Results) -> str:
    def cell(row: str, column: str) -> str:
        here, published = found.cells.get((row, column)), found.published.get((row, column))
        shown = [_mean(here) if here.accuracy else here.found.state] if here else []
        shown += [] if published is None else [f"(published {published:.2f})"]
        return " ".join(shown)

    lines = [[row, *(cell(row, column) for column in found.columns)] for row in found.rows]
    return _aligned(["", *found.columns], lines)


def _mean(cell: Cell) -> str:
    assert cell.accuracy
    error = cell.accuracy.standard_error
    spread = "" if error is None else f" ± {100 * error:.1f}"
    mark = STALE if cell.found.changed else ""
    return f"{100 * cell.accuracy.accuracy.mean:.1f}{spread}{mark}"


LONG = ("Row", "Column", "Accuracy", "95% interval", "Seeds", "Difference", "Significant")


def _long(cell: Cell, titles: Titles) -> list[str]:
    if cell.accuracy is None:
        return [*titles, cell.found.state, "", "", "", ""]
    shown = [*titles, _mean(cell), percent(cell.accuracy.accuracy), str(cell.accuracy.seeds)]
    if cell.comparison is None:
        return [*shown, "", ""]
    gap = cell.comparison.difference
    difference = f"{points(gap.mean)} ({points(gap.low)} to {points(gap.high)})"
    return [*shown, difference, "yes" if cell.comparison.significant else "no"]


CSV = (
    "experiment",
    "state",
    "row",
    "column",
    "seeds",
    "accuracy",
    "standard_error",
    "accuracy_low",
    "accuracy_high",
    "difference",
    "difference_low",
    "difference_high",
    "significant",
    "published",
)


def _csv_line(cell: Cell, titles: Titles) -> list[object]:
    line: list[object] = [cell.found.condition.name, cell.found.state, *titles]
    if cell.accuracy:
        ends = cell.accuracy.accuracy
        error = cell.accuracy.standard_error
        line += [cell.accuracy.seeds, *_rounded(ends.mean, error, ends.low, ends.high)]
    else:
        line += [""] * 5
    if cell.comparison:
        gap = cell.comparison.difference
        return [*line, *_rounded(gap.mean, gap.low, gap.high), cell.comparison.significant]
    return line + [""] * 4


def _rounded(*values: float | None) -> list[object]:
    return ["" if value is None else round(value, DIGITS) for value in values]


def _notes(found: Results) -> list[str]:
    notes = [f"Published figures: {found.source}."] if found.source else []
    stale = {file for cell in found.cells.values() for file in cell.found.changed}
    if stale:
        notes.append(
            f"{STALE} run before these changed, so a run today may differ: "
            f"{', '.join(sorted(stale))}."
        )
    notes += [
        f"{cell.found.condition.name} failed: {cell.found.failure}"
        for cell in found.cells.values()
        if cell.found.failure
    ]
    return notes


def _aligned(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns are also aligned as plain text."""
    escaped = [[text.replace("|", "\\|") for text in line] for line in (headings, *lines)]
    widths = [max(3, *map(len, column)) for column in zip(*escaped, strict=True)]
    rows = [
        "| " + " | ".join(f"{text:<{w}}" for text, w in zip(line, widths, strict=True)) + " |"
        for line in escaped
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([rows[0], rule, *rows[1:]])
