"""Where completions are kept: this machine's store, and what was published with the data."""

import os
from pathlib import Path

from stillhouse.core.log import state_directory

PUBLISHED = Path("data/store")
SHIPPED = Path("data/raw/completions")
"""Completions that come with a repository, few and small enough for Git."""


def live_folder() -> Path:
    """The segments of one machine: in `$STILLHOUSE_STORE`, or the repository's `.stillhouse`.

    DVC_ROOT is the same for the workspace, queued and temporary experiments, so they share it.
    """
    chosen = os.environ.get("STILLHOUSE_STORE")
    root = Path(chosen) if chosen else state_directory() / "store"
    return root / "segments"


def published_folders() -> list[Path]:
    """What is published and shipped, of the working tree and of the repository that a queued
    experiment is of.
    """
    roots = (Path(), Path(os.environ.get("DVC_ROOT") or "."))
    candidates = [root / folder for folder in (PUBLISHED, SHIPPED) for root in roots]
    return list({path.resolve(): path for path in candidates if path.is_dir()}.values())
