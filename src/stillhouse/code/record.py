"""The fingerprints on file: written by the stage `code`, held to the code by every other stage."""

import hashlib
import json
from functools import cache
from pathlib import Path

import stillhouse
from stillhouse.code.fingerprint import Fingerprint, Sources, fingerprint, of_module
from stillhouse.code.pin import pinned, require_pinned_version
from stillhouse.config import pipeline
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import json_bytes, write_json
from stillhouse.core.log import state_directory

STAGE = "code"


@cache
def sources() -> Sources:
    """The code that runs here: the installed package and the project's scripts."""
    return Sources(Path(stillhouse.__file__).parent, paths.STAGES, pipeline.scripts())


def write_fingerprints() -> None:
    """Write each stage's fingerprint, and what it is made of for `stillhouse why`."""
    require_pinned_version()
    files = _files()  # before they are read
    found = {stage: of_stage(stage) for stage in sources().stages() if stage != STAGE}
    for stage, each in found.items():
        write_json(paths.code(stage), {"digest": each.digest})
    hashes = {place: own for each in found.values() for place, own in each.definitions.items()}
    reached = {stage: sorted(each.definitions) for stage, each in found.items()}
    write_json(paths.DEFINITIONS, {"hashes": hashes, "reached": reached})
    _remember(files, {stage: each.digest for stage, each in found.items()})


def of_stage(stage: str) -> Fingerprint:
    """The fingerprint of a stage's code as it is now."""
    return fingerprint(stage, sources())


def filed_hash(fingerprint: Fingerprint) -> str:
    """What DVC has as the hash of the file that `write_fingerprints` makes of a fingerprint."""
    content = json_bytes({"digest": fingerprint.digest})
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def module_digest(module: str) -> str:
    """What a module and all that it reaches mean, as a hash."""
    return of_module(module, sources()).digest


def check_unchanged(stage: str) -> None:
    """Raise StillhouseError if a stage's code is not what the stage `code` wrote down.

    So it is when a file was edited while `dvc repro` ran: what the stage makes would be filed under
    code that did not make it.
    """
    try:
        recorded = json.loads(paths.code(stage).read_text(encoding="utf-8"))["digest"]
    except (OSError, ValueError, KeyError):
        return  # a script that was run without DVC
    if _digest(stage) == recorded:
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


def _digest(stage: str) -> str:
    """A stage's fingerprint now: the remembered one, as long as no file's size or time changes."""
    files = _files()
    digests = _remembered(files)
    if stage not in digests:
        # Reading the code is most of the work, and the stages after this one will want theirs.
        stages = {*sources().stages(), stage} - {STAGE}
        digests = {each: of_stage(each).digest for each in stages}
        _remember(files, digests)
    return digests[stage]


def _files() -> dict[str, list[int]]:
    """Size and time in nanoseconds of the code's files, the project's by their places in it."""
    here = Path.cwd()
    found = {}
    for path in {*sources().files.values(), *paths.STAGES.glob("*.py")}:
        absolute, status = here / path, path.stat()
        place = absolute.relative_to(here) if absolute.is_relative_to(here) else absolute
        found[str(place)] = [status.st_size, status.st_mtime_ns]
    return found


def _memory() -> Path:
    return state_directory() / "code.json"


def _remember(files: dict[str, list[int]], digests: dict[str, str]) -> None:
    write_json(_memory(), {"files": files, "digests": digests})


def _remembered(files: dict[str, list[int]]) -> dict[str, str]:
    """The stages' fingerprints, if the files are those that they are of; else none."""
    try:
        memory = json.loads(_memory().read_text(encoding="utf-8"))
        digests: dict[str, str] = memory["digests"] if memory["files"] == files else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return digests
