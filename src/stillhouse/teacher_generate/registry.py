"""The backends by name; a module is imported only when its backend is asked for."""

from dataclasses import dataclass
from importlib import import_module
from typing import cast

from stillhouse.config.teacher import TeacherConf
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.hooks.reference import is_reference
from stillhouse.teacher_generate.protocol import OpenTeacher, Teacher


@dataclass(frozen=True)
class Backend:
    """Where a backend lives, and what is true of its completions."""

    module: str
    stored: bool = True
    """Completions depend on the prompt alone, so they are kept in the store and served again.

    False where they belong to a row (outputs on file): those are read anew, which costs nothing.
    """
    streams: bool = False
    """It takes a request only when it asks it. Others take all that they are given before they
    begin, and so are given a portion at a time: what is not taken is left to other processes."""
    least: int = 16
    """The fewest requests of a portion; more where beginning and ending one costs much."""
    extra: str | None = None
    """The optional dependency group that it needs."""


BACKENDS = {
    "transformers": Backend("stillhouse.teacher_generate.backends.transformers", least=64),
    "openai": Backend("stillhouse.teacher_generate.backends.openai", streams=True),
    "vllm": Backend("stillhouse.teacher_generate.backends.vllm", least=1_024, extra="vllm"),
    "ray": Backend("stillhouse.teacher_generate.backends.ray", least=100_000, extra="ray"),
    "recorded": Backend(
        "stillhouse.teacher_generate.backends.recorded", stored=False, least=100_000
    ),
    "scripted": Backend("stillhouse.teacher_generate.backends.scripted"),
}
OWN = Backend("stillhouse.teacher_generate.backends.own")
"""A function of the project's own."""


def backend(name: str) -> Backend:
    """The backend called `name`; an unknown name suggests the near ones."""
    if is_reference(name):
        return OWN
    if name not in BACKENDS:
        raise StillhouseError(
            f"There is no teacher backend {name!r}.{did_you_mean(name, BACKENDS)}"
        )
    return BACKENDS[name]


def open_teacher(conf: TeacherConf) -> Teacher:
    """Import the backend that `conf` names, and open it."""
    chosen = backend(conf.compute.backend)
    try:
        module = import_module(chosen.module)
        opened = cast(OpenTeacher, module.open_teacher)(conf)
    except ModuleNotFoundError as error:
        if chosen.extra is None:
            raise
        raise StillhouseError(
            f"The teacher backend {conf.compute.backend!r} needs {error.name}, which is not "
            f"installed. Install it with `pip install 'stillhouse[{chosen.extra}]'`."
        ) from error
    return opened
