"""What a stage's code reads: its configuration, its imports, the paths that it names."""

import ast
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from stillhouse.code.fingerprint import Sources, fingerprint
from stillhouse.config.load import StageConfig
from stillhouse.core import paths
from tests.conftest import REPOSITORY

STAGES = sorted(path.stem for path in (REPOSITORY / "stages").glob("*.py"))
SOURCE = REPOSITORY / "src"


def script(stage: str) -> Path:
    return REPOSITORY / "stages" / f"{stage}.py"


def load(stage: str) -> ModuleType:
    """Import a stage's script by its path."""
    spec = importlib.util.spec_from_file_location(f"stage_{stage}", script(stage))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks up annotations there
    spec.loader.exec_module(module)
    return module


def config(stage: str) -> type[StageConfig]:
    """The one StageConfig that the stage's script defines or imports."""
    classes = {
        value
        for value in vars(load(stage)).values()
        if isinstance(value, type) and issubclass(value, StageConfig) and value is not StageConfig
    }
    (found,) = classes
    return found


def closure(stage: str) -> set[Path]:
    """Every first-party file whose code a stage can reach, relative to the repository."""
    sources = Sources(SOURCE / "stillhouse", REPOSITORY / "stages")
    modules = {place.partition(":")[0] for place in fingerprint(stage, sources).definitions}
    found = {sources.files[name] for name in modules if name in sources.files}
    return {file.relative_to(REPOSITORY) for file in found | {script(stage)}}


@cache
def named_paths(file: Path) -> set[str]:
    """The constants and functions of `core.paths` that a file names, as paths of seed 0."""
    tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
    attributes = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "paths"
    }
    return {found for name in attributes if (found := _resolve(getattr(paths, name)))}


def _resolve(value: object) -> str:
    if value is paths.predictions:
        return str(paths.PREDICTIONS)
    if callable(value):
        return str(value(0))
    return str(value) if isinstance(value, Path) else ""
