"""`stillhouse repro`: `dvc repro`, and at its end what of the pipeline ran and what that took."""

import signal
import subprocess
import sys
from collections.abc import Collection, Sequence
from types import FrameType

from stillhouse.code.why import locked_stages
from stillhouse.core import paths
from stillhouse.core.log import read_events, run_of
from stillhouse.core.progress import announce
from stillhouse.report.again import print_again
from stillhouse.report.latest_run import Asked, Run, one_run, totals

INTERRUPTED = 130
DRY = {"--dry", "-n"}
NOT_BEGUN = (253, 254)
"""What DVC ends with where there is no repository, or an option that it does not know."""


def repro(arguments: Sequence[str]) -> int:
    """Run `dvc repro` with these arguments; its exit status.

    The results table follows where the whole pipeline was asked for and the report, which prints
    it, did not run. The last line says what ran.
    """
    before = locked_stages()
    status, name = _dvc_repro(arguments)
    if DRY & set(arguments) or status in NOT_BEGUN:
        return status
    run = Run((), Asked())
    if name is not None:
        run = one_run(name, read_events("stage"), read_events("teacher"))
    ran = {stage.stage for stage in run.stages}
    if not (status or arguments or "report" in ran) and paths.REPORT.exists():
        print_again()
    changed = {stage for stage, entry in locked_stages().items() if before.get(stage) != entry}
    announce(summary(run, changed - ran, None if arguments else _count(), status))
    return status


def _dvc_repro(arguments: Sequence[str]) -> tuple[int, str | None]:
    """The status that DVC ended with, and the name of its run in the log."""
    command = [sys.executable, "-m", "dvc", "repro", *arguments]
    with subprocess.Popen(command) as process:  # noqa: S603 - no shell
        name = run_of(process.pid)

        def pass_on(_signal: int, _frame: FrameType | None) -> None:
            process.terminate()

        previous = signal.signal(signal.SIGTERM, pass_on)
        interrupted = False
        try:
            while True:
                try:
                    status = process.wait()
                    break
                except KeyboardInterrupt:  # DVC has it, too, and ends the stage
                    interrupted = True
        finally:
            signal.signal(signal.SIGTERM, previous)
    if status < 0:
        status = 128 - status
    return INTERRUPTED if interrupted and status else status, name


def _count() -> int:
    """The stages of the pipeline, one for each seed."""
    from dvc.repo import Repo

    return sum(hasattr(stage, "name") for stage in Repo().index.stages)


def summary(run: Run, restored: Collection[str], every: int | None, status: int) -> str:
    """A run in a sentence, as `6 of 23 stages ran, 17 unchanged, in 132 s; 0 answers asked`.

    `restored`: stages whose outputs came from DVC's cache. `every`: how many stages there are;
    None where the run was not of all. `status`: what DVC ended with; where it is not 0, some stages
    were never looked at.
    """
    ran = len(run.stages)
    whole = every is not None and not status
    said = f"{ran} of {every} stages ran" if whole else f"{ran} stage{'' if ran == 1 else 's'} ran"
    if restored:
        said += f", {len(restored)} restored from DVC's cache"
    if whole and every is not None:
        said += f", {every - ran - len(restored)} unchanged"
    # A stage that failed may have asked.
    told = f"{said}; {totals(run)}." if ran or run.asked.asked else f"{said}."
    if status == INTERRUPTED:
        return f"Interrupted: {told} Run it again to go on."
    return f"Stopped with an error: {told} Run it again to go on." if status else told
