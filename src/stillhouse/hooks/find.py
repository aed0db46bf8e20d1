"""Whether a function that the configuration names is there and fits: looked up, never run."""

import ast
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from stillhouse.config import pipeline
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.hooks.hook import Hook, parameters
from stillhouse.hooks.modules import require_own_name, user_modules
from stillhouse.hooks.reference import parse_reference


@dataclass(frozen=True)
class Found:
    """A function in its file, and the parameters that it has."""

    file: Path
    line: int
    parameters: tuple[str, ...]


def find(text: str, hook: Hook, root: Path = Path()) -> Found:
    """The function that `text` names in the project at `root`, which `hook` can call.

    Raises StillhouseError without a full stop, to stand behind the key that names it.
    """
    reference = parse_reference(text)
    folder, scripts = root / paths.STAGES, pipeline.scripts(root)
    known = user_modules(folder, scripts)
    file = known.get(reference.module)
    expected = folder / f"{reference.module.replace('.', '/')}.py"
    top = reference.module.partition(".")[0]
    if file is not None or top in scripts:
        require_own_name(reference.module, file or expected, scripts)
    if file is None:
        raise StillhouseError(
            f"there is no module {reference.module!r} ({expected.relative_to(root)})."
            f"{did_you_mean(reference.module, known)}".removesuffix(".")
        )
    shown = file.relative_to(root)
    functions = _functions(file, shown, file.stat().st_mtime_ns)
    function = functions.get(reference.function)
    if function is None:
        raise StillhouseError(
            f"{shown} has no `def {reference.function}` at its top level."
            f"{did_you_mean(reference.function, functions)}".removesuffix(".")
        )
    if not hook.fits(function):
        more = f" (and {', '.join(hook.optional)}, if it has that)" if hook.optional else ""
        raise StillhouseError(
            f"{shown}:{function.lineno}: a {hook.name} is called with "
            f"{' and '.join(hook.parameters)}{more}, so its function begins `{hook.example}`"
        )
    return Found(shown, function.lineno, tuple(parameters(function)))


@lru_cache(maxsize=64)
def _functions(file: Path, shown: Path, _written: int) -> dict[str, ast.FunctionDef]:
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError as error:
        raise StillhouseError(
            f"{shown}:{error.lineno} cannot be read as Python: {error.msg}"
        ) from error
    return {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
