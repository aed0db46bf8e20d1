"""What ends a run, in the terminal: what the student is worth, by how much, and what to try next.

The first line says what the student beats, or what does as well; then come the scores, the
student by label, what the figures are of, and the next steps.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from stillhouse.core import paths
from stillhouse.kinds.measures import AGREEING, NAMED, OF_TEACHER, Figure, Measure
from stillhouse.report.advice import advice
from stillhouse.report.against import FREE, NAMES, TEACHER, worth, zero_shot_of
from stillhouse.report.cost import Rates, cost_lines, gained, paid_off
from stillhouse.report.label_lines import label_lines
from stillhouse.report.latest_run import Run, run_lines, totals
from stillhouse.report.layout import MOST_PROSE, Column, table, terminal_width, wrapped
from stillhouse.report.notes import notes
from stillhouse.report.plots import seeds
from stillhouse.report.summary import Metrics

Seconds = Mapping[str, float]
"""Seconds of the latest run of each stage, such as `train_student@0`."""

WITHOUT_GOLD = (
    "No test row has a label of its own: what follows is agreement with the teacher's labels, and "
    "says nothing of who is right."
)
MADE_BY = {
    "untrained": ("baseline",),
    paths.GOLD: ("gold_student",),
    TEACHER: ("teacher_generate",),
}


def latest_seconds(events: Iterable[Metrics]) -> dict[str, float]:
    """The seconds of each stage's latest run, in the order in which the stages last ran."""
    latest: dict[str, float] = {}
    for event in events:
        latest.pop(event["stage"], None)
        latest[event["stage"]] = event["seconds"]
    return latest


def print_results(
    found: Metrics,
    seconds: Seconds,
    console: Console | None = None,
    rates: Rates | None = None,
    latest: Run | None = None,
) -> None:
    """Print the report of `report.summary.everything`, as wide as the terminal."""
    console = console or Console(width=terminal_width(), highlight=False, markup=False)
    for line, style in results(found, seconds, console.width, rates, latest):
        console.print(Text(line, style=style), soft_wrap=True)


def results(
    found: Metrics,
    seconds: Seconds,
    width: int,
    rates: Rates | None = None,
    latest: Run | None = None,
) -> Iterator[tuple[str, str]]:
    """The report's lines, each with its style.

    Also what answers cost where `rates` are given, and what the stages of the `latest` run did.
    """
    prose = min(width, MOST_PROSE)
    measured = NAMED[found["measure"]]
    for each in verdict(found, rates):
        yield from ((line, "bold") for line in wrapped(each, prose))
    yield "", ""
    yield f"{measured.title} on {found['student']['rows']:,} test rows", "bold"
    yield from score_lines(found, seconds, width)
    for line in label_lines(found, width):
        yield line, ""
    for line in cost_lines(found, rates, width) if rates else ():
        yield line, ""
    yield "", ""
    told = list(notes(found))
    if rates and (cost := paid_off(found, rates)):
        told.append(cost)
    for note in told:
        yield from ((line, "") for line in wrapped(note, prose, indent=2))
    if latest and latest.stages:
        yield "", ""
        yield "Stages of the latest run", "bold"
        for line in run_lines(latest, width):
            yield line, ""
        yield f"In all {totals(latest)}", ""
    yield "", ""
    yield "What to try next", "bold"
    for step in advice(found):
        yield f"  {step.command}", "cyan"
        yield from ((f"      {line}", "") for line in wrapped(step.reason, prose - 6))


def verdict(found: Metrics, rates: Rates | None = None) -> list[str]:
    """What the student is worth, in a sentence or a few."""
    measured = NAMED[found["measure"]]
    gold = found["references"].get(paths.GOLD, {}).get("trained_on", 0)
    told = worth(found["against"], measured, gold)
    if measured is AGREEING:
        told = [WITHOUT_GOLD, *(f"In agreement with it: {each}" for each in told)]
    if rates and (line := gained(found, rates)):
        told.append(line)
    return told


@dataclass(frozen=True)
class Scored:
    """A model's name, its scores, and the stages (by the start of their names) that made them."""

    key: str
    name: str
    scores: Metrics
    stages: tuple[str, ...] = ()


def score_lines(found: Metrics, seconds: Seconds, width: int) -> Iterator[tuple[str, str]]:
    """One line for each model, over the test rows; the last one is the student's."""
    measured = NAMED[found["measure"]]
    lines = list(scored_models(found, measured))
    total = found["student"]["rows"]
    scores = [line.scores for line in lines]
    fewer = any(each.get("rows", total) != total for each in scores)
    columns = [
        Column(measured.heading, [measured.shown(each[measured.name]) for each in scores]),
        Column("95% interval", [_interval(each, measured) for each in scores]),
        *([Column("Rows", [f"{each.get('rows', total):,}" for each in scores])] if fewer else []),
        *(
            Column(figure.title, [_shown(each, figure) for each in scores], needed=False)
            for figure in measured.beside
        ),
        Column("Macro F1", [_share(each.get("macro_f1")) for each in scores], needed=False),
        Column(
            "Student's lead", [_lead(found, line.key, measured) for line in lines], needed=False
        ),
        Column("Seconds", [_seconds(line.stages, seconds) for line in lines], needed=False),
    ]
    told = [column for column in columns if column.needed or set(column.cells) != {"-"}]
    made = table(Column("", [line.name for line in lines]), told, width)
    own = len(made) - sum(line.startswith("  ") for line in made[-2:]) - 1
    yield from ((line, "") for line in made[:own])
    yield from ((line, "bold") for line in made[own:])


def scored_models(found: Metrics, measured: Measure) -> Iterator[Scored]:
    """What is scored on the test rows, the student last."""
    for key in (*FREE, paths.GOLD):
        scores = found["references"].get(key, {})
        if measured.name in scores:
            yield Scored(key, NAMES[key], scores, MADE_BY.get(key, ()))
    asked = found["teacher"]["splits"].get("test", {})
    if measured.of_teacher in asked and measured is not AGREEING:
        scores = {name.removeprefix(OF_TEACHER): value for name, value in asked.items()}
        rows = found["against"].get(TEACHER, asked)["rows"]
        yield Scored(TEACHER, NAMES[TEACHER], scores | {"rows": rows}, MADE_BY[TEACHER])
    for key, scores in found["references"].items():
        if name := zero_shot_of(key):
            yield Scored(key, name, scores)
    for seed, scores in seeds(found):
        made = (f"train_student@{seed}", f"evaluate@{seed}")
        yield Scored("", f"Student, seed {seed}", scores, made)
    student = found["student"]
    name = "Student"
    if student["seeds"] > 1:
        name += f", {student['seeds']} seeds (s.e. {measured.size(student['standard_error'])})"
    yield Scored("", name, student, ("train_student@", "evaluate@"))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _shown(scores: Metrics, figure: Figure) -> str:
    return figure.shown(scores[figure.name]) if figure.name in scores else "-"


def _interval(scores: Metrics, measured: Measure) -> str:
    low, high = (scores.get(f"{measured.name}_{end}") for end in ("low", "high"))
    return "-" if low is None or high is None else measured.ends(low, high)


def lead(figures: Metrics, measured: Measure) -> str:
    """The student's lead over a model, of its figures in `against`: `+2.0 (-1.0 to +5.0)`."""
    ends = (figures[f"difference{end}"] for end in ("", "_low", "_high"))
    mean, low, high = (measured.change(end) for end in ends)
    return f"{mean} ({low} to {high})"


def _lead(found: Metrics, key: str, measured: Measure) -> str:
    return lead(found["against"][key], measured) if key in found["against"] else "-"


def _seconds(stages: Sequence[str], seconds: Seconds) -> str:
    spent = [
        value
        for stage, value in seconds.items()
        if any(stage == made or (made[-1] == "@" and stage.startswith(made)) for made in stages)
    ]
    return f"{sum(spent):,.0f}" if spent else "-"
