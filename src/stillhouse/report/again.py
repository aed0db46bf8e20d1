"""The results table of the last run, printed again from what is on disk."""

import typer

from stillhouse.config.student import StudentConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.config.whole import load_all
from stillhouse.core import paths
from stillhouse.core.files import read_json
from stillhouse.core.log import read_events
from stillhouse.report.cost import rates
from stillhouse.report.latest_run import latest_run
from stillhouse.report.speed import speed_lines
from stillhouse.report.table import latest_seconds, print_results


def print_again() -> None:
    """Print the report as `dvc repro` did, and how fast each student answered here."""
    found = read_json(paths.REPORT)
    _, entries = load_all()
    teacher, student = entries["teacher"], entries["student"]
    assert isinstance(teacher, TeacherConf)
    assert isinstance(student, StudentConf)
    events = {name: read_events(name) for name in ("stage", "teacher", "student")}
    seconds = latest_seconds(events["stage"])
    print_results(
        found,
        seconds,
        rates=rates(teacher, student, events, seconds),
        latest=latest_run(events["stage"], events["teacher"]),
    )
    for line in speed_lines(events["student"]):
        typer.echo(line)
