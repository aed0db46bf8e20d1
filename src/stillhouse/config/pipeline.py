"""dvc.yaml: what each stage reads, writes and tracks, which is written down nowhere else."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.yaml import read_yaml

ALL = None
"""In place of the keys of a params file: all of them."""
_ENTRY = re.compile(rf"{paths.CONF}/(\w+)/\$\{{\1\}}\.yaml")
_SCRIPT = re.compile(rf"\b{paths.STAGES}/(\w+)\.py\b")


@dataclass(frozen=True)
class Declared:
    """One stage's section of dvc.yaml; `${...}` in it stands for a knob, or for a matrix's seed."""

    deps: tuple[str, ...]
    outs: tuple[str, ...]
    """Metrics and plots, too."""
    params: Mapping[str, frozenset[str] | None]
    """The keys that DVC tracks, by params file."""
    scripts: frozenset[str] = frozenset()
    """The files of the folder `stages` that its command runs, without their suffix."""

    @property
    def knobs(self) -> frozenset[str] | None:
        """The keys of params.yaml."""
        return self.params.get(paths.PARAMS.as_posix(), frozenset())

    def tracks(self, knob: str) -> bool:
        """Whether DVC sees a change of this key of params.yaml."""
        return self.knobs is ALL or knob in self.knobs

    @property
    def entries(self) -> dict[str, frozenset[str] | None]:
        """The keys of the entry that a knob names, by group."""
        matched = ((_ENTRY.fullmatch(file), keys) for file, keys in self.params.items())
        return {match[1]: keys for match, keys in matched if match}


def declared_in(pipeline: object, where: str) -> dict[str, Declared]:
    """The stages of a pipeline, given dvc.yaml as YAML reads it; `where` names it in an error."""
    stages = pipeline.get("stages", {}) if isinstance(pipeline, Mapping) else None
    if not isinstance(stages, Mapping):
        raise StillhouseError(f"{where} is no pipeline of DVC: it has no mapping `stages`.")
    found = {}
    for name, stage in stages.items():
        if not isinstance(stage, Mapping):
            raise StillhouseError(f"{where}: the stage `{name}` is no mapping.")
        for key in ("deps", "outs", "metrics", "plots", "params"):
            if not isinstance(stage.get(key, []), list):
                raise StillhouseError(f"{where}: `{key}` of the stage `{name}` is no list.")
        run = frozenset(_SCRIPT.findall(str(stage.get("cmd", ""))))
        deps = tuple(stage.get("deps", ()))
        found[name] = Declared(deps, tuple(_outs(stage)), _params(stage), run)
    return found


def stages(root: Path = Path()) -> dict[str, Declared]:
    """The stages of the project at `root`."""
    file = root / paths.PIPELINE
    return _stages(file.resolve(), file.stat().st_mtime_ns if file.exists() else 0)


@cache
def _stages(file: Path, _written: int) -> dict[str, Declared]:
    return declared_in(read_yaml(file), paths.PIPELINE.as_posix())


def scripts(root: Path = Path()) -> frozenset[str]:
    """The files of the folder `stages` that are scripts of stages, without their suffix."""
    return scripts_of(stages(root))


def scripts_of(declared: Mapping[str, Declared]) -> frozenset[str]:
    """The scripts of some stages."""
    return frozenset().union(*(each.scripts for each in declared.values()))


def stage(name: str, root: Path = Path()) -> Declared:
    """One stage of the project at `root`."""
    known = stages(root)
    if name not in known:
        raise StillhouseError(f"{paths.PIPELINE} has no stage {name!r}.{did_you_mean(name, known)}")
    return known[name]


def tracked_by_name(group: str, root: Path = Path()) -> frozenset[str]:
    """The keys of a group's entries that some stage tracks one by one."""
    found = (declared.entries.get(group) for declared in stages(root).values())
    return frozenset().union(*(keys for keys in found if keys is not ALL))


def _outs(stage: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("outs", "metrics", "plots"):
        for out in stage.get(kind, ()):
            yield out if isinstance(out, str) else next(iter(out))


def _params(stage: Mapping[str, Any]) -> dict[str, frozenset[str] | None]:
    found: dict[str, frozenset[str] | None] = {}
    for entry in stage.get("params", ()):
        named = {paths.PARAMS.as_posix(): [entry]} if isinstance(entry, str) else entry
        for file, keys in named.items():
            known = found.get(file, frozenset())
            found[file] = known | frozenset(keys) if keys and known is not ALL else ALL
    return found
