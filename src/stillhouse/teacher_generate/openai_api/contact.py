"""Whether there is a server at all: what is said while none is found, and when that is given up."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.progress import announce
from stillhouse.teacher_generate.protocol import UnbilledError

if TYPE_CHECKING:
    import aiohttp

START_SECONDS = 15.0
"""How long nothing that is a server may be found before the first completion: one may be starting,
and what is not there will not come.
"""
SOON_SECONDS = 5.0
"""How long a server may have trouble before its first completion until that is said."""
SILENT_SECONDS = 10.0
"""How long nothing at all may come from a server until that is looked into."""
TOLD_EVERY_SECONDS = 60.0
"""How often the same is said again."""
LOOK_SECONDS = 5.0
"""How long a server may take to say which models it has."""
MOST_MODELS = 20


@dataclass
class Contact:
    """What has become of a server since a run began; times are the event loop's."""

    address: str
    patience: float
    """How long a server that has gone away is waited for."""
    shown: Callable[[str], str]
    """Makes a server's words fit to be shown."""
    say: Callable[[str], None] = announce
    started: float = 0.0
    completed: bool = False
    heard: bool = False
    """Whether it has said anything at all."""
    _lost: float | None = None
    """Since when no server is found."""
    _troubled: bool = False
    _charged: bool = False
    _told: float = field(default=float("-inf"))

    def begin(self, now: float) -> None:
        """A run of requests begins."""
        self.started = now
        self._lost = None

    def lose(self, reason: str, advice: str, now: float, wait: float, *, charged: bool) -> None:
        """No server was found, and in `wait` seconds it will be looked for again.

        `charged`: what was found may have been one that bills.
        Raises StillhouseError when time is up: soon where none has ever been.
        """
        self._lost = now if self._lost is None else self._lost
        self._charged |= charged
        why = self.shown(reason)
        gone = now - self._lost
        if self.completed and gone > self.patience:
            raise StillhouseError(
                f"{self.address} has been gone for {gone:.0f} s ({why}). See whether the server is "
                "up."
            )
        if self.completed:
            self._tell(
                f"{self.address} is gone ({why}): waiting for it, up to {self.patience:g} s. What "
                "came so far is kept.",
                now,
            )
            return
        if gone + wait > START_SECONDS:
            error = StillhouseError if self.heard or self._charged else UnbilledError
            raise error(f"The server at {self.address} cannot be reached: {why}. {advice}")
        self._tell(
            f"waiting for {self.address} ({why}), up to {START_SECONDS:g} s in case it is starting",
            now,
        )

    def hear(self) -> None:
        """The server has said something."""
        self._lost, self.heard = None, True

    def trouble(self, reason: str, now: float) -> None:
        """The server is there and completes nothing for now."""
        self.hear()
        if not self.completed and now - self.started >= SOON_SECONDS:
            self._troubled = True
            self._tell(
                f"{self.address} has completed nothing for {now - self.started:.0f} s "
                f"({self.shown(reason)}); trying again for up to {self.patience:g} s",
                now,
            )

    def complete(self, now: float) -> None:
        """A completion came."""
        if self._lost is not None and self.completed:
            self.say(f"{self.address} is back after {now - self._lost:.0f} s")
        elif self._lost is not None or self._troubled:
            self.say(f"{self.address} is there")
        self._lost, self._troubled, self._told = None, False, float("-inf")
        self.completed = self.heard = True

    def is_silent(self, now: float) -> bool:
        """Whether nothing has come for so long that it has to be looked into."""
        return not self.heard and self._lost is None and now - self.started >= SILENT_SECONDS

    def _tell(self, line: str, now: float) -> None:
        if now - self._told >= TOLD_EVERY_SECONDS:
            self._told = now
            self.say(line)


async def models_at(
    session: "aiohttp.ClientSession", base_url: str, proxy: str | None
) -> list[str] | None:
    """The models that a server at `base_url` says it has; None where none answers so."""
    import aiohttp

    url = f"{base_url.rstrip('/')}/models"
    timeout = aiohttp.ClientTimeout(total=LOOK_SECONDS)
    try:
        async with session.get(
            url, allow_redirects=False, proxy=proxy, timeout=timeout
        ) as response:
            if response.status != 200:
                return None
            listed = json.loads(await response.read())["data"]
            return [each["id"] for each in listed if isinstance(each["id"], str)]
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError, LookupError, TypeError):
        return None


async def answers(session: "aiohttp.ClientSession", base_url: str, proxy: str | None) -> bool:
    """Whether a server says anything, be it that it does not know what is asked."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=LOOK_SECONDS)
    try:
        url = f"{base_url.rstrip('/')}/models"
        async with session.get(url, allow_redirects=False, proxy=proxy, timeout=timeout):
            return True
    except (TimeoutError, aiohttp.ClientError, OSError):
        return False


def advice_on_models(name: str, models: Sequence[str]) -> str:
    """What to do where a server knows no model of that name."""
    if len(models) > MOST_MODELS:
        near = did_you_mean(name, models).partition(" Known:")[0]
        return f" It has {len(models)} models.{near} Set model.name."
    return f" Set model.name to one that it has.{did_you_mean(name, models)}"
