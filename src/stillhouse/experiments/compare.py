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

from stillhouse.experiments.revisions import read_revision, require_same_rows
from stillhouse.statistics.intervals import Interval
from stillhouse.statistics.method import LEAST_SEEDS
from stillhouse.statistics.paired import Comparison, compare

WIDTH = 80
TESTS = {"mcnemar": "McNemar", "sign_flip": "Randomisation"}


@dataclass(frozen=True)
class Compared:
    """Two revisions by name, and their comparison."""

    one: str
    other: str
    found: Comparison


def compare_revisions(one: str, other: str) -> Compared:
    """Read both revisions' predictions and compare them by row."""
    before, after = read_revision(one), read_revision(other)
    require_same_rows(before, after)
    found = compare(before.seeds, after.seeds, before.groups)
    return Compared(before.name, after.name, found)


def as_json(compared: Compared) -> str:
    """The comparison as a JSON object; shares and differences lie between -1 and 1.

    `students` and `method` are the two statements; a `significant` of null says nothing.
    """
    found = compared.found
    pair, method = found.pair, found.method
    values: dict[str, Any] = {
        "rows": found.rows,
        "groups": found.groups,
        "one": {"revision": compared.one} | asdict(found.one),
        "other": {"revision": compared.other} | asdict(found.other),
        "students": {
            "difference": asdict(found.difference),
            "pairs": {seed: asdict(test) for seed, test in found.pairs.items()},
            "significant": pair.significant if pair else None,
        },
        "method": (asdict(method) if method else {})
        | {"significant": method.significant if method else None},
    }
    return json.dumps(values, indent=2, ensure_ascii=False)


def print_comparison(compared: Compared) -> None:
    """Print both accuracies, the difference, and what may be said of students and methods."""
    found = compared.found
    title = f"{found.rows:,} test rows"
    if found.groups != found.rows:
        title += f" in {found.groups:,} groups"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", width=WIDTH)
    table.add_column("Revision", ratio=1, overflow="fold")
    for heading in ("Accuracy", "95% interval", "over", "Seeds", "s.e."):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, side in ((compared.one, found.one), (compared.other, found.other)):
        error = "-" if side.standard_error is None else f"{100 * side.standard_error:.1f}"
        over = "rows, seeds" if side.of_method else "rows"
        cells = (
            name, f"{side.accuracy.mean:.1%}", percent(side.accuracy), over, str(side.seeds), error
        )  # fmt: skip
        table.add_row(*map(Text, cells))
    console = Console(width=WIDTH, highlight=False, markup=False)
    console.print(table)
    for line in (*of_students(found), *of_method(found)):
        console.print(Text(line))


def of_students(found: Comparison) -> Iterator[str]:
    """What may be said of these students, line by line."""
    yield f"These students: {gap(found.difference)}, over test rows)"
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
    yield f"  {seen(fmean(test.detectable for test in found.pairs.values()))}"


def of_method(found: Comparison) -> Iterator[str]:
    """What may be said of the methods, line by line."""
    test = found.method
    if test is None:
        yield (
            f"The method: nothing can be said without {LEAST_SEEDS} seeds a side; these have "
            f"{found.one.seeds} and {found.other.seeds}."
        )
        return
    yield f"The method: {gap(test.difference)}, over seeds and test rows)"
    yield f"  t-test, {test.degrees:.1f} degrees of freedom: p {p_value(test.p_value, '= ')}"
    yield f"  {_significance('method', test.difference.mean, test.significant)}"
    yield f"  {seen(test.detectable)}"


def _significance(what: str, difference: float, significant: bool) -> str:
    if not significant:
        return "Not significant at 5%, which does not show that there is no difference."
    better = "higher" if difference > 0 else "lower"
    return f"The second {what} scores {better}, significant at 5%."


def seen(difference: float) -> str:
    """What could have been seen, in a sentence."""
    if difference > 1:
        return "With so few rows and seeds no difference would be seen in 80% of trials."
    return f"A difference of {100 * difference:.1f} points would be seen in 80% of trials."


def gap(difference: Interval) -> str:
    """A difference and its interval, as `+2.0 points (-1.0 to +5.0`, still open."""
    low, high = points(difference.low), points(difference.high)
    return f"{points(difference.mean)} points ({low} to {high}"


def percent(interval: Interval) -> str:
    """The ends of an interval of shares, in percent."""
    return f"{interval.low:.1%} to {interval.high:.1%}"


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+.1f}"


def p_value(value: float, equals: str = "") -> str:
    """A p-value to two digits, after `equals`; none is nil."""
    return f"{equals}{value:.2g}" if value >= 0.0001 else "<0.0001"
