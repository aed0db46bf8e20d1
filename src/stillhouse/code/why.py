"""Why a stage would run again: what it depends on, now and when it last ran, compared in words."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from stillhouse.code.record import STAGE, filed_hash, of_stage
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.experiments.lock import locked_stages

MOST = 12
LONGEST_VALUE = 60


@dataclass(frozen=True)
class Reason:
    """One thing that a stage depends on and that differs: what kind of thing, and how."""

    kind: str
    text: str


@dataclass(frozen=True)
class Explanation:
    """Why a stage would run again itself, and which stages before it would run."""

    stage: str
    reasons: tuple[Reason, ...]
    before: tuple[str, ...]


def explain(stage: str, revision: str | None = None) -> list[Explanation]:
    """What has changed for a stage since its last run, or since the run of `revision`.

    A stage with seeds has an explanation for each. Raises StillhouseError for a name that dvc.yaml
    does not have.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        repo = Repo()
        indexed = repo.index.stages
    except DvcException as error:
        raise StillhouseError(f"DVC cannot read this project: {error}.") from error
    if not paths.PIPELINE.exists():
        raise StillhouseError(
            f"{paths.PIPELINE} does not exist here. Run this in the project's own folder."
        )
    lock = locked_stages(revision)
    stages = {found.name: found for found in indexed if hasattr(found, "name")}
    names = sorted({name.partition("@")[0] for name in stages})
    wanted = [name for name in stages if stage in (name, name.partition("@")[0])]
    if not wanted:
        raise StillhouseError(f"dvc.yaml has no stage {stage!r}.{did_you_mean(stage, names)}")
    explained = []
    for name in wanted:
        earlier = {each.name for each in _before(stages[name], repo.index.graph)} - {STAGE}
        stale = sorted(each for each in earlier if any(_reasons(stages[each], lock, repo)))
        reasons = tuple(_reasons(stages[name], lock, repo))
        explained.append(Explanation(name, reasons, tuple(stale)))
    return explained


def changed_code() -> dict[str, list[str]]:
    """What each stage's code means otherwise than when it last ran; stages without are left out."""
    from dvc.repo import Repo

    lock, repo = locked_stages(), Repo()
    found: dict[str, list[str]] = {}
    for name, locked in lock.items():
        stage = name.partition("@")[0]
        hashes = {dep["path"]: dep.get("md5") for dep in locked.get("deps", ())}
        md5 = hashes.get(str(paths.code(stage)))
        if md5 is not None and stage not in found and (said := list(_code(stage, md5, lock, repo))):
            found[stage] = [reason.text for reason in said]
    return found


def _before(stage: Any, graph: Any) -> set[Any]:
    """The stages that a stage's own inputs come from, near and far."""
    found: set[Any] = set()
    waiting = [stage]
    while waiting:
        earlier = set(graph.successors(waiting.pop())) - found
        found |= earlier
        waiting.extend(earlier)
    return found


def lines(explanations: list[Explanation], revision: str | None = None) -> Iterator[str]:
    """An explanation as people read it."""
    since = f"since {revision}" if revision else "since it last ran"
    for each in explanations:
        if not each.reasons:
            yield f"{each.stage}: nothing that it depends on has changed {since}."
        else:
            yield f"{each.stage} runs again, since:"
        width = max((len(reason.kind) for reason in each.reasons), default=0)
        for reason in each.reasons[:MOST]:
            yield f"  {reason.kind:<{width}}  {reason.text}"
        if len(each.reasons) > MOST:
            yield f"  and {len(each.reasons) - MOST} more"
        if each.before:
            yield f"  It may run again after {', '.join(each.before)}: `stillhouse why STAGE`."


def _reasons(stage: Any, lock: Mapping[str, Any], repo: Any) -> Iterator[Reason]:
    from dvc.dependency import ParamsDependency

    locked = lock.get(stage.name)
    if locked is None:
        yield Reason("never", "it has not run yet")
        return
    if locked["cmd"] != stage.cmd:
        yield Reason("command", f"{locked['cmd']} → {stage.cmd}")
    hashes = {dep["path"]: dep.get("md5") for dep in locked.get("deps", ())}
    recorded = locked.get("params", {})
    for dep in stage.deps:
        path = str(dep)
        if isinstance(dep, ParamsDependency):
            yield from _params(path, dep, recorded.get(path, {}))
        elif path == str(paths.code(stage.name.partition("@")[0])):
            yield from _code(stage.name.partition("@")[0], hashes.get(path), lock, repo)
        elif path not in hashes:
            yield Reason("depends", f"on {path}, as it did not before")
        elif not dep.exists:
            yield Reason("table", f"{path} is missing")
        elif dep.get_hash().value != hashes[path]:
            yield Reason("table", f"{path} has changed")
    for out in stage.outs:
        if not out.exists:
            yield Reason("output", f"{out} is missing")


def _params(path: str, dep: Any, recorded: Mapping[str, Any]) -> Iterator[Reason]:
    """The knobs, or the keys of an entry, whose values differ."""
    now = dep.read_params()
    kind = "knob" if path == str(paths.PARAMS) else "entry"
    place = "" if kind == "knob" else f"{path}: "
    if not recorded and kind == "entry":
        return  # another entry was chosen: the knob says so
    for key in sorted({*now, *recorded}):
        if now.get(key) != recorded.get(key):
            before, after = _written(recorded, key), _written(now, key)
            # Of long values what differs, with a little before it.
            alike = takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))
            start = max(0, len(list(alike)) - LONGEST_VALUE // 3)
            yield Reason(kind, f"{place}{key}: {_shown(before, start)} → {_shown(after, start)}")


def _written(values: Mapping[str, Any], key: str) -> str:
    return json.dumps(values[key], ensure_ascii=False) if key in values else "(none)"


def _shown(text: str, start: int) -> str:
    if len(text) <= LONGEST_VALUE:
        return text
    end = start + LONGEST_VALUE
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _code(stage: str, md5: str | None, lock: Mapping[str, Any], repo: Any) -> Iterator[Reason]:
    """The definitions that say something else, by their places."""
    now = of_stage(stage)
    if filed_hash(now) == md5:
        return
    before = _definitions(stage, lock, repo)
    if before is None:
        yield Reason("code", f"differs; `dvc fetch {STAGE}` brings what it was, to say where")
        return
    said = list(_differences(before, now.definitions))
    for text in said or ["what its definitions refer to has changed"]:
        yield Reason("code", text)


def _definitions(stage: str, lock: Mapping[str, Any], repo: Any) -> Mapping[str, str] | None:
    """Each definition's hash when the stage last ran; None where DVC's cache lacks it."""
    outs = {out["path"]: out["md5"] for out in lock.get(STAGE, {}).get("outs", ())}
    md5 = outs.get(str(paths.DEFINITIONS))
    if md5 is None:
        return None
    try:
        held = json.loads(Path(repo.cache.local.oid_to_path(md5)).read_text(encoding="utf-8"))
    except OSError:
        return None
    return {place: held["hashes"][place] for place in held["reached"].get(stage, ())}


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    gone, new = set(before) - set(now), set(now) - set(before)
    moved = {before[place] for place in gone} & {now[place] for place in new}
    for place in sorted(place for place in now if place in before and before[place] != now[place]):
        yield f"{_named(place)} has changed"
    for place in sorted(place for place in new if now[place] not in moved):
        yield f"{_named(place)} is new"
    for place in sorted(place for place in gone if before[place] not in moved):
        yield f"{_named(place)} is gone"


def _named(place: str) -> str:
    """`parse.statements.MOST` of its place."""
    module, _, name = place.partition(":")
    module = module.removeprefix("stillhouse.")
    return f"{module}.{name}" if name else f"what importing {module} does"
