"""Whether dvc.lock belongs to the files beside it: nothing would run again. No data is needed.

DVC's own way, `dvc repro --dry --allow-missing`, names the first stage that differs and takes those
behind it for unchanged; of code it sees that a file has changed, not whether that means anything.
Here every stage is looked at by itself: what is here is hashed, and what is not is taken as the
stage that makes it has it in dvc.lock.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stillhouse.code.record import STAGE, filed_hash, of_stage
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.progress import announce
from stillhouse.experiments.lock import LOCK


def require_fresh_lock() -> int:
    """How many stages there are, when dvc.lock has all as they are here.

    Raises StillhouseError that names each stage that would run again, and why.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        stages = list(Repo().index.stages)
        stale = stale_stages(stages)
    except DvcException as error:
        raise StillhouseError(f"DVC cannot read this project: {error}.") from error
    if stale:
        listed = "\n".join(f"  {name}: {', '.join(reasons)}" for name, reasons in stale.items())
        raise StillhouseError(
            f"{LOCK} does not belong to what is here. {len(stale)} of {len(stages)} stages would "
            f"run again:\n{listed}\nRun `dvc repro`, and commit {LOCK} and the metrics with what "
            "they were made of."
        )
    return len(stages)


def stale_stages(stages: Sequence[Any]) -> dict[str, list[str]]:
    """The stages that would run again themselves, each with its reasons."""
    made = {out.fs_path: out for stage in stages for out in stage.outs}
    named = {getattr(stage, "name", None) or stage.relpath: stage for stage in stages}
    found = {name: list(_reasons(stage, made)) for name, stage in named.items() if name != STAGE}
    if STAGE in named and list(_reasons(named[STAGE], made)):
        recoded = _recoded(named[STAGE])
        if not recoded:
            announce(f"Code has changed and means the same: `dvc repro {STAGE}` files it.")
        for name, reasons in found.items():
            if name.partition("@")[0] in recoded:
                reasons.insert(0, "its code means something else")
    return {name: reasons for name, reasons in found.items() if reasons}


def _reasons(stage: Any, made: Mapping[str, Any]) -> Iterator[str]:
    if not stage.is_data_source:  # `dvc add`
        if not any(out.hash_info for out in stage.outs):
            yield f"it is not in {LOCK}"
            return
        if stage.cmd_changed:
            yield "its command has changed"
    if not stage.frozen:
        yield from (said for dep in stage.deps if (said := _dependency(dep, made)))
    for out in stage.outs:
        if not out.exists and not out.use_cache:
            yield f"{out} is missing"
        elif out.exists and out.workspace_status():
            yield f"{out} is another"


def _dependency(dep: Any, made: Mapping[str, Any]) -> str | None:
    """How something that a stage depends on is not as dvc.lock has it; None where it is."""
    from dvc.dependency import ParamsDependency

    if isinstance(dep, ParamsDependency):
        return _params(dep)
    if not dep.hash_info:
        return f"{dep} is new to it"
    if dep.exists and not _below(dep, made):
        return f"{dep} has changed" if dep.workspace_status() else None
    if dep.fs_path in made:
        return f"{dep} was made anew" if made[dep.fs_path].hash_info != dep.hash_info else None
    return _missing(dep, made)


def _params(dep: Any) -> str | None:
    """The knobs, or the keys of an entry, that are not as they were."""
    status = dep.status().get(str(dep))
    if not status:
        return None
    keys = sorted(map(str, status)) if isinstance(status, Mapping) else []
    return f"{dep}: {', '.join(keys)}" if keys else f"{dep} is not there"


def _missing(dep: Any, made: Mapping[str, Any]) -> str | None:
    """Of what is not here, or not as a whole, and is no output by itself."""
    if any(dep.fs_path.startswith(f"{path}/") for path in made):
        return None  # a file of a folder, whose manifest only the cache has
    if not dep.hash_info.isdir:
        return f"{dep} is not here"
    found = _folder(dep, made)
    if found is None:
        return f"{dep} cannot be told without its data"
    return f"{dep} has changed" if found != dep.hash_info.value else None


def _below(dep: Any, made: Mapping[str, Any]) -> bool:
    """Whether outputs of DVC belong into a folder that are not here."""
    return any(not made[path].exists for path in _inside(dep, made))


def _inside(dep: Any, made: Mapping[str, Any]) -> list[str]:
    folder = f"{dep.fs_path}/"
    return [path for path in made if path.startswith(folder)]


def _folder(dep: Any, made: Mapping[str, Any]) -> str | None:
    """What a folder would hash to if all that DVC knows to be in it were here; None where that
    holds a folder, whose own files only the cache knows.
    """
    from dvc_data.hashfile.hash import hash_file
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    tree: Any = Tree()  # type: ignore[no-untyped-call]
    inside = _inside(dep, made)
    if any(made[path].hash_info.isdir for path in inside):
        return None
    for path in inside:
        tree.add(Path(path).relative_to(dep.fs_path).parts, None, made[path].hash_info)
    for path in dep.repo.dvcignore.find(dep.fs, dep.fs_path) if dep.exists else ():
        if path not in made:
            _, value = hash_file(path, dep.fs, "md5")
            tree.add(Path(path).relative_to(dep.fs_path).parts, None, HashInfo("md5", value.value))
    tree.digest()
    return str(tree.hash_info.value)


def _recoded(stage: Any) -> set[str]:
    """The stages whose code means something else than dvc.lock says, given the stage `code`."""
    found = set()
    for out in stage.outs:
        path = Path(str(out))
        if path == paths.DEFINITIONS:
            continue  # for `stillhouse why`; no stage depends on it
        if filed_hash(of_stage(path.stem)) != out.hash_info.value:
            found.add(path.stem)
    return found
