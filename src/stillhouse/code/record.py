"""The fingerprints on file: written by the stage `code`, held to the code by every other stage."""

import json
from functools import cache
from pathlib import Path

import stillhouse
from stillhouse.code.fingerprint import Fingerprint, Sources, fingerprint, of_module
from stillhouse.code.pin import pinned, require_pinned_version
from stillhouse.config import pipeline
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_json
from stillhouse.core.log import state_directory

STAGE = "code"


@cache
def sources() -> Sources:
    """The code that runs here: the installed package and the project's scripts."""
    return Sources(Path(stillhouse.__file__).parent, paths.STAGES, pipeline.scripts())


def write_fingerprints() -> None:
    """Write each stage's fingerprint, and what it is made of for `stillhouse why`."""
    require_pinned_version()
    found = {stage: of_stage(stage) for stage in sources().stages() if stage != STAGE}
    for stage, each in found.items():
        write_json(paths.code(stage), {"digest": each.digest})
    hashes = {place: own for each in found.values() for place, own in each.definitions.items()}
    reached = {stage: sorted(each.definitions) for stage, each in found.items()}
    write_json(paths.DEFINITIONS, {"hashes": hashes, "reached": reached})
    write_json(_seen_file(), _times())


def of_stage(stage: str) -> Fingerprint:
    """The fingerprint of a stage's code as it is now."""
    return fingerprint(stage, sources())


def module_digest(module: str) -> str:
    """What a module and all that it reaches mean, as a hash."""
    return of_module(module, sources()).digest


def check_unchanged(stage: str) -> None:
    """Raise StillhouseError if a stage's code is not what the stage `code` wrote down.

    So it is when a file was edited while `dvc repro` ran: what the stage makes would be filed under
    code that did not make it. Costs a look at the files' times, as long as none has changed.
    """
    try:
        recorded = json.loads(paths.code(stage).read_text(encoding="utf-8"))["digest"]
    except (OSError, ValueError, KeyError):
        return  # a script that was run without DVC
    if _seen() == _times() or of_stage(stage).digest == recorded:
        return
    require_pinned_version()
    if pinned() is not None:
        raise StillhouseError(
            "the stillhouse that is installed is of the version that requirements.txt pins, and "
            "yet other code than this project was built with. `dvc repro --force code` takes it, "
            "and `stillhouse why STAGE` says what it changes."
        )
    raise StillhouseError(
        f"the code of {stage} is not what `dvc repro` found when it began: it was edited since, or "
        "this stage was run alone. Run `dvc repro` again; what was made so far is kept."
    )


def _times() -> dict[str, list[int]]:
    """The size and the time in nanoseconds of every file of the code."""
    scripts = sorted(paths.STAGES.glob("*.py"))
    files = dict.fromkeys([*sources().files.values(), *scripts])
    return {str(path): [path.stat().st_size, path.stat().st_mtime_ns] for path in files}


def _seen_file() -> Path:
    return state_directory() / "code.json"


def _seen() -> dict[str, list[int]] | None:
    """What `_times` was when the fingerprints were written; None when that is not known."""
    try:
        seen: dict[str, list[int]] = json.loads(_seen_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return seen
