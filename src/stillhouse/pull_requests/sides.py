"""The two sides of a pull request as their files in Git have them: no DVC, no remote, no data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.json_text import parse_json
from stillhouse.core.yaml import parse_yaml
from stillhouse.experiments.git import (
    git,
    head,
    is_shallow,
    merge_base,
    read_here,
    read_text,
    resolve,
)
from stillhouse.experiments.lock import LOCK, Lock, is_of_another_run, parse_lock
from stillhouse.experiments.revisions import Revision, of_outcomes
from stillhouse.report.outcomes import Outcomes, parse_outcomes

READ = (paths.PARAMS, LOCK, paths.SUMMARY, paths.OUTCOMES)


@dataclass(frozen=True)
class Side:
    """What one side has; None for files that it lacks."""

    name: str
    commit: str
    summary: Mapping[str, Any] | None
    outcomes: Outcomes | None
    seeds: tuple[int, ...]
    lock: Lock
    superseded: bool
    """Whether its dvc.lock says that its outcomes are of another run."""

    def students(self) -> Revision | None:
        """Its students, row by row; None where its outcomes are missing or of other seeds."""
        if self.outcomes is None or not self.seeds:
            return None
        return of_outcomes(self.name, self.outcomes, self.seeds)

    def model(self, name: str) -> Revision | None:
        """Another model of its report, in the place of a student."""
        found = self.outcomes and of_outcomes(self.name, self.outcomes, (), [name])
        return replace(found, seeds={0: found.models[name]}) if found else None


@dataclass(frozen=True)
class Sides:
    """A pull request: what is here, and the commit that it began from."""

    base: Side
    here: Side
    related: bool
    """Whether the two share a history; else the base is compared with as it is."""
    committed: bool
    """Whether HEAD holds what is here."""


def read_sides(base: str) -> Sides:
    """The side of the working tree, and that of the last commit which it shares with `base`."""
    here, tip = head(), resolve(base)
    common = merge_base(tip, here)
    if common is None and is_shallow():
        raise StillhouseError(
            f"{base!r} and HEAD have no commit in common here, but the clone is shallow: it lacks "
            "the history. `git fetch --unshallow` brings it (`fetch-depth: 0` of "
            "actions/checkout, `GIT_DEPTH: 0` of GitLab)."
        )
    before = common or tip
    return Sides(
        _side(base, before, lambda path: read_text(before, path)),
        _side("HEAD", here, read_here),
        related=common is not None,
        committed=not git("status", "--porcelain", "--", *map(str, READ)).strip(),
    )


def _side(name: str, commit: str, read: Callable[[Path], str | None]) -> Side:
    def mapping(path: Path, parse: Callable[[str, str], Any]) -> Mapping[str, Any] | None:
        text = read(path)
        values = None if text is None else parse(text, f"{path} of {name!r}")
        if text is not None and not isinstance(values, dict):
            raise StillhouseError(f"{path} of {name!r} is no mapping.")
        return values

    outcomes = read(paths.OUTCOMES)
    lock = parse_lock(read(LOCK), f"{LOCK} of {name!r}")
    seeds = (mapping(paths.PARAMS, parse_yaml) or {}).get("seeds")
    return Side(
        name,
        commit,
        mapping(paths.SUMMARY, parse_json),
        None if outcomes is None else parse_outcomes(outcomes, name),
        tuple(seeds) if isinstance(seeds, list) else (),
        lock,
        outcomes is not None and is_of_another_run(outcomes, lock),
    )


def short(commit: str) -> str:
    """A commit as people name it."""
    return git("rev-parse", "--short", commit).strip()
