"""`stillhouse compare`: two revisions' students on the same test rows, and what chance explains.

Two statements are kept apart: of these students, whose difference the choice of test rows alone may
explain, and of the methods, which another training would show by other students.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stillhouse.experiments.revisions import Revision, read_revision, scored_in_both
from stillhouse.kinds.measures import ACCURACY, Measure
from stillhouse.statistics.intervals import Interval
from stillhouse.statistics.method import LEAST_SEEDS
from stillhouse.statistics.paired import Comparison, Side, compare

WIDTH = 80
TESTS = {"mcnemar": "McNemar", "sign_flip": "Randomisation"}


@dataclass(frozen=True)
class Compared:
    """Two revisions by name, and their comparison by what their scores measure."""

    one: str
    other: str
    found: Comparison
    measure: Measure = ACCURACY


def compare_revisions(one: str, other: str) -> Compared:
    """Read both revisions' predictions and compare them by row."""
    return compared(read_revision(one), read_revision(other))


def compared(before: Revision, after: Revision) -> Compared:
    """Compare two revisions that were read, by row."""
    measure = before.measure
    found = compare(*scored_in_both(before, after), before.groups, scale=measure.scale)
    return Compared(before.name, after.name, found, measure)


def as_json(compared: Compared) -> str:
    """The comparison as a JSON object; differences of shares lie between -1 and 1.

    `students` and `method` are the two statements; a `significant` of null says nothing.
    """
    found = compared.found
    pair, method = found.pair, found.method
    values: dict[str, Any] = {
        "rows": found.rows,
        "groups": found.groups,
        "one": _side(compared.one, found.one, compared.measure),
        "other": _side(compared.other, found.other, compared.measure),
        "students": {
            "difference": asdict(found.difference),
            "pairs": {seed: asdict(test) for seed, test in found.pairs.items()},
            "significant": pair.significant if pair else None,
        },
        "method": (asdict(method) if method else {})
        | {"significant": method.significant if method else None},
    }
    return json.dumps(values, indent=2, ensure_ascii=False)


def _side(revision: str, side: Side, measure: Measure) -> dict[str, Any]:
    values = asdict(side)
    return {"revision": revision, measure.name: values.pop("score"), **values}


def print_comparison(compared: Compared) -> None:
    """Print both means, the difference, and what may be said of students and methods."""
    found, measure = compared.found, compared.measure
    title = f"{found.rows:,} test rows"
    if found.groups != found.rows:
        title += f" in {found.groups:,} groups"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", width=WIDTH)
    table.add_column("Revision", ratio=1, overflow="fold")
    for heading in (measure.heading, "95% interval", "over", "Seeds", "s.e."):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, side in ((compared.one, found.one), (compared.other, found.other)):
        error = "-" if side.standard_error is None else measure.size(side.standard_error)
        over = "rows, seeds" if side.of_method else "rows"
        cells = (
            name,
            measure.shown(side.score.mean),
            measure.ends(side.score.low, side.score.high),
            over,
            str(side.seeds),
            error,
        )
        table.add_row(*map(Text, cells))
    console = Console(width=WIDTH, highlight=False, markup=False)
    console.print(table)
    for line in (*of_students(found, measure), *of_method(found, measure)):
        console.print(Text(line))


def in_a_word(found: Comparison) -> str:
    """The second against the first in a word or two: better, worse, noise (no significant
    difference), same (in no row any), or not tested, where no test says anything.

    It is of the students where each side is a single one, else of the methods.
    """
    pair, method = found.pair, found.method
    if pair and not pair.only_one and not pair.only_other:
        return "same"
    test = pair or method
    if test is None:
        return "not tested"
    if not test.significant:
        return "noise"
    return "better" if found.difference.mean > 0 else "worse"


def of_students(found: Comparison, measure: Measure = ACCURACY) -> Iterator[str]:
    """What may be said of these students, line by line."""
    yield f"These students: {gap(found.difference, measure)}, over test rows)"
    if not found.pairs:
        yield "  No test of two students: the two revisions have no seed in common."
        return
    for seed, test in found.pairs.items():
        of = "" if found.pair else f", seed {seed}"
        better = "alone right" if test.test == "mcnemar" else "higher"
        yield (
            f"  {TESTS[test.test]}{of}: first {better} in {test.only_one} rows, second in "
            f"{test.only_other}: p {p_value(test.p_value, '= ')}"
        )
    if found.pair:
        yield f"  {_significance('student', found.difference.mean, found.pair.significant)}"
    yield f"  {seen(fmean(test.detectable for test in found.pairs.values()), measure)}"


def of_method(found: Comparison, measure: Measure = ACCURACY) -> Iterator[str]:
    """What may be said of the methods, line by line."""
    test = found.method
    if test is None:
        yield (
            f"The method: nothing can be said without {LEAST_SEEDS} seeds a side; these have "
            f"{found.one.seeds} and {found.other.seeds}."
        )
        return
    yield f"The method: {gap(test.difference, measure)}, over seeds and test rows)"
    yield f"  t-test, {test.degrees:.1f} degrees of freedom: p {p_value(test.p_value, '= ')}"
    yield f"  {_significance('method', test.difference.mean, test.significant)}"
    yield f"  {seen(test.detectable, measure)}"


def _significance(what: str, difference: float, significant: bool) -> str:
    if not significant:
        return "Not significant at 5%, which does not show that there is no difference."
    better = "higher" if difference > 0 else "lower"
    return f"The second {what} scores {better}, significant at 5%."


def seen(difference: float, measure: Measure = ACCURACY) -> str:
    """What could have been seen, in a sentence."""
    if difference > measure.scale.width:
        return "With so few rows and seeds no difference would be seen in 80% of trials."
    size = f"{measure.size(difference)}{measure.points}"
    return f"A difference of {size} would be seen in 80% of trials."


def gap(difference: Interval, measure: Measure = ACCURACY) -> str:
    """A difference and its interval, as `+2.0 points (-1.0 to +5.0`, still open."""
    mean, low, high = map(measure.change, (difference.mean, difference.low, difference.high))
    return f"{mean}{measure.points} ({low} to {high}"


def p_value(value: float, equals: str = "") -> str:
    """A p-value to two digits, after `equals`; none is nil."""
    return f"{equals}{value:.2g}" if value >= 0.0001 else "<0.0001"
