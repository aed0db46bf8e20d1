"""What two dvc.lock files differ in: the knobs and entries, and the stages that ran otherwise."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stillhouse.code.record import STAGE
from stillhouse.core import paths
from stillhouse.experiments.lock import Lock


@dataclass(frozen=True)
class Knob:
    """A value that differs, as JSON; None where one side has none."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Changes:
    """The knobs that differ, and by stage what made it run again."""

    knobs: tuple[Knob, ...]
    stages: Mapping[str, tuple[str, ...]]


def changes(before: Lock, after: Lock) -> Changes:
    """What differs from `before` to `after`.

    Of an entry that was swapped for another one the knob says so, and its keys are left out. The
    seeds of a stage are one; the stage `code` has no result.
    """
    old, new = _params(before), _params(after)
    in_both = _files(old) & _files(new)
    knobs = []
    for key in sorted({*old, *new}, key=lambda key: (key[0] != str(paths.PARAMS), key)):
        file, name = key
        if old.get(key) == new.get(key) or file not in in_both:
            continue
        shown = name if file == str(paths.PARAMS) else f"{file}: {name}"
        knobs.append(Knob(shown, old.get(key), new.get(key)))
    reasons: dict[str, set[str]] = defaultdict(set)
    for stage in sorted({*before, *after}):
        name = stage.partition("@")[0]
        if name != STAGE:
            reasons[name] |= _reasons(name, before.get(stage), after.get(stage))
    return Changes(
        tuple(knobs), {name: tuple(sorted(each)) for name, each in sorted(reasons.items()) if each}
    )


def _params(lock: Lock) -> dict[tuple[str, str], str]:
    """Every value that some stage depends on, by its file and key."""
    found = {}
    for stage in lock.values():
        for file, values in stage.get("params", {}).items():
            for name, value in values.items():
                found[file, name] = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return found


def _files(params: Mapping[tuple[str, str], str]) -> set[str]:
    return {file for file, _ in params}


def _reasons(name: str, before: Lock | None, after: Lock | None) -> set[str]:
    if before is None or after is None:
        return {"new" if before is None else "gone"}
    found = set()
    if before.get("cmd") != after.get("cmd"):
        found.add("command")
    if before.get("params", {}) != after.get("params", {}):
        found.add("knobs")
    own = str(paths.code(name))
    old, new = _hashes(before, "deps"), _hashes(after, "deps")
    differing = {path for path in {*old, *new} if old.get(path) != new.get(path)}
    if own in differing:
        found.add("code")
    if differing - {own}:
        found.add("inputs")
    if _hashes(before, "outs") != _hashes(after, "outs"):
        found.add("outputs")
    return found


def _hashes(stage: Lock, kind: str) -> dict[str, Any]:
    return {str(each.get("path")): each.get("md5") for each in stage.get(kind, ())}
