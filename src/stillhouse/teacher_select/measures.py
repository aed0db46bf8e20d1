"""What a search found: its metrics, its table, and why the chosen candidate is chosen."""

import math
from typing import Any

from stillhouse.config.teacher import Price
from stillhouse.kinds.measures import Measure
from stillhouse.report.layout import MOST_PROSE, Column, table, terminal_width, wrapped
from stillhouse.statistics.intervals import DIGITS, Interval, as_metrics
from stillhouse.teacher_generate.estimate import has_price, money
from stillhouse.teacher_select.search import Searched
from stillhouse.teacher_select.standing import ANSWERS, Placed, Standing

Metrics = dict[str, Any]


def metrics(found: Searched, price: Price) -> Metrics:
    """The content of metrics/selected.json; nothing in it depends on what the store had."""
    return {
        "rows": found.rounds[-1].rows,
        "chosen": found.chosen.standing.candidate.name,
        "why": why(found, price),
        "answers": found.answers,
        "requests": found.requests,
        "saved": found.saved,
        "rounds": {str(number): vars(each) for number, each in enumerate(found.rounds, 1)},
        "candidates": {
            each.standing.candidate.name: _of_candidate(each, found, price) for each in found.every
        },
    }


def _of_candidate(each: Placed, found: Searched, price: Price) -> Metrics:
    standing = each.standing
    measured: Metrics = {
        "prompt": standing.candidate.prompt,
        "decoding": dict(standing.candidate.changes),
        "outcome": outcome(each, found),
        "rounds": standing.round,
        "rows": len(standing.scores),
        **as_metrics(standing.measure.name, standing.interval),
        "usable": round(standing.usable, DIGITS),
    }
    for name in ("prompt_tokens", "completion_tokens"):
        tokens = getattr(standing, name)
        if tokens is not None:
            measured[name] = round(tokens, DIGITS)
    if has_price(price) and math.isfinite(standing.cost):
        measured[f"cost_of_{ANSWERS}"] = {price.currency: round(standing.cost, DIGITS)}
    if each.gap is not None:
        measured |= as_metrics("against_best", each.gap.difference)
        measured["p_value"] = round(each.gap.p_value, DIGITS)
    return measured


def outcome(each: Placed, found: Searched) -> str:
    """What became of a candidate, in a word or two."""
    if each is found.chosen:
        return "chosen"
    if each.standing.round < len(found.rounds):
        return "dropped"
    if each.gap is None:
        return "best"
    return "as good" if each.is_as_good else "worse"


def why(found: Searched, price: Price) -> str:
    """Why the chosen candidate is chosen, in a sentence."""
    chosen, best = found.chosen, found.best
    name, shown = chosen.standing.candidate.name, best.measure.shown
    rows = f"{len(best.scores):,} validation rows"
    if chosen.gap is not None:
        below = _difference(chosen.gap.difference, best.measure)
        return (
            f"{name} is chosen: it scores {shown(chosen.standing.mean)} on {rows}, which is not "
            f"below the {shown(best.mean)} of the best, {best.candidate.name}, by more than "
            f"chance explains ({below}, p = {chosen.gap.p_value:.2f}), "
            f"and {_cheaper(chosen.standing, best, price)}."
        )
    alike = sum(outcome(each, found) == "as good" for each in found.every)
    others = (
        f"and none of those that are as good ({alike}) costs less"
        if alike
        else "and every other one is worse by more than chance explains"
    )
    return f"{name} is chosen: it scores best, {shown(best.mean)} on {rows}, {others}."


def _cheaper(chosen: Standing, best: Standing, price: Price) -> str:
    if chosen.cost == best.cost:
        return "it comes first in the search's entry, at the same cost"
    if not math.isfinite(best.cost):
        return "its tokens were counted, which the other's were not"
    costs = [_cost(each, price) for each in (chosen, best)]
    unit = "" if has_price(price) else " tokens"
    return f"it costs less: {costs[0]} against {costs[1]}{unit} for {ANSWERS:,} answers"


def _cost(standing: Standing, price: Price) -> str:
    if not math.isfinite(standing.cost):
        return "-"
    return money(standing.cost, price) if has_price(price) else f"{standing.cost:,.0f}"


def _difference(difference: Interval, measure: Measure) -> str:
    mean, low, high = map(measure.change, (difference.mean, difference.low, difference.high))
    return f"{mean}{measure.points}, {low} to {high}"


def lines(found: Searched, price: Price) -> list[str]:
    """The table of all candidates, why one is chosen, and the calls, as people read them."""
    width = terminal_width()
    every = [each.standing for each in found.every]
    measure, intervals = every[0].measure, [each.interval for each in every]
    columns = [
        Column("Rows", [f"{len(each.scores):,}" for each in every]),
        Column(measure.heading, [measure.shown(each.mean) for each in intervals]),
        Column("95% interval", [measure.ends(each.low, each.high) for each in intervals]),
        Column("Usable", [f"{each.usable:.1%}" for each in every], needed=False),
        Column("Tokens in", [_tokens(each.prompt_tokens) for each in every], needed=False),
        Column("Tokens out", [_tokens(each.completion_tokens) for each in every], needed=False),
        Column(
            f"{'Cost' if has_price(price) else 'Tokens'}/{ANSWERS:,}",
            [_cost(each, price) for each in every],
        ),
        Column("Outcome", [outcome(each, found) for each in found.every]),
    ]
    names = Column("Candidate", [each.candidate.name for each in every])
    prose = min(width, MOST_PROSE)
    said = [why(found, price), calls(found)]
    return [
        "",
        *table(names, columns, width),
        "",
        *(x for text in said for x in wrapped(text, prose)),
    ]


def calls(found: Searched) -> str:
    """How many requests the search took, and how many it did without."""
    shared = found.answers - found.requests
    said = f"{found.answers:,} completions in {found.requests:,} requests ({shared:,} shared)"
    if found.saved:
        everything = found.requests + found.saved
        said += (
            f"; all candidates on all rows would have taken {everything:,}, so dropping the worse "
            f"ones saved {found.saved:,}"
        )
    return f"{said}."


def _tokens(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:,.0f}"
