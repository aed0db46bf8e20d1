"""Run a stage's script and write which definitions ran: `calls.py OUT SCRIPT ...`.

What runs within a module that only tells or refuses is left out, and so are bodies of classes.
"""

import inspect
import json
import runpy
import sys
import threading
from pathlib import Path

ran: set[tuple[str, str]] = set()
PACKAGE = str(Path("src/stillhouse").resolve())


def notice(frame, event, _argument):
    code = frame.f_code
    if event != "call" or not code.co_filename.startswith(PACKAGE):
        return
    place = (frame.f_globals.get("__name__", ""), code.co_qualname.partition(".")[0])
    if place in ran or not code.co_flags & inspect.CO_OPTIMIZED:
        return
    outer = frame
    while outer is not None:
        if presents(outer.f_globals.get("__name__", "")):
            return
        outer = outer.f_back
    ran.add(place)


if __name__ == "__main__":
    from stillhouse.code.fingerprint import presents

    out, script = sys.argv[1:3]
    sys.argv = sys.argv[2:]
    sys.path[0] = str(Path(script).resolve().parent)
    threading.setprofile(notice)
    sys.setprofile(notice)
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        sys.setprofile(None)
        Path(out).write_text(json.dumps(sorted(ran)), encoding="utf-8")
