"""`stillhouse compare`: two revisions' students on the same test rows, and what chance explains."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stillhouse.evaluation.intervals import Interval
from stillhouse.evaluation.paired import Accuracy, Comparison, compare
from stillhouse.experiments.runs import read_run, require_same_rows

WIDTH = 80


def compare_revisions(one: str, other: str) -> Comparison:
    """Read both revisions' predictions and compare them by row."""
    before, after = read_run(one), read_run(other)
    require_same_rows(before, after)
    return compare(before.seeds, after.seeds)


def as_json(one: str, other: str, found: Comparison) -> str:
    """The comparison as a JSON object; shares and differences lie between -1 and 1."""
    values: dict[str, Any] = asdict(found)
    values["one"] |= {"revision": one}
    values["other"] |= {"revision": other}
    return json.dumps(values | {"significant": found.significant}, indent=2, ensure_ascii=False)


def print_comparison(one: str, other: str, found: Comparison) -> None:
    """Print both accuracies, the difference, the tests, and the verdict in words."""
    console = Console(width=WIDTH, highlight=False, markup=False)
    console.print(_table([(one, found.one), (other, found.other)], found.rows))
    low, high = points(found.difference.low), points(found.difference.high)
    console.print(
        Text(f"Difference: {points(found.difference.mean)} points ({low} to {high}, paired by row)")
    )
    for line in (*_tests(found), verdict(found)):
        console.print(Text(line))


def verdict(found: Comparison) -> str:
    """What may be said of the difference, in a sentence."""
    reason = "McNemar's exact test" if found.single else "the interval, over rows and seeds"
    if not found.significant:
        return f"The difference is not significant at 5% (by {reason})."
    better = "higher" if found.difference.mean > 0 else "lower"
    return f"The second is {better}, significant at 5% (by {reason})."


def percent(interval: Interval) -> str:
    """The ends of an interval of shares, in percent."""
    return f"{interval.low:.1%} to {interval.high:.1%}"


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+.1f}"


def _table(runs: Iterable[tuple[str, Accuracy]], rows: int) -> Table:
    table = Table(title=f"{rows:,} test rows", box=box.SIMPLE_HEAD, title_justify="left")
    table.width = WIDTH
    table.add_column("Revision", ratio=1)
    for heading in ("Accuracy", "95% interval", "Seeds", "s.e."):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, run in runs:
        error = "-" if run.standard_error is None else f"{100 * run.standard_error:.1f}"
        cells = (name, f"{run.accuracy.mean:.1%}", percent(run.accuracy), str(run.seeds), error)
        table.add_row(*map(Text, cells))
    return table


def _tests(found: Comparison) -> list[str]:
    if not found.mcnemar:
        return ["McNemar's test: none, since the two have no seed in common"]
    return [
        f"McNemar{'' if found.single else f', seed {seed}'}: {test.only_one} rows right in the "
        f"first alone, {test.only_other} in the second, p = {test.p_value:.2g}"
        for seed, test in found.mcnemar.items()
    ]
