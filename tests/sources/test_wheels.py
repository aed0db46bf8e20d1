import shutil
import zipfile
from pathlib import Path

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.sources.cache import cache_root
from stillhouse.sources.resolve import resolve
from stillhouse.sources.wheels import unpack
from tests.sources.wheels import make_wheel, only_index


def cached_files():
    return sorted(path.name for path in cache_root().rglob("*") if path.is_file())


def below(folder):
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(files)


def test_pip_fetches_the_wheel_and_only_what_is_asked_for_is_kept(tmp_path, monkeypatch):
    digest = make_wheel(tmp_path)
    only_index(monkeypatch, tmp_path)
    source = f"pypi://tiny-data==1.0/tiny_data/sets#sha256={digest}"

    folder = resolve(source, kind="dataset", paths=["train.jsonl"])

    assert (folder / "train.jsonl").read_text() == '{"text": "one"}\n'
    assert cached_files() == ["train.jsonl"]
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "gone"))
    assert resolve(source, kind="dataset", paths=["train.jsonl"]) == folder, "from the cache"


def test_a_wrong_hash_shows_both_and_leaves_nothing(tmp_path, monkeypatch):
    digest = make_wheel(tmp_path)
    only_index(monkeypatch, tmp_path)
    pinned = "0" * 64

    with pytest.raises(StillhouseError) as error:
        resolve(f"pypi://tiny-data==1.0#sha256={pinned}", kind="model")

    assert digest in str(error.value)
    assert pinned in str(error.value)
    assert cached_files() == []


def test_a_missing_version_says_which_there_are(tmp_path, monkeypatch):
    digest = make_wheel(tmp_path)
    only_index(monkeypatch, tmp_path)
    with pytest.raises(StillhouseError, match=r"could not download the wheel of tiny-data==2\.0"):
        resolve(f"pypi://tiny-data==2.0#sha256={digest}", kind="model")
    assert cached_files() == []


@pytest.fixture
def wheel(tmp_path) -> Path:
    make_wheel(tmp_path)
    return next(tmp_path.glob("*.whl"))


def test_folders_and_files_are_selected_by_whole_names(wheel, tmp_path):
    unpack(wheel, ["tiny_data/model"], tmp_path / "model")
    assert below(tmp_path / "model") == [
        "tiny_data/model/1_Pooling/config.json",
        "tiny_data/model/config.json",
    ]
    with pytest.raises(StillhouseError, match="Did you mean 'model'"):
        unpack(wheel, ["tiny_data/mode"], tmp_path / "mode")


def test_a_missing_path_suggests_what_lies_beside_it(wheel, tmp_path):
    with pytest.raises(StillhouseError) as error:
        unpack(wheel, ["tiny_data/sets/trian.jsonl"], tmp_path / "out")
    assert "no 'trian.jsonl' in 'tiny_data/sets'" in str(error.value)
    assert "Did you mean 'train.jsonl'" in str(error.value)


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside", "a\\..\\x", "C:/x"])
def test_a_member_outside_the_folder_is_refused(tmp_path, name):
    wheel = tmp_path / "evil-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(name, "x")
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    with pytest.raises(StillhouseError, match="points outside"):
        unpack(wheel, [""], folder)
    assert below(tmp_path) == [wheel.name]


def test_too_small_a_disk_is_seen_before_unpacking(wheel, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(StillhouseError, match=r"Not enough disk space.*STILLHOUSE_CACHE"):
        unpack(wheel, ["tiny_data"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
