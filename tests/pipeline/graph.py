"""What DVC makes of dvc.yaml: the one place that touches DVC's internal API."""

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.conftest import REPOSITORY

WHOLE = "*"
"""Stands for every key of a conf entry."""


@dataclass(frozen=True)
class Stage:
    """One stage as DVC sees it; matrix stages are named without their seed."""

    name: str
    deps: frozenset[str]
    outs: frozenset[str]
    params: dict[str, frozenset[str]]
    """The keys that are tracked of each params file; `{WHOLE}` for all of them."""


class Pipeline:
    """The stages of one copy of the repository's dvc.yaml, and what follows what."""

    def __init__(self, folder: Path) -> None:
        from dvc.repo import Repo

        for name in ("dvc.yaml", "params.yaml", "conf"):
            source = REPOSITORY / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / name)
        self.repo = Repo.init(str(folder), no_scm=True)

    @cached_property
    def stages(self) -> dict[str, Stage]:
        return {stage.name: stage for stage in map(_stage, self.repo.index.stages)}

    @cached_property
    def _graph(self):
        return self.repo.index.graph

    def reruns(self, *keys: str) -> set[str]:
        """The stages that a change of any of the keys `file:key` can reach, by name."""
        from networkx import ancestors

        found = set()
        for stage in self._graph:
            tracked = _stage(stage).params
            if any(_reads(tracked, *key.split(":")) for key in keys):
                found |= {stage, *ancestors(self._graph, stage)}
        return {_name(stage) for stage in found}


def _reads(tracked: dict[str, frozenset[str]], file: str, key: str) -> bool:
    declared = tracked.get(file, frozenset())
    return key in declared or WHOLE in declared


def _name(stage) -> str:
    return stage.name.partition("@")[0]


def _stage(stage) -> Stage:
    from dvc.dependency import ParamsDependency

    params = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
    return Stage(
        name=_name(stage),
        deps=frozenset(str(dep) for dep in stage.deps if dep not in params),
        outs=frozenset(str(out) for out in stage.outs),
        params={str(dep): frozenset(dep.params or [WHOLE]) for dep in params},
    )
