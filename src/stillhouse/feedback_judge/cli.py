"""The command `stillhouse judge`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from stillhouse.core.commands import command_group

app = command_group("Look at how a judge judges.")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Labelled cases, as JSON Lines.")],
    judge: Annotated[
        str | None, typer.Option(help="An entry of conf/judge; by default that of params.yaml.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Compare a judge with people: accuracy, bias to a position and to length.

    A line of FILE holds `query` and, by the judge's form: `answer_1`, `answer_2`, `better` (1, 2,
    or 0); `answer`, `reference`, `agree`; `answer`, `score`, and `history` if any; or `score`.
    What the judge writes goes to the completion store: asking again costs nothing.

        stillhouse judge check cases.jsonl --judge hhh
    """
    from stillhouse.config.judge import JudgeConf, judging_model
    from stillhouse.config.running import problems_of_judge
    from stillhouse.config.teacher import TeacherConf
    from stillhouse.config.whole import fail_on, load_all, load_entry
    from stillhouse.feedback_judge.check import check_judge

    knobs, entries = load_all()
    name = judge or knobs.judge
    conf = load_entry(JudgeConf, name)
    teacher = entries["teacher"]
    assert isinstance(teacher, TeacherConf)
    asked = f"`judge: {name}` is asked through `teacher: {knobs.teacher}`, and cannot be"
    fail_on([f"{asked}: {problem}." for problem in problems_of_judge(conf, teacher)])
    report = check_judge(file, conf, judging_model(conf, teacher))
    if as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    width = max(map(len, report))
    for name, value in report.items():
        shown = f"{value:>8,}" if isinstance(value, int) else f"{value:>8.3f}"
        typer.echo(f"{name:<{width}}  {shown}")
