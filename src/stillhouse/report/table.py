"""The table that ends a run: accuracies, intervals, rows, seconds, and what to try next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stillhouse.report.advice import advice
from stillhouse.report.plots import seeds
from stillhouse.report.summary import TEACHER_ACCURACY, Metrics

WIDTH = 80

Seconds = Mapping[str, float]
"""Seconds of the latest run of each stage, such as `train_student@0`."""


def latest_seconds(events: Iterable[Metrics]) -> dict[str, float]:
    """The seconds of each stage's latest run, in the order in which the stages last ran."""
    latest: dict[str, float] = {}
    for event in events:
        latest.pop(event["stage"], None)
        latest[event["stage"]] = event["seconds"]
    return latest


def print_results(summary: Metrics, seconds: Seconds, console: Console | None = None) -> None:
    """Print the results; plain text of 80 columns when there is no terminal."""
    console = console or Console(width=WIDTH, highlight=False, markup=False)
    console.print(accuracy_table(summary, seconds))
    for line in notes(summary, seconds):
        console.print(Text(line))
    console.print(Text("\nWhat to try next", style="bold"))
    for step in advice(summary):
        console.print(Text(f"  {step.command}", style="cyan"), soft_wrap=True)
        console.print(Padding(Text(step.reason), (0, 0, 0, 6)))


def accuracy_table(summary: Metrics, seconds: Seconds) -> Table:
    """One line for each model; the teacher's labels are over the rows that it was asked about."""
    table = Table(title="Accuracy", box=box.SIMPLE_HEAD, title_justify="left", width=WIDTH)
    table.add_column("Model", ratio=1)
    for heading in ("Accuracy", "95% interval", "Rows", "Seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for line in _lines(summary):
        scores, key = line.scores, line.key
        low, high = scores.get(f"{key}_low"), scores.get(f"{key}_high")
        spent = [
            value
            for stage, value in seconds.items()
            if any(
                stage == made or (made[-1] == "@" and stage.startswith(made))
                for made in line.stages
            )
        ]
        cells = (
            line.name,
            f"{scores[key]:.1%}",
            "-" if low is None or high is None else f"{low:.1%} to {high:.1%}",
            f"{scores['rows']:,}" if "rows" in scores else "-",
            f"{sum(spent):,.0f}" if spent else "-",
        )
        style = "bold" if scores is summary["student"] else ""
        table.add_row(*(Text(cell, style=style) for cell in cells))
    return table


@dataclass(frozen=True)
class _Line:
    """A model's name, its scores, and the stages (by the start of their names) that made them."""

    name: str
    scores: Metrics
    stages: tuple[str, ...] = ()
    key: str = "accuracy"


def _lines(summary: Metrics) -> list[_Line]:
    teacher, student = summary["teacher"], summary["student"]
    name = "Student"
    if student["seeds"] > 1:
        error = 100 * student["standard_error"]
        name = f"Student, {student['seeds']} seeds (s.e. {error:.1f})"
    lines = [
        _Line("Majority class", summary["majority"]),
        _Line("Untrained student", summary["untrained"], ("baseline",)),
        _Line("Teacher, rows it was asked", teacher, ("teacher_generate",), TEACHER_ACCURACY),
        *(
            _Line(f"Student, seed {seed}", scores, (f"train_student@{seed}", f"evaluate@{seed}"))
            for seed, scores in seeds(summary)
        ),
        _Line(name, student, ("train_student@", "evaluate@")),
    ]
    return [line for line in lines if line.key in line.scores]


def notes(summary: Metrics, seconds: Seconds) -> list[str]:
    """The lines below the table: the gain, the teacher's statuses, tokens and cost, the seconds."""
    gain, teacher = summary["gain_over_untrained"], summary["teacher"]
    lines = [
        f"Gain over the untrained student: {100 * gain['accuracy']:+.1f} points "
        f"({100 * gain['accuracy_low']:+.1f} to {100 * gain['accuracy_high']:+.1f}, paired by row)",
        *_detectable(summary),
    ]
    statuses = [f"{name} {share:.1%}" for name, share in teacher.get("status", {}).items() if share]
    if statuses:
        lines.append(f"Teacher's completions: {', '.join(statuses)}")
    if "prompt_tokens" in teacher:
        cost = ", ".join(f"{value:,.2f} {name}" for name, value in teacher["cost"].items())
        lines.append(
            f"Teacher's tokens: {teacher['prompt_tokens']:,} read, "
            f"{teacher['completion_tokens']:,} written; cost {cost}"
        )
    if seconds:
        spent = ", ".join(f"{stage} {value:,.0f}" for stage, value in seconds.items())
        lines.append(f"Seconds of each stage's latest run: {spent}")
    return lines


def _detectable(summary: Metrics) -> list[str]:
    """What the student's interval is of, and what so many rows and seeds could show."""
    student, found = summary["student"], summary.get("detectable", {})
    if not found:
        return []  # written by an older version
    rows, seeds = student["rows"], student["seeds"]
    if "method" in found:
        of = "The student's interval, of all seeds, is over seeds and test rows."
    else:
        students = "this student" if seeds == 1 else f"these {seeds} students"
        of = (
            f"The student's interval is over test rows: it is of {students}. Of the method nothing "
            "can be said with fewer than 3 seeds."
        )
    if found["student"] > 1:
        return [of, f"So few test rows ({rows}) tell no two students apart in 80% of trials."]
    seen = (
        f"With {rows:,} test rows a difference of {100 * found['student']:.1f} points between two "
        "students is seen in 80% of trials"
    )
    if seeds == 1:
        seen += ", a smaller one if the two often agree"
    if "method" in found:
        seen += (
            f"; with {seeds} seeds a side, one of {100 * found['method']:.1f} points between "
            "methods"
        )
    return [of, f"{seen}."]
