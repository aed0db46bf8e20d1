"""`pypi://`: fetch a wheel with pip, check its hash, unpack only the paths asked for."""

import errno
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.files import require_disk_space, sha256_file
from stillhouse.core.progress import progress
from stillhouse.core.uri import WheelSource
from stillhouse.sources.cache import cache_root, cached
from stillhouse.sources.content import require_hash

MOST_GROWTH = 200
"""How many times its size a wheel may unpack to; text packs to a tenth, weights hardly."""
PLAUSIBLE = 100_000_000
"""Bytes that need no such check."""


def fetch_wheel(source: WheelSource, paths: Sequence[str] = ()) -> Path:
    """The file or folder of the wheel that `source` names, in the cache.

    With `paths`, files or folders below it, only those are unpacked.
    """
    wanted = sorted(f"{source.path}/{path}".strip("/") for path in paths) or [source.path]
    # Each selection is an entry of its own: a folder is never mistaken for whole when only some
    # of its files were asked for before.
    selection = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:12]
    name = f"wheels/{source.name}-{source.version}-{source.sha256[:12]}/{selection}"
    return cached(name, lambda folder: _fill(source, wanted, folder)) / source.path


def _fill(source: WheelSource, wanted: Sequence[str], folder: Path) -> None:
    with (
        tempfile.TemporaryDirectory(dir=cache_root(), prefix=".download.") as scratch,
        progress(f"Fetch {source.name} {source.version}", 1) as bar,
    ):
        wheel = download(source.name, source.version, Path(scratch))
        bar.advance()
        require_hash(
            sha256_file(wheel),
            source.sha256,
            f"The wheel {wheel.name}",
            "Nothing of it was kept. If the package index is the one you mean, correct the "
            "#sha256= of the source.",
        )
        unpack(wheel, wanted, folder)


def download(name: str, version: str, scratch: Path) -> Path:
    """The wheel of a package, fetched by pip into the folder `scratch`."""
    requirement = f"{name}=={version}"
    # `--only-binary` keeps pip from running a source distribution's build code.
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"),
        *("--only-binary", ":all:", "--dest", str(scratch), requirement),
    ]
    settings = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "TMPDIR": str(scratch)}
    run = subprocess.run(  # noqa: S603 - no shell; the requirement was matched by a strict pattern
        command,
        env=os.environ | settings,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    wheels = sorted(scratch.glob("*.whl"))
    if run.returncode or len(wheels) != 1:
        raise StillhouseError(_failure(requirement, run.stderr))
    return wheels[0]


def _failure(requirement: str, stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines[-3:]
    if any("No module named pip" in line for line in lines):
        advice = "This Python has no pip: run `python -m ensurepip`."
    elif any("No space left" in line for line in lines):
        advice = f"Free some space at {cache_root()}, or move the cache with STILLHOUSE_CACHE."
    else:
        advice = (
            "Check the name, the version and the network (pip's own settings apply, such as "
            "PIP_INDEX_URL), or set STILLHOUSE_MIRROR to a folder that has the data."
        )
    shown = "\n".join(f"  {line}" for line in errors[:5])
    return f"pip could not download the wheel of {requirement}.\n{shown}\n{advice}"


def unpack(wheel: Path, wanted: Sequence[str], folder: Path) -> None:
    """Unpack the files `wanted`, or below it, of a wheel into `folder`, under the same names.

    Members are written as plain files; one that would land outside `folder`, or on another, is an
    error, and so is whatever is wrong with the archive.
    """
    with _damage_named(wheel), zipfile.ZipFile(wheel) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        chosen = [m for m in members if any(_below(m.filename, path) for path in wanted)]
        for name in wanted:
            if not any(_below(member.filename, name) for member in chosen):
                raise StillhouseError(_absent(wheel.name, name, [m.filename for m in members]))
        targets = [_safe(wheel.name, member.filename) for member in chosen]
        _require_separate(wheel.name, targets)
        size = sum(member.file_size for member in chosen)
        _require_plausible(wheel, size)
        require_disk_space(folder, size, f"the contents of {wheel.name}")
        for member, path in zip(chosen, targets, strict=True):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            # A member gives no more bytes than it declares, and its checksum is compared.
            with archive.open(member) as packed, target.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked, 1 << 20)


@contextmanager
def _damage_named(wheel: Path) -> Iterator[None]:
    """Whatever in an archive trips the library is one message."""
    try:
        yield
    except OSError as error:
        # A damaged offset or name; a full disk and the like are no fault of the wheel.
        if error.errno not in (errno.EINVAL, errno.ENAMETOOLONG):
            raise
        raise StillhouseError(_damaged(wheel, str(error.strerror))) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError) as error:
        raise StillhouseError(_damaged(wheel, str(error) or "it is cut off")) from error
    except (RuntimeError, NotImplementedError, OverflowError) as error:
        # Encrypted, or packed in a way that Python does not know.
        raise StillhouseError(_damaged(wheel, str(error))) from error


def _damaged(wheel: Path, reason: str) -> str:
    return (
        f"The wheel {wheel.name} cannot be unpacked: {reason}. Nothing of it was kept; fetch it "
        "anew, or name another."
    )


def _require_separate(wheel: str, targets: Sequence[PurePosixPath]) -> None:
    """Fail when two members have one name, also on file systems that fold case or accents."""
    seen: dict[str, PurePosixPath] = {}
    for target in targets:
        first = seen.setdefault(_folded(target), target)
        if first is not target:
            raise StillhouseError(
                f"The wheel {wheel} has two members of one name, {str(first)!r} and "
                f"{str(target)!r}, so what is in it depends on who unpacks it."
            )
    folders = {_folded(folder): target for target in targets for folder in target.parents}
    for name, target in seen.items():
        if name in folders:
            raise StillhouseError(
                f"The wheel {wheel} has {str(target)!r} as a file and, for {str(folders[name])!r}, "
                "as a folder."
            )


def _folded(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", str(path)).casefold()


def _require_plausible(wheel: Path, size: int) -> None:
    packed = wheel.stat().st_size
    if size > max(PLAUSIBLE, MOST_GROWTH * packed):
        raise StillhouseError(
            f"The wheel {wheel.name} of {packed / 1e6:,.1f} MB says that it holds "
            f"{size / 1e6:,.0f} MB: more than {MOST_GROWTH} times its size is no data, and would "
            "only fill the disk. Nothing of it was unpacked."
        )


def _below(name: str, path: str) -> bool:
    return not path or name == path or name.startswith(path + "/")


def _safe(wheel: str, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if not path.parts or any(ord(character) < 32 for character in name):
        raise StillhouseError(f"The wheel {wheel} has a member whose name {name!r} is none.")
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
        raise StillhouseError(
            f"The wheel {wheel} has a member {name!r} that points outside the folder it is "
            "unpacked into. Nothing of it was kept."
        )
    return path


def _absent(wheel: str, path: str, names: Sequence[str]) -> str:
    parent = path
    while parent and not any(_below(name, parent) for name in names):
        parent = parent.rpartition("/")[0]
    inside = {
        name[len(parent) :].strip("/").split("/")[0] for name in names if _below(name, parent)
    }
    missing = path[len(parent) :].strip("/").split("/")[0]
    return (
        f"The wheel {wheel} has no {path!r}: there is no {missing!r} in {parent or 'its root'!r}."
        f"{did_you_mean(missing, inside)}"
    )
