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
    """Append one line to the run log."""
    line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event} | values
    path = _log_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as log:
        text = json.dumps(line, ensure_ascii=False)
        log.write(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


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
