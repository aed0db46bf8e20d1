"""Where the configuration names functions of the project's own, and whether they are there."""

from collections.abc import Iterator
from pathlib import Path

from stillhouse.config.base import Conf
from stillhouse.config.dataset import DatasetConf
from stillhouse.config.judge import JudgeConf
from stillhouse.config.knobs import Recipe
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError
from stillhouse.hooks.find import find
from stillhouse.hooks.hook import KEEP, OPEN, ROWS, SCORE, Hook
from stillhouse.hooks.reference import is_reference


def problems_of_own(conf: Conf, root: Path) -> Iterator[str]:
    """What is wrong with the functions that a file names, in the project at `root`.

    They are looked up, and not run.
    """
    for key, text, hook in _named(conf):
        try:
            find(text, hook, root)
        except StillhouseError as error:
            yield f"`{key}` is {text!r}: {error}"


def _named(conf: Conf) -> Iterator[tuple[str, str, Hook]]:
    """Each key of a file that names a function, and what that is for."""
    for key, text, hook in _places(conf):
        if is_reference(text):
            yield key, str(text), hook


def _places(conf: Conf) -> Iterator[tuple[str, object, Hook]]:
    # What is wrong otherwise is not there at all.
    values = conf.__dict__
    if isinstance(conf, DatasetConf):
        yield "source", values.get("source"), ROWS
        for name, split in (values.get("splits") or {}).items():
            yield f"splits.{name}.source", split.__dict__.get("source"), ROWS
        answer = values.get("answer")
        yield "answer.metric", answer and answer.__dict__.get("metric"), SCORE
    elif isinstance(conf, TeacherConf | JudgeConf):
        compute = values.get("compute")
        yield "compute.backend", compute and compute.__dict__.get("backend"), OPEN
    elif isinstance(conf, Recipe):
        yield "label_filter", values.get("label_filter"), KEEP
        yield "rationale_filter", values.get("rationale_filter"), KEEP
