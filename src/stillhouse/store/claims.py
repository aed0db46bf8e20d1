"""Claims: what each process is asking for right now, so that no other asks it, too.

Every process has one small file beside the segments that holds the keys in its hands. A claim only
keeps others waiting for a completion; nothing goes wrong when it is missed, but that a completion
is asked for twice. So no lock is needed, which network file systems and kills do not go well with:
the file of a process that is gone, or that has not touched its file for a while, counts for
nothing.
"""

import os
import socket
import threading
import uuid
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from stillhouse.store.key import KEY_BYTES

SUFFIX = ".claim"
TOUCH_SECONDS = 5.0
EXPIRE_SECONDS = 60.0
"""A process of another machine that was silent for so long is taken for dead."""


class Claims:
    """The claim of this process, while the block lasts, and a view of the others'."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._owner = f"{socket.gethostname().replace('/', '_')}~{os.getpid()}~"
        self._path = folder / f"{self._owner}{uuid.uuid4().hex}{SUFFIX}"
        self._ended = threading.Event()
        self._touching = threading.Thread(target=self._touch, daemon=True)

    def __enter__(self) -> Self:
        self.hold(())
        self._touching.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._touching.join()
        with suppress(OSError):
            self._path.unlink()

    def hold(self, keys: Collection[bytes]) -> None:
        """Claim these keys, and give up all others."""
        temporary = self._path.with_name(f".{self._path.name}.tmp")
        with suppress(OSError):  # whether the store can be written is the writer's business
            temporary.write_bytes(b"".join(keys))
            temporary.replace(self._path)

    def others(self) -> set[bytes]:
        """What living processes beside this one have claimed."""
        found: set[bytes] = set()
        with suppress(OSError):
            # Against a file of our own: the server of a network file system has its own clock.
            now = self._path.stat().st_mtime
            for path in self._folder.glob(f"*{SUFFIX}"):
                if not path.name.startswith((self._owner, ".")):
                    found |= _keys(path, now)
        return found

    def _touch(self) -> None:
        while not self._ended.wait(TOUCH_SECONDS):
            with suppress(OSError):
                os.utime(self._path)


def _keys(path: Path, now: float) -> set[bytes]:
    try:
        if now - path.stat().st_mtime > EXPIRE_SECONDS or _is_dead(path.name):
            path.unlink(missing_ok=True)
            return set()
        content = path.read_bytes()
    except OSError:  # its process has just ended
        return set()
    return {content[at : at + KEY_BYTES] for at in range(0, len(content), KEY_BYTES)}


def _is_dead(name: str) -> bool:
    """Whether a claim's process is known to be gone: only one of this machine can be."""
    host, pid, _ = name.split("~", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
