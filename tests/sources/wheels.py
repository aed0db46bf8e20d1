"""A tiny wheel made by hand, and a folder of wheels as the only package index."""

import zipfile
from pathlib import Path

import pytest

from stillhouse.core.files import sha256_file

FILES = {
    "tiny_data/__init__.py": "",
    "tiny_data/sets/train.jsonl": '{"text": "one"}\n',
    "tiny_data/sets/test.jsonl": '{"text": "two"}\n',
    "tiny_data/model/config.json": "{}",
    "tiny_data/model/1_Pooling/config.json": "{}",
}


def make_wheel(
    folder: Path, files: dict[str, str] | None = None, package: str = "tiny-data"
) -> str:
    """Write version 1.0 of `package` into `folder`; returns the wheel's hash."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = package.replace("-", "_")
    path = folder / f"{stem}-1.0-py3-none-any.whl"
    info = f"{stem}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in (files or FILES).items():
            wheel.writestr(name, text)
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return sha256_file(path)


def only_index(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make pip look for wheels in `folder` and nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
