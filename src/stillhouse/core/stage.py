"""How a stage script runs: user errors without a traceback, seconds in the run log."""

import errno
import os
import sys
import time
from collections.abc import Callable

from stillhouse.code.record import check_unchanged
from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import record
from stillhouse.core.text import printable


def run_stage(name: str, main: Callable[[], None]) -> None:
    """Run `main`; print a user's mistake as one message and exit with 1, an interrupt with 130."""
    started = time.perf_counter()
    stage = os.environ.get("DVC_STAGE", name)  # tells the seeds of a matrix apart
    try:
        check_unchanged(name)
        main()
        record("stage", stage=stage, seconds=round(time.perf_counter() - started, 2))
    except StillhouseError as error:
        sys.exit(printable(f"error in {name}: {error}"))
    except KeyboardInterrupt:
        print(f"{name} interrupted; run `dvc repro` again to go on.", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        where = f" at {error.filename}" if error.filename else ""
        said = f"error in {name}: {error.strerror}{where}. Nothing was half-written."
        sys.exit(printable(said))


def seed_argument() -> int:
    """The seed that a matrix stage gets as its argument."""
    try:
        return int(sys.argv[1])
    except (IndexError, ValueError) as error:
        raise StillhouseError(
            "the stage needs a seed as its one argument, as in `python stages/evaluate.py 0`; "
            "`dvc repro` gives it."
        ) from error
