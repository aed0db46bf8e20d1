"""Running a project's own functions: what goes wrong in one is said with the user's own place."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import Any

import stillhouse
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.text import printable
from stillhouse.hooks.find import find
from stillhouse.hooks.hook import Hook
from stillhouse.hooks.reference import parse_reference

MOST_SHOWN = 500
"""Characters of an exception that a message shows."""
_PACKAGE = Path(stillhouse.__file__).parent


@dataclass(frozen=True)
class Function:
    """A function of the project's own, and where it begins (`stages/reviews.py:12`)."""

    place: str
    function: Callable[..., Any]
    left_out: frozenset[str]
    """The arguments that it has no parameter for."""

    def __call__(self, **arguments: Any) -> Any:
        """Call it, with those of its hook's arguments that it takes."""
        return self.function(**{k: v for k, v in arguments.items() if k not in self.left_out})


@cache
def load(key: str, text: str, hook: Hook) -> Function:
    """The function that `text` names, to be called as `hook` is; `key` is where the text stands.

    Raises StillhouseError when it is not there, does not fit, or its module cannot be imported.
    """
    said = f"`{key}: {text}`"
    try:
        found = find(text, hook)
    except StillhouseError as error:
        raise StillhouseError(f"{said}: {error}.") from error
    reference = parse_reference(text)
    folder = str(paths.STAGES.resolve())
    if folder not in map(str, sys.path):
        sys.path.append(folder)  # behind what is installed: nothing of that is hidden
    with users_code(f"{said} cannot be imported"):
        module = import_module(reference.module)
    if Path(module.__file__ or "").resolve() != found.file.resolve():
        raise StillhouseError(
            f"{said}: Python took {reference.module!r} from {module.__file__}, not from "
            f"{found.file}: call that otherwise."
        )
    left_out = frozenset(hook.optional) - frozenset(found.parameters)
    place = f"{found.file.as_posix()}:{found.line}"
    return Function(place, getattr(module, reference.function), left_out)


@contextmanager
def users_code(said: str) -> Iterator[None]:
    """Around calls of a user's code: what it raises becomes one message with its own place.

    What our code raises while the user's has called it, such as a full disk, passes as it is.
    """
    try:
        yield
    except StillhouseError:
        raise
    except (Exception, SystemExit) as error:
        places = _places(error)
        if places is None:
            raise
        words = printable(f"{type(error).__name__}: {error}".strip(" :"))
        shown = words if len(words) <= MOST_SHOWN else f"{words[:MOST_SHOWN]}..."
        raise StillhouseError(": ".join(filter(None, [said, places, shown]))) from error


def _places(error: BaseException) -> str | None:
    """`stages/reviews.py:12 in load`, each of the user's calls; None of an error of ours."""
    folder = paths.STAGES.resolve()
    places = []
    is_ours = False
    for frame in extract_tb(error.__traceback__):
        file = Path(frame.filename).resolve()
        if file.is_relative_to(folder):
            shown = paths.STAGES / file.relative_to(folder)
            places.append(f"{shown.as_posix()}:{frame.lineno} in {frame.name}")
            is_ours = False
        elif places and file.is_relative_to(_PACKAGE):
            is_ours = True
    return None if is_ours else ", ".join(places).replace(" in <module>", "")
