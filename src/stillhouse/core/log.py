"""The run log: what a run did and how long it took.

It lives in `.stillhouse/log`, outside DVC: timings and counts of reused completions differ between
equal runs, so they must never enter an output.
"""

import json
import os
import re
import time
from pathlib import Path
from typing import Any


def state_directory() -> Path:
    """`.stillhouse` of the repository; queued experiments share it through DVC_ROOT."""
    return Path(os.environ.get("DVC_ROOT") or ".") / ".stillhouse"


def _log_file() -> Path:
    return state_directory() / "log" / "runs.jsonl"


def record(event: str, **values: Any) -> None:
    """Append one line to the run log; within a stage it says which, and of which run of DVC."""
    line: dict[str, Any] = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "event": event,
    }
    if "DVC_STAGE" in os.environ:
        line |= {"run": _run_of_dvc(), "stage": os.environ["DVC_STAGE"]}
    line |= values
    path = _log_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as log:
        text = json.dumps(line, ensure_ascii=False)
        log.write(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def run_of(process: int) -> str | None:
    """The name that a run of DVC has in the log, given its process; None once that is gone."""
    import psutil

    try:
        return f"{process}@{psutil.Process(process).create_time():.2f}"
    except psutil.Error:
        return None


def _run_of_dvc() -> str | None:
    """The run of DVC that this process is a stage of; None where DVC does not say so.

    DVC writes down which process holds the outputs of the stage under way. One that was killed may
    still stand there, and a second one may run other stages.
    """
    for folder in (Path.cwd(), *Path.cwd().parents):
        lock = folder / ".dvc" / "tmp" / "rwlock"
        if lock.exists():
            break
    else:
        return None
    try:
        writers = json.loads(lock.read_text(encoding="utf-8"))["write"].values()
        found = {run_of(int(writer["pid"])) for writer in writers} - {None}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # no more than the log depends on it
    return found.pop() if len(found) == 1 else None


_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON leaves as it is and a terminal obeys, or what no file can hold."""


def read_events(event: str) -> list[dict[str, Any]]:
    """All events of one kind, oldest first; a line cut short by a kill is passed over."""
    if not _log_file().exists():
        return []
    events = []
    for line in _log_file().read_text(encoding="utf-8").splitlines():
        try:
            value = json.loads(line)
        except json.JSONDecodeError:
            continue
        if value.get("event") == event:
            events.append(value)
    return events
