"""Splits of a hub dataset, read by the `datasets` library from a snapshot of its repository."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os.path import normpath
from pathlib import Path
from tempfile import TemporaryDirectory

from stillhouse.core.errors import StillhouseError
from stillhouse.ingest.files import RawRow, present
from stillhouse.sources.cache import cache_root


def read_hub_splits(snapshot: Path, repo: str, names: Sequence[str]) -> dict[str, list[RawRow]]:
    """Read splits, each `split` or `config/split`, as the repository's own card defines them.

    Reading the snapshot works without a network, where loading by name would not. The copy of the
    data that the library writes is thrown away: it would be a second cache.
    """
    cache_root().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache_root(), prefix=".datasets.") as scratch, _quiet():
        return {name: _read(snapshot, repo, name, scratch) for name in names}


def _read(snapshot: Path, repo: str, name: str, scratch: str) -> list[RawRow]:
    from datasets import load_dataset, load_dataset_builder

    config, _, split = name.rpartition("/")
    try:
        builder = load_dataset_builder(str(snapshot), config or None, cache_dir=scratch)
        _require_inside(snapshot, repo, builder.config.data_files or {})
        rows = load_dataset(str(snapshot), config or None, split=split, cache_dir=scratch).to_list()
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        said = " ".join(str(error).splitlines()[:2])
        raise StillhouseError(
            f"The hub dataset {repo} has no split {name!r} that can be read: {said} Write `split` "
            "or `config/split`. A repository whose data is made by a script has readable files at "
            "its revision refs/convert/parquet."
        ) from error
    return [
        RawRow(f"{repo} {name} row {number}", present(row)) for number, row in enumerate(rows, 1)
    ]


def _require_inside(snapshot: Path, repo: str, files: Mapping[str, Sequence[str]]) -> None:
    """The card says which files make up a split; any path or address would do for the library."""
    root = normpath(snapshot.absolute())  # not resolved: its files are links into the hub cache
    for file in (file for listed in files.values() for file in listed):
        if not Path(normpath(file)).is_relative_to(root):
            raise StillhouseError(
                f"The hub dataset {repo} names {file!r} as its data, which is not in the "
                "repository, so no pin covers it. Nothing of it was read."
            )


@contextmanager
def _quiet() -> Iterator[None]:
    import datasets

    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
