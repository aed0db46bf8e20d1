"""The one URI scheme for data and weights; every form is pinned, or says that it is not.

`hf://<org>/<repo>[/<path>]@<commit>`, `pypi://<name>==<version>[/<path>]#sha256=<hash of wheel>`,
`file:<path>[#sha256=<hash>]`, or a bare relative path.
"""

import os
import re
from dataclasses import dataclass

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError, did_you_mean

SCHEMES = ("hf://", "pypi://", "file:")
UNPINNED = "unpinned"

_SCHEME = re.compile(r"([A-Za-z][\w+.-]*):(//)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HUB = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<path>[^@]+))?(?:@(?P<revision>.+))?")
_WHEEL = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(?:==(?P<version>[\w.!+-]+))?(?:/(?P<path>.+))?"
)


@dataclass(frozen=True)
class HubSource:
    """A repository on the hub, or a file or folder of it, at a revision."""

    repo: str
    revision: str
    path: str = ""


@dataclass(frozen=True)
class WheelSource:
    """A file or folder inside a wheel of the package index; `sha256` is that of the whole wheel."""

    name: str
    version: str
    sha256: str
    path: str = ""


@dataclass(frozen=True)
class FileSource:
    """A local file or folder; without a hash only below `data/raw`, which DVC watches."""

    path: str
    sha256: str | None = None


Source = HubSource | WheelSource | FileSource


def parse_source(text: str) -> Source:
    """Parse a source; errors name the missing pin or the nearest known scheme."""
    body, _, fragment = text.partition("#")
    scheme = _SCHEME.match(body)
    if not scheme:
        return _file(text, body, fragment)
    rest = body[scheme.end() :]
    match scheme[0].lower():
        case "hf://":
            return _hub(text, rest, fragment)
        case "pypi://":
            return _wheel(text, rest, fragment)
        case "file:" | "file://":
            return _file(text, rest, fragment)
    raise StillhouseError(
        f"The source {text!r} has an unknown scheme {scheme[0]!r}."
        f"{did_you_mean(scheme[0], SCHEMES)}"
    )


def _hub(text: str, rest: str, fragment: str) -> HubSource:
    match = _HUB.fullmatch(rest)
    if not match:
        raise StillhouseError(
            f"The source {text!r} is not of the form hf://<org>/<repo>[/<path>]@<commit>."
        )
    revision = match["revision"] or ""
    pinned = bool(_COMMIT.fullmatch(revision))
    if fragment not in ("", UNPINNED) or (fragment == UNPINNED and (pinned or not revision)):
        raise StillhouseError(
            f"The source {text!r} ends in #{fragment}; a hub source may only end in #{UNPINNED}, "
            "and only behind a branch or tag."
        )
    if not pinned and fragment != UNPINNED:
        found = f"the revision {revision!r} can move" if revision else "it has no revision"
        raise StillhouseError(
            f"The source {text!r} is not pinned: {found}. Write the full commit of 40 hexadecimal "
            f"digits behind an @ (the repository's history shows it), or end the source in "
            f"#{UNPINNED} if you accept that a later run may read other content."
        )
    return HubSource(match["repo"], revision, _inner_path(text, match["path"]))


def _wheel(text: str, rest: str, fragment: str) -> WheelSource:
    match = _WHEEL.fullmatch(rest)
    if not match or not match["version"]:
        raise StillhouseError(
            f"The source {text!r} is not of the form "
            "pypi://<name>==<version>[/<path>]#sha256=<hash of the wheel>."
        )
    digest = _digest(text, fragment)
    if digest is None:
        raise StillhouseError(
            f"The source {text!r} is not pinned: add #sha256=<hash of the wheel>, which the "
            f"package's download page shows, or `pip download --no-deps "
            f"{match['name']}=={match['version']}` and `pip hash` on the file."
        )
    return WheelSource(match["name"], match["version"], digest, _inner_path(text, match["path"]))


def _file(text: str, rest: str, fragment: str) -> FileSource:
    if not rest:
        raise StillhouseError(f"The source {text!r} names no file.")
    path = os.path.normpath(rest)
    digest = _digest(text, fragment)
    if digest is None and not below_raw(path):
        raise StillhouseError(
            f"The source {text!r} lies outside {paths.RAW}, so it needs a hash: "
            f"`stillhouse pin {rest}` prints the source with its #sha256=. Below {paths.RAW} "
            "none is needed, since DVC watches that folder."
        )
    return FileSource(path, digest)


def below_raw(path: str) -> bool:
    """Whether a path lies below `data/raw` (`..` does not count as being below)."""
    normal = os.path.normpath(path)
    raw = str(paths.RAW)
    return normal == raw or normal.startswith(raw + os.sep)


def _digest(text: str, fragment: str) -> str | None:
    if not fragment:
        return None
    kind, _, value = fragment.partition("=")
    if kind != "sha256" or not _SHA256.fullmatch(value):
        raise StillhouseError(
            f"The source {text!r} ends in #{fragment}; expected #sha256= and 64 hexadecimal digits "
            "in lower case."
        )
    return value


def _inner_path(text: str, path: str | None) -> str:
    inner = (path or "").strip("/")
    if ".." in inner.split("/"):
        raise StillhouseError(f"The source {text!r} has '..' in its path; name the path itself.")
    return inner
