"""A hub cache on disk, laid out as the hub library lays it out."""

from pathlib import Path

import pytest

COMMIT = "e53f048856ff4f594e959d75785d2c2d37b678ee"


def make_snapshot(hub: Path, kind: str, repo: str, files: dict[str, bytes]) -> Path:
    """Write `files` as the snapshot of `repo` at COMMIT, with `main` pointing to it."""
    root = hub / f"{kind}s--{repo.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(COMMIT)
    for name, content in files.items():
        path = root / "snapshots" / COMMIT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root / "snapshots" / COMMIT


def use_cache(monkeypatch: pytest.MonkeyPatch, hub: Path) -> None:
    """Make the hub library use this cache, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
