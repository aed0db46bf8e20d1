"""Whether the `dvc` that started a stage is still there: without it nobody wants completions."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from stillhouse.core.errors import StillhouseError

if TYPE_CHECKING:
    import psutil

SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "fish", "busybox"}


@dataclass(frozen=True)
class Parent:
    """The process that started this one, and the shells in between; none outside DVC.

    A killed `dvc` leaves its stage running, and a shell that it was started through waits for the
    stage. So both are looked at: whose child this is now, and whether the others are alive.
    """

    pid: int | None
    above: "tuple[psutil.Process, ...]" = ()

    @classmethod
    def of_stage(cls) -> Self:
        """Who waits for this stage, when DVC started it."""
        if "DVC_STAGE" not in os.environ:
            return cls(None)
        return cls(os.getppid(), tuple(_above()))

    def require_alive(self) -> None:
        """Raise when DVC is gone."""
        if self.pid is None:
            return
        if os.getppid() != self.pid or not all(map(_is_alive, self.above)):
            raise StillhouseError(
                "The `dvc` that started this stage has ended, so nothing more is asked."
            )


def _is_alive(process: "psutil.Process") -> bool:
    """A process that was killed and whose own parent has not taken note of it is dead, too."""
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False


def _above() -> "list[psutil.Process]":
    import psutil

    found = []
    try:
        process = psutil.Process().parent()
        while process is not None:
            found.append(process)
            process = process.parent() if process.name() in SHELLS else None
    except psutil.Error:  # it cannot be seen into: the direct parent must do
        pass
    return found
