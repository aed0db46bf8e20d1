"""The table of a study: mean scores, their differences from the reference, published figures.

As in `stillhouse compare`, what holds of these students and what of the methods stands apart.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import fmean
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from stillhouse.core.errors import StillhouseError
from stillhouse.experiments.compare import WIDTH, p_value
from stillhouse.experiments.revisions import Revision, paired, read_revision
from stillhouse.kinds.measures import ACCURACY, Measure
from stillhouse.statistics.intervals import Interval
from stillhouse.statistics.method import LEAST_SEEDS
from stillhouse.statistics.paired import Comparison, Side, compare, measure
from stillhouse.statistics.pairs import holm
from stillhouse.studies.complexity import (
    Complexity,
    Point,
    complexity_lines,
    complexity_of,
)
from stillhouse.studies.config import RowLine, Study
from stillhouse.studies.cost import Cost, cost_of, shown_cost
from stillhouse.studies.state import Found

STALE = "†"
DIGITS = 6
FIGURES = ("95% interval", "Difference", "Holm", "Seen from")
COMPARED = ("Row", "Column", "Difference", "p", "Holm", "Seen from")

Titles = tuple[str, str]
"""Of a row and a column."""


@dataclass(frozen=True)
class Cell:
    """One condition in the table."""

    found: Found
    side: Side | None
    comparison: Comparison | None
    """With the reference's condition of the same column."""
    students_holm: float | None = None
    """The p-value of two single students, adjusted for all those of the column (Holm 1979)."""
    method_holm: float | None = None
    """The same of the methods' tests."""
    cost: Cost | None = None
    """Of 1,000 answers."""
    complexity: Complexity | None = None
    """Of the test questions, where a judge was asked."""


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
    """Shares in percent; also where there is no cell."""
    measure: Measure = ACCURACY
    """What the scores of all conditions are."""
    figure: Literal["score", "cost", "people"] = "score"
    """What is published."""

    @property
    def published_scores(self) -> Mapping[Titles, float]:
        """What is published, where it is what the students here are scored by."""
        return self.published if self.figure == "score" else {}


def results(name: str, study: Study, found: Sequence[Found], *, small: bool) -> Results:
    """Read every condition's predictions and compare them with the reference's."""
    rows, columns = study.kept_rows(small=small), study.kept_columns(small=small)
    ran = {(each.condition.row, each.condition.column): each for each in found}
    revisions = {
        place: read_revision(each.experiment.commit, _models(rows, place[0]))
        for place, each in ran.items()
        if each.experiment
    }
    compared_with = study.compared_with(small=small)
    measured, cells = _measure(name, revisions.values()), {}
    for (row, line), (column, other) in product(rows.items(), columns.items()):
        place = (line.of or row, column)
        if place not in ran:
            continue
        reference = _seen(revisions, rows, compared_with, column)
        revision = _seen(revisions, rows, row, column)
        fixed = rows[compared_with].of is not None
        cells[line.title, other.title] = Cell(
            found=ran[place],
            side=_side(revision) if revision else None,
            comparison=_compared(reference, revision, fixed) if row != compared_with else None,
            cost=_cost(ran[place], line.model),
            complexity=_complexity(ran[place]),
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
        figure=published.figure if published else "score",
        measure=measured,
    )


def _models(rows: Mapping[str, RowLine], row: str) -> list[str]:
    """The other models that rows show of the experiments of one row."""
    return sorted({line.model for line in rows.values() if line.of == row})


def _seen(
    revisions: Mapping[tuple[str, str], Revision],
    rows: Mapping[str, RowLine],
    row: str,
    column: str,
) -> Revision | None:
    """What a row shows in a column: a run's students, or another model of the same run."""
    line = rows[row]
    revision = revisions.get((line.of or row, column))
    if revision is None or line.of is None:
        return revision
    return replace(revision, seeds={0: revision.models[line.model]})


def _complexity(found: Found) -> Complexity | None:
    return complexity_of(found.experiment.commit) if found.experiment else None


def _cost(found: Found, model: str) -> Cost | None:
    return cost_of(found.experiment.commit, model) if found.experiment else None


def _side(revision: Revision) -> Side:
    return measure(revision.seeds, revision.groups, revision.measure.scale)


def _measure(name: str, revisions: Iterable[Revision]) -> Measure:
    """What all of a study's scores are."""
    found = {revision.measure.name: revision.measure for revision in revisions}
    if len(found) > 1:
        titles = " and ".join(sorted(each.title.lower() for each in found.values()))
        raise StillhouseError(
            f"The conditions of the study {name!r} are scored by {titles}: one table cannot hold "
            "both. Divide the study."
        )
    return next(iter(found.values()), ACCURACY)


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


def _compared(
    reference: Revision | None, revision: Revision | None, fixed: bool
) -> Comparison | None:
    if reference is None or revision is None:
        return None
    try:
        before, after = paired(reference, revision)
    except StillhouseError:
        return None  # a column whose rows have different datasets
    scale = after.measure.scale
    return compare(before.seeds, after.seeds, after.groups, fixed=fixed, scale=scale)


@dataclass(frozen=True)
class Table:
    """A table as text."""

    headings: Sequence[str]
    lines: Sequence[Sequence[str]]


def parts(found: Results) -> list[str | Table]:
    """What the study found, in the order in which it is read."""
    measured = found.measure
    percent = " in percent" if measured.points else ""
    return [
        found.description,
        f"{measured.title}{percent} on the test rows: mean over seeds ± its standard error.",
        _grid(found),
        f"Intervals are 95%: over test rows and, with {LEAST_SEEDS} seeds or more, over seeds.",
        Table(
            ("Row", "Column", measured.heading, "95% interval", "Seeds"),
            [_score(cell, titles, measured) for titles, cell in found.cells.items()],
        ),
        *_comparisons(found),
        *_costs(found),
        *_complexities(found),
        *_people(found),
        *_notes(found),
    ]


def markdown(found: Results) -> str:
    """The table as Markdown: scores side by side, then each condition with its difference."""
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
            table.add_column(heading, no_wrap=heading in (found.measure.heading, *FIGURES))
        for line in part.lines:
            table.add_row(*map(Text, line))
        console.print(table)


def as_csv(found: Results) -> str:
    """The table as CSV, a line for each condition; shares lie between 0 and 1.

    `accuracy` in the headings is the name of what is measured.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    name = found.measure.name
    writer.writerow([heading.replace("accuracy", name) for heading in CSV])
    for titles, cell in found.cells.items():
        published = found.published_scores.get(titles)
        score = None if published is None else on_scale(published, found.measure)
        writer.writerow([*_csv_line(cell, titles), *_rounded(score)])
    return text.getvalue()


def _grid(found: Results) -> Table:
    def cell(row: str, column: str) -> str:
        here, published = found.cells.get((row, column)), found.published_scores.get((row, column))
        measured = found.measure
        shown = [_mean(here, measured) if here.side else here.found.state] if here else []
        digits = 2 if measured.digits is None else measured.digits
        shown += [] if published is None else [f"(published {published:.{digits}f})"]
        return " ".join(shown)

    lines = [[row, *(cell(row, column) for column in found.columns)] for row in found.rows]
    return Table(["", *found.columns], lines)


def _costs(found: Results) -> list[str | Table]:
    """What 1,000 answers of each model cost, where its entry has a price, and what is published."""
    costs = {titles: cell.cost for titles, cell in found.cells.items() if cell.cost}
    published = found.published if found.figure == "cost" else {}
    if not costs and not published:
        return []

    def cell(row: str, column: str) -> str:
        cost, said = costs.get((row, column)), published.get((row, column))
        shown = [shown_cost(cost)] if cost else []
        shown += [] if said is None else [f"(published {said:.2f})"]
        return " ".join(shown)

    lines = [[row, *(cell(row, column) for column in found.columns)] for row in found.rows]
    heading = "Money for 1,000 answers, from counted tokens and the entries' prices by the token."
    return [heading, Table(["", *found.columns], lines)]


def _people(found: Results) -> list[str | Table]:
    if found.figure != "people":
        return []
    said = {titles: f"{value:.2f}" for titles, value in found.published.items()}
    lines = [[row, *(said.get((row, c), "") for c in found.columns)] for row in found.rows]
    heading = (
        "What people rated, as published. `stillhouse ratings export` makes blind sheets of these "
        "runs' conversations, and `import` puts what your raters say beside the judge."
    )
    return [heading, Table(["", *found.columns], lines)]


def points_of(found: Results) -> list[Point]:
    """The gap of each condition to the reference, where the column's complexity is known."""
    scale = 100 if found.measure.points else 1
    return [
        Point(*titles, cell.complexity, scale * gap.mean, scale * gap.low, scale * gap.high)
        for titles, cell in found.cells.items()
        if cell.comparison and cell.complexity and (gap := cell.comparison.difference)
    ]


def _complexities(found: Results) -> list[str | Table]:
    lines = complexity_lines(points_of(found))
    heading = "How complex a judge finds the test questions."
    return [heading, Table(("Column", "Mean", "Median"), lines)] if lines else []


def on_scale(published: float, measured: Measure) -> float:
    """A published figure, of which shares are in percent, as scores are."""
    return published / 100 if measured.points else published


def _mean(cell: Cell, measured: Measure) -> str:
    assert cell.side
    error = cell.side.standard_error
    spread = "" if error is None else f" ± {measured.size(error)}"
    mark = STALE if cell.found.changed else ""
    return f"{measured.size(cell.side.score.mean)}{spread}{mark}"


def _score(cell: Cell, titles: Titles, measured: Measure) -> list[str]:
    if cell.side is None:
        return [*titles, cell.found.state, "", ""]
    score = cell.side.score
    ends = measured.ends(score.low, score.high)
    return [*titles, _mean(cell, measured), ends, str(cell.side.seeds)]


def _comparisons(found: Results) -> list[str | Table]:
    students, methods, measured = [], [], found.measure
    for titles, cell in found.cells.items():
        if cell.comparison is None:
            continue
        tests, method = cell.comparison.pairs.values(), cell.comparison.method
        gap = _difference(cell.comparison.difference, measured)
        p = ", ".join(p_value(test.p_value) for test in tests)
        seen = measured.size(fmean(test.detectable for test in tests)) if tests else ""
        students.append([*titles, gap, p, _optional(cell.students_holm), seen])
        if method:
            gap, p = _difference(method.difference, measured), p_value(method.p_value)
            seen = measured.size(method.detectable)
            methods.append([*titles, gap, p, _optional(cell.method_holm), seen])
    if not students:
        return []
    unit = " in points" if measured.points else ""
    test = "the randomisation test" if measured.graded else "McNemar's exact test"
    shown: list[str | Table] = [
        f"Each condition against {found.reference!r} in the same column, by row: difference{unit} "
        "with its 95% interval, p-value, the p-value adjusted for all comparisons of the "
        "column (Holm), and the smallest difference that would be seen at 5% in 80% of trials.",
        f"These students: intervals over test rows; {test} of two single "
        "students, for several seeds one for each that both have.",
        Table(COMPARED, students),
    ]
    if not methods:
        return [*shown, f"The method: nothing can be said without {LEAST_SEEDS} seeds a side."]
    said = "The method: intervals and t-test over seeds and test rows."
    if len(methods) < len(students):
        said += f" Nothing can be said of conditions with fewer than {LEAST_SEEDS} seeds a side."
    return [*shown, said, Table(COMPARED, methods)]


def _difference(gap: Interval, measured: Measure) -> str:
    mean, low, high = map(measured.change, (gap.mean, gap.low, gap.high))
    return f"{mean} ({low} to {high})"


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
    if cell.side:
        ends = cell.side.score
        error = cell.side.standard_error
        line += [cell.side.seeds, *_rounded(ends.mean, error, ends.low, ends.high)]
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
