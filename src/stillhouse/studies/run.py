"""Running a study: its conditions one after another, each as an experiment, finished ones never."""

import json
import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import record, state_directory
from stillhouse.experiments.git import git, head
from stillhouse.studies.config import Condition
from stillhouse.studies.identity import read_pipeline
from stillhouse.studies.state import EVENT, Found, find
from stillhouse.studies.workplace import Workplace, workplace

PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
BEFORE_QUOTE = re.compile(r"\\+(?='|\Z)")
WORDS = {"null", "true", "false", "nan", "inf", "yes", "no", "on", "off"}


def run_study(name: str, conditions: Sequence[Condition]) -> list[Found]:
    """Run what has no result yet; returns the state of all conditions afterwards.

    A condition that fails leaves a message and the others run. An interruption loses the stage that
    was running, but for the completions in the store and the checkpoints of a training.
    """
    require_committed(conditions)
    before = find(conditions)
    todo = [found.condition for found in before if not found.finished]
    done = len(before) - len(todo)
    typer.echo(f"{name}: {len(before)} conditions, {done} finished, {len(todo)} to run.")
    if todo:
        with workplace(name, head()) as place, _terminated_like_interrupted():
            for number, condition in enumerate(todo, start=done + 1):
                typer.echo(f"\n[{number}/{len(before)}] {condition.name}")
                run_condition(place, condition)
    return find(conditions)


def run_condition(place: Workplace, condition: Condition) -> None:
    """Run one condition and keep its experiment; a failure is recorded, its output kept."""
    started = time.monotonic()
    lines: list[str] = []

    def line(text: str) -> None:
        typer.echo(text)
        lines.append(text)

    status = place.run(condition.name, overrides(condition), line)
    if not status:
        place.collect(condition.name)
    reason = failure(lines, status)
    seconds = round(time.monotonic() - started, 1)
    record(EVENT, condition=condition.name, seconds=seconds, failure=reason)
    if reason:
        log = state_directory() / "studies" / "failed" / f"{condition.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("\n".join(lines) + "\n", encoding="utf-8")
        typer.echo(f"{condition.name} failed: {reason}\nIts output is in {log}.", err=True)


def failure(lines: Sequence[str], status: int) -> str:
    """Why an experiment failed, from its output; nothing for one that succeeded."""
    if not status:
        return ""
    for start in ("error in ", "ERROR: "):
        said = [text for text in lines if text.startswith(start)]
        if said:
            return said[0]
    return f"`dvc exp run` ended with status {status}"


def overrides(condition: Condition) -> list[str]:
    """The condition's knobs as `dvc exp run -S` takes them."""
    return [f"{knob}={override(value)}" for knob, value in condition.overrides.items()]


def override(value: Any) -> str:
    """A value in the grammar of Hydra's overrides, which `-S` follows."""
    if isinstance(value, list):
        return f"[{','.join(map(override, value))}]"
    if isinstance(value, str) and not (PLAIN.fullmatch(value) and value.lower() not in WORDS):
        # A backslash is itself unless it stands before a quote.
        return "'" + BEFORE_QUOTE.sub(lambda found: found[0] * 2, value).replace("'", "\\'") + "'"
    return value if isinstance(value, str) else json.dumps(value)


def require_committed(conditions: Sequence[Condition]) -> None:
    """Fail when something that results depend on is not committed: a study runs the commit."""
    pipeline = read_pipeline(head())
    read = {
        setting.partition(":")[0]
        for condition in conditions
        for setting in pipeline.settings(pipeline.commit, condition.overrides)
    }
    project = {paths.PIPELINE.as_posix(), paths.PARAMS.as_posix()}
    watched = sorted({*project, *pipeline.files, *pipeline.folders, *read})
    changed = git("status", "--porcelain", "--", *watched).splitlines()
    if changed:
        shown = "\n".join(f"  {line}" for line in changed[:10])
        more = f"\n  and {len(changed) - 10} more" if len(changed) > 10 else ""
        raise StillhouseError(
            "A study runs what is committed, so that all its conditions run the same. Commit "
            f"these first, or put them aside with `git stash --include-untracked`:\n{shown}{more}"
        )


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM ends the running experiment as Ctrl-C does, instead of leaving it behind."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
