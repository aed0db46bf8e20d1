"""Splits of a hub dataset, read by the `datasets` library from a snapshot of its repository."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from stillhouse.core.errors import StillhouseError
from stillhouse.data.files import RawRow, present
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
    from datasets import load_dataset

    config, _, split = name.rpartition("/")
    try:
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
