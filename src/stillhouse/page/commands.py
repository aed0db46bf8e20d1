"""`stillhouse report`: the last run's page, with this machine's seconds and another beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stillhouse.config.dataset import DatasetConf
from stillhouse.config.embedder import EmbedderConf
from stillhouse.config.prompt import PromptConf
from stillhouse.config.student import StudentConf
from stillhouse.config.teacher import TeacherConf
from stillhouse.config.whole import load_all
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import read_json, write_text
from stillhouse.core.log import read_events, state_directory
from stillhouse.experiments.lock import REPORT, locked_stages
from stillhouse.page.beside import read_other, tables_with_references
from stillhouse.page.document import document
from stillhouse.page.html import html
from stillhouse.page.run import Run, inputs, knob_values
from stillhouse.parse.form import reply_form
from stillhouse.report.cost import rates
from stillhouse.report.table import latest_seconds
from stillhouse.teacher_select.selected import selected_prompt, selected_teacher


def write_page(base: str | None, out: Path | None) -> Path:
    """Write the page of the last run with this machine's seconds, and beside `base` if any."""
    if out is not None and (out.suffix != ".html" or out.is_dir()):
        raise StillhouseError(f"--out is the file of a page, as in page.html, and not {out}.")
    run = read_run()
    other = None if base is None else read_other(base, run)
    path = out or state_directory() / paths.PAGE.name
    try:
        write_text(path, html(document(run, other)))
    except OSError as error:
        raise StillhouseError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def read_run() -> Run:
    """The last run of the project. Raises StillhouseError where params.yaml has changed since."""
    knobs, entries = load_all()
    dataset, embedder, prompt, teacher, student = (
        entries[group] for group in ("dataset", "embedder", "prompt", "teacher", "student")
    )
    assert isinstance(dataset, DatasetConf)
    assert isinstance(embedder, EmbedderConf)
    assert isinstance(prompt, PromptConf)
    assert isinstance(teacher, TeacherConf)
    assert isinstance(student, StudentConf)
    found, selected, chosen = read_json(paths.REPORT), read_json(paths.SELECTED), knob_values(knobs)
    _require_reported(chosen)
    teacher = selected_teacher(teacher, selected)
    stages = latest_seconds(read_events("stage"))
    events = {name: read_events(name) for name in ("teacher", "student")}
    return Run(
        found=found,
        tables=tables_with_references(knobs.seeds),
        curves={seed: paths.train_curve(seed).read_text("utf-8") for seed in knobs.seeds},
        form=reply_form(selected_prompt(prompt, selected), dataset),
        knobs=chosen,
        inputs=inputs(chosen, dataset, teacher, student, embedder),
        rates=rates(teacher, student, events, stages),
        seconds=stages,
    )


def _require_reported(knobs: Mapping[str, Any]) -> None:
    """Fail where params.yaml says something else than when the report was made, as DVC keeps it."""
    made = locked_stages().get(REPORT, {}).get("params", {}).get(paths.PARAMS.as_posix(), {})
    for name, value in made.items():
        if name in knobs and knobs[name] != value:
            raise StillhouseError(
                f"{paths.PARAMS} says `{name}: {knobs[name]}`, and the last report is of "
                f"`{name}: {value}`. Run `dvc repro` first."
            )
