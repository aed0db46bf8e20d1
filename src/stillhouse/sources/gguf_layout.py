"""Whether a GGUF file's own table of contents fits the file, before a library follows it.

The readers take its lengths as they stand: one wrong bit in the length of a list makes them read
on for hours. Only the header is read here; https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
has the format.
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

from stillhouse.core.errors import StillhouseError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
STRING, LIST = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value of each type; 8 is a text and 9 a list."""
MOST_DIMENSIONS = 8
DEEPEST = 4
"""Lists in lists."""


class _Header:
    """Reads on through a file, and never beyond its end."""

    def __init__(self, source: BinaryIO, size: int) -> None:
        self._source, self._left = source, size

    def skip(self, count: int) -> None:
        self._take(count)
        self._source.seek(count, os.SEEK_CUR)

    def number(self, form: str) -> int:
        width = struct.calcsize(form)
        self._take(width)
        return int(struct.unpack("<" + form, self._source.read(width))[0])

    def text(self) -> None:
        self.skip(self.number("Q"))

    def value(self, kind: int, depth: int = 0) -> None:
        if kind == STRING:
            self.text()
        elif kind == LIST and depth < DEEPEST:
            of, count = self.number("I"), self.number("Q")
            if of in SIZES:
                self.skip(SIZES[of] * count)
                return
            for _ in range(self.plausible(count)):
                self.value(of, depth + 1)
        elif kind in SIZES:
            self.skip(SIZES[kind])
        else:
            raise ValueError(f"a value has the unknown type {kind}")

    def tensor(self) -> int:
        """Where a tensor's data begins, counted from where the header ends."""
        self.text()
        dimensions = self.number("I")
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise ValueError(f"a tensor has {dimensions} dimensions")
        self.skip(8 * dimensions + 4)
        return self.number("Q")

    def plausible(self, count: int) -> int:
        """A count of things that each take eight bytes or more."""
        if count > self._left // 8:
            raise ValueError("it is cut off, or counts more than it holds")
        return count

    def holds(self, offset: int) -> bool:
        return offset <= self._left

    def _take(self, count: int) -> None:
        if count > self._left:
            raise ValueError("it is cut off, or a length in it is wrong")
        self._left -= count


def require_gguf(path: Path, source: str) -> None:
    """Fail when the header of a GGUF file cannot be read to its end, or points beyond the file."""
    try:
        with path.open("rb") as file:
            _check(_Header(file, path.stat().st_size))
    except ValueError as error:
        raise StillhouseError(
            f"The source {source!r}: {path} is no readable GGUF file: {error}. Fetch it anew, or "
            "name another."
        ) from error


def _check(header: _Header) -> None:
    header.skip(len(MAGIC))
    version = header.number("I")
    if version not in VERSIONS:
        raise ValueError(f"it has version {version}; {' and '.join(map(str, VERSIONS))} are read")
    tensors, values = header.number("Q"), header.number("Q")
    for _ in range(header.plausible(values)):
        header.text()
        header.value(header.number("I"))
    starts = [header.tensor() for _ in range(header.plausible(tensors))]
    if not starts:
        raise ValueError("it holds no tensors")
    if not header.holds(max(starts)):
        raise ValueError("it is cut off: a tensor lies beyond its end")
