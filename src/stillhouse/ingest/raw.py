"""Read a dataset's raw rows: from the mirror if it has them, else from the source."""

from collections.abc import Sequence
from os.path import normpath
from pathlib import Path

from stillhouse.config.dataset import DatasetConf, Quoting, Separator, Split
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.uri import HubSource, parse_source
from stillhouse.hooks.reference import is_reference
from stillhouse.ingest.files import RawRow, is_table, read_file
from stillhouse.ingest.hub import read_hub_splits
from stillhouse.ingest.own import read_own
from stillhouse.sources.mirror import mirror_root, mirrored
from stillhouse.sources.resolve import require_watched, resolve

EXEMPLARS = paths.CONF / "exemplars"
Form = tuple[Quoting | None, Separator | None]
"""How a split says that its CSV and TSV are written."""


def read_splits(conf: DatasetConf) -> dict[str, list[RawRow]]:
    """The raw rows of every split that is read (and not held out), in the source's order."""
    reading = {name: split for name, split in conf.splits.items() if split.read}
    mirrors = {name: _mirror_files(split) for name, split in reading.items()}
    wanted: dict[tuple[str, Form], set[str]] = {}
    for name, split in reading.items():
        if not mirrors[name]:
            wanted.setdefault(_origin(conf, split), set()).update(split.read)
    opened = {origin: _open(*origin, sorted(names)) for origin, names in wanted.items()}
    return {
        name: [row for path in mirrors[name] for row in _rows_of(path, _form(split))]
        if mirrors[name]
        else [row for read in split.read for row in opened[_origin(conf, split)][read]]
        for name, split in reading.items()
    }


def _origin(conf: DatasetConf, split: Split) -> tuple[str, Form]:
    return split.source or conf.source, _form(split)


def _form(split: Split) -> Form:
    return split.quoting, split.separator


def _mirror_files(split: Split) -> list[Path]:
    found = [path for path in map(mirrored, split.mirror) if path]
    if found and len(found) < len(split.mirror):
        missing = [path for path in split.mirror if not mirrored(path)]
        raise StillhouseError(
            f"STILLHOUSE_MIRROR ({mirror_root()}) has only some files of a split; missing: "
            f"{', '.join(missing)}. Complete the mirror, or unset it."
        )
    return found


def _open(source: str, form: Form, names: Sequence[str]) -> dict[str, list[RawRow]]:
    if is_reference(source):
        return read_own(source, names)
    parsed = parse_source(source)
    files = [name for name in names if not isinstance(parsed, HubSource) or is_table(Path(name))]
    rows = {}
    if files:
        root = resolve(source, kind="dataset", paths=files)
        rows = {name: _rows_of(root / name, form) for name in files}
    if isinstance(parsed, HubSource) and len(files) < len(names):
        snapshot = resolve(source, kind="dataset")
        splits = [name for name in names if name not in rows]
        rows |= read_hub_splits(snapshot, parsed.repo, splits)
    return rows


def _rows_of(path: Path, form: Form) -> list[RawRow]:
    """A file's rows, which also know its name: some sources keep the label there."""
    return [RawRow(row.where, row.values | {"_file": path.stem}) for row in read_file(path, *form)]


def read_exemplars(path: str | None) -> list[RawRow]:
    """The exemplars written by people, in file order; none without a path."""
    if path is None:
        return []
    file = Path(normpath(path))
    # DVC watches these two folders alone.
    watched = next((root for root in (paths.RAW, EXEMPLARS) if file.is_relative_to(root)), None)
    if watched is None:
        raise StillhouseError(
            f"`human_exemplars` is {path!r}; put the file below {EXEMPLARS} or {paths.RAW}, which "
            "DVC watches, so that an edit reruns what depends on it."
        )
    if not file.is_file():
        raise StillhouseError(f"`human_exemplars` is {path!r}, but there is no such file.")
    require_watched(file, watched)
    return read_file(file)
