"""Splits of a hub dataset, read by the `datasets` library from a snapshot of its repository."""

from pathlib import Path

from stillhouse.core.errors import StillhouseError
from stillhouse.data.files import RawRow


def read_hub_split(snapshot: Path, repo: str, name: str) -> list[RawRow]:
    """Read `split` or `config/split`, as the repository's own card defines them.

    Reading the snapshot works without a network, where loading by name would not; rows are
    streamed, so that no second copy of the data is written to disk.
    """
    from datasets import load_dataset

    config, _, split = name.rpartition("/")
    try:
        rows = list(load_dataset(str(snapshot), config or None, split=split, streaming=True))
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        raise StillhouseError(
            f"The hub dataset {repo} has no split {name!r} that can be read: "
            f"{str(error).splitlines()[0]} Write `split` or `config/split`; a repository whose "
            "data is made by a script has readable files at its revision refs/convert/parquet."
        ) from error
    return [RawRow(f"{repo} {name} row {number}", row) for number, row in enumerate(rows, 1)]
