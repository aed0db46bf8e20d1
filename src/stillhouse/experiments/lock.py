"""dvc.lock as a commit has it: what each stage was run with, and what it made."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.yaml import parse_yaml
from stillhouse.experiments.git import read_here, read_text, resolve

LOCK = Path("dvc.lock")
REPORT = "report"

Lock = Mapping[str, Any]
"""Its stages, by name."""


def parse_lock(text: str | None, where: str) -> Lock:
    """The stages of a dvc.lock; none where there is no such file."""
    values = parse_yaml(text, where) if text else {}
    stages = values.get("stages", {}) if isinstance(values, dict) else None
    if not isinstance(stages, dict):
        raise StillhouseError(f"{where} is no dvc.lock: it has no mapping of `stages`.")
    for name, stage in stages.items():
        if not _is_stage(stage):
            raise StillhouseError(
                f"{where} is no dvc.lock: its stage {name!r} is not as DVC's are."
            )
    return stages


def locked_stages(revision: str | None = None) -> Lock:
    """The stages of dvc.lock, as they are on disk or in a revision."""
    if revision is not None:
        return parse_lock(read_text(resolve(revision), LOCK), f"{LOCK} of {revision!r}")
    return parse_lock(read_here(LOCK), str(LOCK))


def _is_stage(stage: object) -> bool:
    """Whether the parts that are read here are of the types that DVC writes."""
    if not isinstance(stage, dict):
        return False
    params, lists = stage.get("params", {}), (stage.get("deps", []), stage.get("outs", []))
    return (
        isinstance(params, dict)
        and all(isinstance(values, dict) for values in params.values())
        and all(isinstance(each, list) and all(isinstance(o, dict) for o in each) for each in lists)
    )


def is_of_another_run(outcomes: str, lock: Lock) -> bool:
    """Whether dvc.lock says that a metrics/outcomes.json is not of the predictions beside it.

    So it is where a student was evaluated again, and the report not written since.
    """
    report = lock.get(REPORT, {})
    made = {out.get("path"): out.get("md5") for out in report.get("outs", ())}
    content = outcomes.encode("utf-8", "surrogateescape")
    own = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if made.get(str(paths.OUTCOMES), own) != own:
        return True
    latest = {
        out.get("path"): out.get("md5") for each in lock.values() for out in each.get("outs", ())
    }
    read = {dep.get("path"): dep.get("md5") for dep in report.get("deps", ())}
    return any(latest.get(path, md5) != md5 for path, md5 in read.items())
