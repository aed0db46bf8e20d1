"""How often the teacher is right, from rows that people labelled: by label, and of all rows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stillhouse.config.dataset import Metric
from stillhouse.kinds.registry import kind_of
from stillhouse.sheets.draw import By, Candidate
from stillhouse.statistics.intervals import Interval, wilson
from stillhouse.statistics.stratified import Stratum, expected_half_width, stratified_interval

SUPPOSED = 0.8
"""The accuracy whose interval is said beforehand."""


@dataclass(frozen=True)
class Estimate:
    """The teacher's accuracy over the rows of the labels that the sheet has a row of."""

    accuracy: Interval
    strata: Mapping[str, Stratum]
    covered: int
    population: int


def teacher_accuracy(
    population: Sequence[Candidate], labels: Mapping[str, str], metric: Metric
) -> Estimate | None:
    """The estimate from labels by id, weighted back to the population; None without any row of it.

    A row to which the teacher gave no label counts as wrong.
    """
    sizes = Counter(row.stratum for row in population)
    drawn, right = Counter[str](), Counter[str]()
    for row in population:
        if row.id in labels:
            kind = kind_of(metric, row.choices)
            drawn[row.stratum] += 1
            right[row.stratum] += (
                row.teacher is not None and kind.score(row.teacher, labels[row.id]) == 1
            )
    strata = {name: Stratum(sizes[name], drawn[name], right[name]) for name in sorted(drawn)}
    if not strata:
        return None
    covered = sum(stratum.population for stratum in strata.values())
    interval = stratified_interval(list(strata.values()))
    return Estimate(interval, strata, covered, len(population))


def foretold(population: Sequence[Candidate], drawn: Sequence[Candidate], by: By) -> list[str]:
    """What so many rows will be able to say."""
    whole = expected_half_width([Stratum(len(population), len(drawn))], SUPPOSED)
    if by == "none":
        return [
            f"An accuracy of {SUPPOSED:.0%} will stand at ±{100 * whole:.0f} points (95% interval)."
        ]
    sizes = Counter(row.stratum for row in population)
    counts = Counter(row.stratum for row in drawn)
    strata = [Stratum(sizes[name], counts[name]) for name in counts]
    overall = expected_half_width(strata, SUPPOSED)
    single = [expected_half_width([stratum], SUPPOSED) for stratum in strata]
    return [
        f"An accuracy of {SUPPOSED:.0%} will stand at ±{100 * overall:.0f} points (95% interval), "
        f"weighted by how often the teacher gives each label; that of one label at "
        f"±{100 * max(single):.0f}."
    ]


def lines(found: Estimate) -> Iterator[str]:
    """The estimate as people read it."""
    mean, low, high = found.accuracy.mean, found.accuracy.low, found.accuracy.high
    yield (
        f"The teacher is right in {mean:.1%} ({low:.1%} to {high:.1%}) of the {found.covered:,} "
        "rows, each label weighted by how often the teacher gives it:"
    )
    width = max(map(len, [*found.strata, "its label"]))
    yield f"  {'its label':<{width}}     rows  labelled   right"
    for name, stratum in found.strata.items():
        own = wilson(stratum.right, stratum.drawn)
        yield (
            f"  {name:<{width}}  {stratum.population:>7,}  {stratum.drawn:>8,}  {own.mean:>6.1%} "
            f"({own.low:.1%} to {own.high:.1%})"
        )
    if found.covered < found.population:
        yield (
            f"Of the other {found.population - found.covered:,} rows, to which the teacher gave "
            "other labels, the sheet has none."
        )
