"""What a stage's code reads: its configuration, its imports, the paths that it names."""

import ast
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import get_args, get_type_hints
from unittest.mock import patch

from stillhouse.code.fingerprint import Sources, fingerprint
from stillhouse.core import paths, tables
from stillhouse.stage import StageConfig, run_stage
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
    """What the stage's script reads of the configuration."""
    (hint,) = (h for n, h in get_type_hints(load(stage).main).items() if n != "return")
    (wanted,) = get_args(hint)
    assert issubclass(wanted, StageConfig)
    return wanted


def run(*stages: str) -> None:
    """Run stages in this process and folder, as their scripts do; `NAME@0` with that seed."""
    for stage in stages:
        name, _, seed = stage.partition("@")
        with patch.object(sys, "argv", [name, *filter(None, [seed])]):
            run_stage(name, load(name).main, config(name))


def closure(stage: str) -> set[Path]:
    """Every first-party file whose code a stage can reach, relative to the repository."""
    sources = Sources(SOURCE / "stillhouse", REPOSITORY / "stages")
    modules = {place.partition(":")[0] for place in fingerprint(stage, sources).definitions}
    found = {sources.files[name] for name in modules if name in sources.files}
    return {file.relative_to(REPOSITORY) for file in found | {script(stage)}}


@cache
def named_paths(file: Path) -> set[str]:
    """The paths that a file names through `core.paths` and `core.tables`, those of seed 0."""
    tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    named = {name: getattr(tables, name) for name in names if hasattr(tables, name)}
    attributes = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "paths"
    }
    found = [*named.values(), *(getattr(paths, name) for name in attributes)]
    return {path for value in found if (path := _resolve(value))}


def _resolve(value: object) -> str:
    if isinstance(value, tables.Table):
        return str(value.path)
    if value is tables.predictions:
        return str(paths.PREDICTIONS)
    if isinstance(value, FunctionType) and value.__module__ == paths.__name__:
        return str(value(0))
    return str(value) if isinstance(value, Path) else ""
