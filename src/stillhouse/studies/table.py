"""The table of a study: accuracies, their differences from the reference, published figures.

As in `stillhouse compare`, what holds of these students and what of the methods stands apart.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from stillhouse.core.errors import StillhouseError
from stillhouse.experiments.compare import WIDTH, p_value, percent, points
from stillhouse.experiments.revisions import Revision, read_revision, require_same_rows
from stillhouse.statistics.intervals import Interval
from stillhouse.statistics.method import LEAST_SEEDS
from stillhouse.statistics.paired import Accuracy, Comparison, compare, measure
from stillhouse.statistics.pairs import holm
from stillhouse.studies.config import Study
from stillhouse.studies.state import Found

STALE = "†"
DIGITS = 6
FIGURES = ("Accuracy", "95% interval", "Difference", "Holm", "Seen from")
COMPARED = ("Row", "Column", "Difference", "p", "Holm", "Seen from")

Titles = tuple[str, str]
"""Of a row and a column."""


@dataclass(frozen=True)
class Cell:
    """One condition in the table."""

    found: Found
    accuracy: Accuracy | None
    comparison: Comparison | None
    """With the reference's condition of the same column."""
    students_holm: float | None = None
    """The p-value of two single students, adjusted for all those of the column (Holm 1979)."""
    method_holm: float | None = None
    """The same of the methods' tests."""


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
    revisions = {
        (each.condition.row, each.condition.column): read_revision(each.experiment.commit)
        for each in found
        if each.experiment
    }
    rows, columns = study.kept_rows(small=small), study.kept_columns(small=small)
    compared_with = study.compared_with(small=small)
    cells = {}
    for each in found:
        row, column = each.condition.row, each.condition.column
        revision, reference = (revisions.get((row, column)), revisions.get((compared_with, column)))
        cells[rows[row].title, columns[column].title] = Cell(
            found=each,
            accuracy=measure(revision.seeds, revision.groups) if revision else None,
            comparison=_compared(reference, revision) if row != compared_with else None,
        )
    _adjust(cells)
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


def _adjust(cells: dict[Titles, Cell]) -> None:
    """Put in the p-values adjusted for how many comparisons their column of the study has."""
    compared = {titles: cell.comparison for titles, cell in cells.items() if cell.comparison}
    for column in {column for _, column in compared}:
        here = {titles: each for titles, each in compared.items() if titles[1] == column}
        students = {titles: each.pair.p_value for titles, each in here.items() if each.pair}
        methods = {titles: each.method.p_value for titles, each in here.items() if each.method}
        students_holm = dict(zip(students, holm(list(students.values())), strict=True))
        method_holm = dict(zip(methods, holm(list(methods.values())), strict=True))
        for titles in here:
            cells[titles] = replace(
                cells[titles],
                students_holm=students_holm.get(titles),
                method_holm=method_holm.get(titles),
            )


def _compared(reference: Revision | None, revision: Revision | None) -> Comparison | None:
    if reference is None or revision is None:
        return None
    try:
        require_same_rows(reference, revision)
    except StillhouseError:
        return None  # a column whose rows have different datasets
    return compare(reference.seeds, revision.seeds, revision.groups)


@dataclass(frozen=True)
class Table:
    """A table as text."""

    headings: Sequence[str]
    lines: Sequence[Sequence[str]]


def parts(found: Results) -> list[str | Table]:
    """What the study found, in the order in which it is read."""
    return [
        found.description,
        "Accuracy in percent on the test rows: mean over seeds ± its standard error.",
        _grid(found),
        f"Intervals are 95%: over test rows and, with {LEAST_SEEDS} seeds or more, over seeds.",
        Table(
            ("Row", "Column", "Accuracy", "95% interval", "Seeds"),
            [_accuracy(cell, titles) for titles, cell in found.cells.items()],
        ),
        *_comparisons(found),
        *_notes(found),
    ]


def markdown(found: Results) -> str:
    """The table as Markdown: accuracies side by side, then each condition with its difference."""
    shown = [_aligned(part) if isinstance(part, Table) else part for part in parts(found)]
    return "\n\n".join([f"# {found.title}", *shown]) + "\n"


def print_results(found: Results) -> None:
    """Print the same in 80 columns."""
    console = Console(width=WIDTH, highlight=False, markup=False)
    console.print(Text(found.title, style="bold"))
    for part in parts(found):
        if isinstance(part, str):
            console.print(Text(f"\n{part}"))
            continue
        table = RichTable(box=box.SIMPLE_HEAD)
        for heading in part.headings:
            table.add_column(heading, no_wrap=heading in FIGURES)
        for line in part.lines:
            table.add_row(*map(Text, line))
        console.print(table)


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


def _grid(found: Results) -> Table:
    def cell(row: str, column: str) -> str:
        here, published = found.cells.get((row, column)), found.published.get((row, column))
        shown = [_mean(here) if here.accuracy else here.found.state] if here else []
        shown += [] if published is None else [f"(published {published:.2f})"]
        return " ".join(shown)

    lines = [[row, *(cell(row, column) for column in found.columns)] for row in found.rows]
    return Table(["", *found.columns], lines)


def _mean(cell: Cell) -> str:
    assert cell.accuracy
    error = cell.accuracy.standard_error
    spread = "" if error is None else f" ± {100 * error:.1f}"
    mark = STALE if cell.found.changed else ""
    return f"{100 * cell.accuracy.accuracy.mean:.1f}{spread}{mark}"


def _accuracy(cell: Cell, titles: Titles) -> list[str]:
    if cell.accuracy is None:
        return [*titles, cell.found.state, "", ""]
    return [*titles, _mean(cell), percent(cell.accuracy.accuracy), str(cell.accuracy.seeds)]


def _comparisons(found: Results) -> list[str | Table]:
    students, methods = [], []
    for titles, cell in found.cells.items():
        if cell.comparison is None:
            continue
        tests, method = cell.comparison.pairs.values(), cell.comparison.method
        gap = _difference(cell.comparison.difference)
        p = ", ".join(p_value(test.p_value) for test in tests)
        seen = points(fmean(test.detectable for test in tests)).lstrip("+") if tests else ""
        students.append([*titles, gap, p, _optional(cell.students_holm), seen])
        if method:
            gap, p = _difference(method.difference), p_value(method.p_value)
            seen = points(method.detectable).lstrip("+")
            methods.append([*titles, gap, p, _optional(cell.method_holm), seen])
    if not students:
        return []
    shown: list[str | Table] = [
        f"Each condition against {found.reference!r} in the same column, by row: difference in "
        "points with its 95% interval, p-value, the p-value adjusted for all comparisons of the "
        "column (Holm), and the smallest difference that would be seen at 5% in 80% of trials.",
        "These students: intervals over test rows; McNemar's exact test of two single "
        "students, for several seeds one for each that both have.",
        Table(COMPARED, students),
    ]
    if not methods:
        return [*shown, f"The method: nothing can be said without {LEAST_SEEDS} seeds a side."]
    said = "The method: intervals and t-test over seeds and test rows."
    if len(methods) < len(students):
        said += f" Nothing can be said of conditions with fewer than {LEAST_SEEDS} seeds a side."
    return [*shown, said, Table(COMPARED, methods)]


def _difference(gap: Interval) -> str:
    return f"{points(gap.mean)} ({points(gap.low)} to {points(gap.high)})"


def _optional(value: float | None) -> str:
    return "" if value is None else p_value(value)


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
    "students_low",
    "students_high",
    "students_p",
    "students_holm",
    "students_detectable",
    "method_low",
    "method_high",
    "method_p",
    "method_holm",
    "method_detectable",
    "published",
)
"""A p-value of students is of two single ones; their detectable difference of one pair."""


def _csv_line(cell: Cell, titles: Titles) -> list[object]:
    line: list[object] = [cell.found.condition.name, cell.found.state, *titles]
    if cell.accuracy:
        ends = cell.accuracy.accuracy
        error = cell.accuracy.standard_error
        line += [cell.accuracy.seeds, *_rounded(ends.mean, error, ends.low, ends.high)]
    else:
        line += [""] * 5
    if cell.comparison is None:
        return line + [""] * 11
    gap, tests = cell.comparison.difference, cell.comparison.pairs.values()
    seen = fmean(test.detectable for test in tests) if tests else None
    p = cell.comparison.pair.p_value if cell.comparison.pair else None
    line += _rounded(gap.mean, gap.low, gap.high, p, cell.students_holm, seen)
    method = cell.comparison.method
    if method is None:
        return line + [""] * 5
    ends = method.difference
    return line + _rounded(ends.low, ends.high, method.p_value, cell.method_holm, method.detectable)


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


def _aligned(table: Table) -> str:
    """A Markdown table whose columns are also aligned as plain text."""
    lines = (table.headings, *table.lines)
    escaped = [[text.replace("|", "\\|") for text in line] for line in lines]
    widths = [max(3, *map(len, column)) for column in zip(*escaped, strict=True)]
    rows = [
        "| " + " | ".join(f"{text:<{w}}" for text, w in zip(line, widths, strict=True)) + " |"
        for line in escaped
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([rows[0], rule, *rows[1:]])
