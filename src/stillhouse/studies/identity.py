"""What a condition's result depends on, as dvc.yaml says it: knobs, entries' keys, code, files."""

import hashlib
import json
import re
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import stillhouse
from stillhouse.code.fingerprint import Sources, fingerprint
from stillhouse.code.pin import pinned
from stillhouse.code.record import STAGE
from stillhouse.config.pipeline import ALL, declared_in, scripts_of
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_json
from stillhouse.core.log import state_directory
from stillhouse.core.yaml import parse_yaml
from stillhouse.experiments.git import objects, read_text


@dataclass(frozen=True)
class Pipeline:
    """The pipeline of one commit."""

    commit: str
    files: Mapping[str, str]
    """Object ids of dvc.yaml and of the files and folders that its stages depend on."""
    folders: tuple[str, ...]
    """Where its code is."""
    code: Mapping[str, str]
    """What each stage's code means."""
    tracked: Mapping[str, frozenset[str] | None]
    """The keys that DVC tracks, by params file; `${...}` stands for a knob."""

    def settings(self, commit: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Every tracked value in a commit as `file:key`, under some overrides of the knobs."""
        knobs = _mapping(commit, paths.PARAMS.as_posix()) | dict(overrides)
        found: dict[str, Any] = {}
        for template, keys in self.tracked.items():
            path = re.sub(r"\$\{(\w+)\}", lambda match: str(knobs.get(match[1])), template)
            whole = knobs if template == paths.PARAMS.as_posix() else _mapping(commit, path)
            chosen = whole if keys is ALL else {key: whole.get(key) for key in keys}
            found |= {f"{path}:{key}": value for key, value in chosen.items()}
        return found


def read_pipeline(commit: str) -> Pipeline:
    """Read dvc.yaml of a commit."""
    pipeline = paths.PIPELINE.as_posix()
    stages = declared_in(_mapping(commit, pipeline), f"{pipeline} of {commit[:10]}")
    scripts = scripts_of(stages)
    code = stages.pop(STAGE, None)
    outs = [path for stage in stages.values() for path in stage.outs]
    # What no stage writes, neither itself nor something in it; the code counts by what it means.
    deps = {
        path
        for stage in stages.values()
        for path in stage.deps
        if "${" not in path
        and not path.startswith(f"{paths.CODE}/")
        and not any(out == path or out.startswith(f"{path}/") for out in outs)
    }
    tracked: dict[str, frozenset[str] | None] = {}
    for stage in stages.values():
        for file, keys in stage.params.items():
            known = tracked.get(file, frozenset())
            tracked[file] = ALL if keys is ALL or known is ALL else known | keys
    folders = code.deps if code else ()
    files = objects(commit, sorted({paths.PIPELINE.as_posix(), *deps}))
    return Pipeline(commit, files, folders, _code(commit, folders, scripts), tracked)


def _code(commit: str, folders: tuple[str, ...], stages: frozenset[str]) -> Mapping[str, str]:
    """What each stage's code means in a commit; worked out once for equal folders."""
    if not folders:  # a commit of before the stage `code`
        return {}
    trees = json.dumps([objects(commit, folders), sorted(stages)], sort_keys=True)
    cached = state_directory() / "code" / f"{hashlib.sha256(trees.encode()).hexdigest()}.json"
    if cached.exists():
        known: Mapping[str, str] = json.loads(cached.read_text(encoding="utf-8"))
        return known
    with TemporaryDirectory() as folder:
        packed = subprocess.run(  # noqa: S603 - no shell
            ["git", "archive", commit, *folders],  # noqa: S607 - the user's Git
            check=True,
            capture_output=True,
        )
        with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
        package, scripts = (Path(folder) / each for each in folders)
        if package.is_file():  # a project's pin of the package in place of its source
            version = pinned(Path(folder))
            if version != stillhouse.__version__:
                return {"the code of stillhouse": str(version)}  # what it means is not at hand
            package = Path(stillhouse.__file__).parent
        sources = Sources(package, scripts, stages)
        found = {
            f"the code of {stage}": fingerprint(stage, sources).digest
            for stage in sources.stages()
            if stage != STAGE
        }
    write_json(cached, found)
    return found


def _mapping(commit: str, path: str) -> dict[str, Any]:
    text = read_text(commit, path)
    values = parse_yaml(text, f"{path} of {commit[:10]}") if text is not None else {}
    if not isinstance(values, dict):
        raise StillhouseError(f"{path} of {commit[:10]} is no mapping of keys.")
    return values
