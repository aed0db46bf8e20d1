"""The figures of ratings, for a terminal and for programs."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stillhouse.core.text import printable
from stillhouse.experiments.compare import WIDTH, p_value
from stillhouse.ratings.key import Key
from stillhouse.ratings.measure import Gap, Mean, Measures
from stillhouse.ratings.raters import Sheets
from stillhouse.ratings.shown import guarded
from stillhouse.statistics.intervals import DIGITS, Interval
from stillhouse.statistics.pairs import LEAST_DIFFERING
from stillhouse.statistics.ranks import Coefficient

ALL = "(all)"


def print_measures(found: Measures) -> None:
    """Print the tables of means and of differences, and what else there is to say."""
    console = Console(width=WIDTH, highlight=False, markup=False)
    console.print(_means(found))
    if found.gaps:
        console.print(_gaps(found))
    for line in (*_of_gaps(found), *_of_agreement(found), *_of_judge(found), *_of_length(found)):
        console.print(Text(printable(line)))


def _means(found: Measures) -> Table:
    scale = f"{found.scale.low:g} to {found.scale.high:g}"
    table = _table(
        f"Ratings from {scale}: {_count(found.replies, 'reply', 'replies')} to "
        f"{_count(found.rows, 'row')}, {_count(len(found.raters), 'rater')}",
        ("Model", "Rater"),
        ("Mean", "95% interval", "Replies", "Words", *(["Judge"] if found.judged else [])),
    )
    for name, model in found.models.items():
        judge = "-" if model.judge is None else f"{model.judge:.2f}"
        _add(table, name, ALL, *_cells(model.all), f"{model.words:.0f}", judge, style="bold")
        for rater, mean in model.raters.items() if len(found.raters) > 1 else ():
            _add(table, "", rater, *_cells(mean))
    return table


def _gaps(found: Measures) -> Table:
    table = _table(
        "Differences in points, paired by row", ("Second", "First"),
        ("Difference", "95% interval", "p", "Rows"),
    )  # fmt: skip
    for gap in found.gaps:
        difference = gap.test.difference
        cells = (f"{difference.mean:+.2f}", _ends(difference, "+.2f"), p_value(gap.adjusted))
        _add(table, gap.other, gap.one, *cells, f"{gap.rows:,}")
    return table


def _table(title: str, names: tuple[str, ...], figures: tuple[str, ...]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", width=WIDTH)
    for heading in names:
        table.add_column(heading, ratio=1, overflow="fold")
    for heading in figures:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _add(table: Table, *cells: str, style: str = "") -> None:
    shown = cells[: len(table.columns)]
    table.add_row(*(Text(printable(cell), style=style) for cell in shown))


def _cells(mean: Mean) -> tuple[str, str, str]:
    return f"{mean.mean.mean:.2f}", _ends(mean.mean, ".2f"), f"{mean.replies:,}"


def _ends(interval: Interval, form: str) -> str:
    return f"{interval.low:{form}} to {interval.high:{form}}"


def _of_gaps(found: Measures) -> Iterator[str]:
    raters = "this rater" if len(found.raters) == 1 else f"these {len(found.raters)} raters"
    yield f"Intervals are over rows, of {raters}: others may rate otherwise."
    for gap in found.gaps:
        if gap.significant:
            better = "higher" if gap.test.difference.mean > 0 else "lower"
            yield f"{gap.other} is rated {better} than {gap.one}, significant at 5%."
    if found.gaps and not any(gap.significant for gap in found.gaps):
        what = "The difference is" if len(found.gaps) == 1 else "No difference is"
        negated = "not significant" if len(found.gaps) == 1 else "significant"
        yield f"{what} {negated} at 5%, which does not show that there is none."
    if found.gaps:
        yield "p: randomisation test" + (
            ", adjusted for the number of pairs (Holm)." if len(found.gaps) > 1 else "."
        )
        yield _seen(found)
    for one, other in found.unpaired:
        yield f"No rater rated {one} and {other} on the same row, so they are not compared."


def _seen(found: Measures) -> str:
    """What could have been seen, in a sentence: of the pair that shows least."""
    least = max(found.gaps, key=lambda gap: gap.test.detectable or float("inf"))
    rows = _count(least.test.groups, "row")
    if least.test.groups != least.rows:
        rows = _count(least.test.groups, "group") + " of rows"
    limit = least.test.detectable
    if limit is None:
        return (
            f"With {rows} no difference can be significant, whatever is seen: the test needs "
            f"{LEAST_DIFFERING} that differ."
        )
    if limit > found.scale.width:
        return f"With {rows} no difference on this scale would be seen in 80% of trials."
    return f"With {rows} a difference of {limit:.2f} points would be seen in 80% of trials."


def _of_agreement(found: Measures) -> Iterator[str]:
    alphas = {"ordinal": found.ordinal, "interval": found.interval}
    shown = [f"{name} {_coefficient(alpha)}" for name, alpha in alphas.items() if alpha]
    if found.ordinal is not None and shown:
        count = _count(found.ordinal.count, "reply", "replies")
        yield f"Krippendorff's alpha, {count} of several raters: {', '.join(shown)}."
    elif len(found.raters) == 1:
        yield "One rater: Krippendorff's alpha needs two."
    else:
        yield ("Krippendorff's alpha cannot be said: no reply has two ratings, or all are equal.")


def _of_judge(found: Measures) -> Iterator[str]:
    if found.judge is None:
        return
    yield (
        f"Judge ({found.judge}), {found.judged:,} of {found.replies:,} replies: Spearman "
        f"{_correlations(found.with_judge, found.with_judge_by_model)}."
    )


def _of_length(found: Measures) -> Iterator[str]:
    shown = _correlations(found.with_length, found.with_length_by_model)
    yield f"Length of the reply against its rating: Spearman {shown}."


def _correlations(found: Coefficient | None, by_model: Mapping[str, Coefficient | None]) -> str:
    parts = [_coefficient(found)]
    if len(by_model) > 1:
        parts += [f"{model} {_coefficient(each)}" for model, each in by_model.items()]
    return "; ".join(parts)


def _coefficient(found: Coefficient | None) -> str:
    if found is None:
        return "cannot be said"
    if found.low is None or found.high is None:
        return f"{found.value:.2f} (no interval)"
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def _count(number: int, one: str, several: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def as_values(found: Measures) -> dict[str, Any]:
    """All figures as JSON has them, rounded as metrics are; a null cannot be said.

    Means and differences are in points of the scale, coefficients from -1 to 1.
    """
    values: dict[str, Any] = {
        "scale": [found.scale.low, found.scale.high],
        "rows": found.rows,
        "replies": found.replies,
        "ratings": dict(found.raters),
        "missing": len(found.missing),
        "models": {
            name: _mean(model.all)
            | {"words": round(model.words, DIGITS)}
            | ({} if model.judge is None else {"judge": round(model.judge, DIGITS)})
            | {"raters": {rater: _mean(mean) for rater, mean in model.raters.items()}}
            for name, model in found.models.items()
        },
        "differences": [_gap(gap) for gap in found.gaps],
        "alpha": {"ordinal": _rounded(found.ordinal), "interval": _rounded(found.interval)},
        "length": _rounded(found.with_length)
        | {"models": {name: _rounded(each) for name, each in found.with_length_by_model.items()}},
    }
    if found.judge is not None:
        by_model = {name: _rounded(each) for name, each in found.with_judge_by_model.items()}
        values["judge"] = _rounded(found.with_judge) | {"models": by_model}
    return values


def _mean(mean: Mean) -> dict[str, Any]:
    return {"replies": mean.replies} | _interval(mean.mean, "mean")


def _gap(gap: Gap) -> dict[str, Any]:
    test = gap.test
    return (
        {"one": gap.one, "other": gap.other, "rows": gap.rows, "groups": test.groups}
        | _interval(test.difference, "difference")
        | {
            "p_value": round(test.p_value, DIGITS),
            "p_value_adjusted": round(gap.adjusted, DIGITS),
            "significant": gap.significant,
            "detectable": None if test.detectable is None else round(test.detectable, DIGITS),
        }
    )


def _interval(interval: Interval, name: str) -> dict[str, float]:
    ends = {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {key: round(value, DIGITS) for key, value in ends.items()}


def _rounded(found: Coefficient | None) -> dict[str, Any]:
    if found is None:
        return {"value": None, "value_low": None, "value_high": None, "replies": 0}
    ends = {"value": found.value, "value_low": found.low, "value_high": found.high}
    rounded = {k: None if end is None else round(end, DIGITS) for k, end in ends.items()}
    return rounded | {"replies": found.count}


def as_csv(sheets: Sheets, key: Key) -> str:
    """Every rating with the models that gave the reply, a line for each model."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["row", "model", "rating_id", "rater", "rating", "comment"])
    lines = sorted(
        (key.ratings[rating.rating_id].row, model, rating.rating_id, rating.rater,
         f"{rating.value:g}", rating.comment)
        for rating in sheets.ratings
        for model in key.ratings[rating.rating_id].models
    )  # fmt: skip
    writer.writerows([guarded(cell) for cell in line] for line in lines)
    return text.getvalue()
