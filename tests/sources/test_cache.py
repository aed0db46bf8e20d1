from threading import Barrier, Thread

import pytest

from stillhouse.sources.cache import cache_root, cached


def leftovers():
    return [path for path in cache_root().rglob(".*") if path.name.startswith(".")]


def test_a_folder_is_filled_once():
    calls = []

    def fill(folder):
        calls.append(folder)
        (folder / "sub").mkdir()
        (folder / "sub" / "file").write_text("content")

    assert cached("a/b", fill) == cached("a/b", fill) == cache_root() / "a/b"
    assert (cached("a/b", fill) / "sub/file").read_text() == "content"
    assert len(calls) == 1
    assert not leftovers()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_fill_leaves_nothing(error):
    def fill(folder):
        (folder / "half").write_text("half")
        raise error

    with pytest.raises(error):
        cached("a/b", fill)
    assert not (cache_root() / "a/b").exists()
    assert not leftovers()


def test_two_at_once_get_the_same_complete_folder():
    both, found = Barrier(2, timeout=10), []

    def fill(folder):
        (folder / "one").write_text("1")
        both.wait()
        (folder / "two").write_text("2")

    threads = [Thread(target=lambda: found.append(cached("a/b", fill))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert found == [cache_root() / "a/b"] * 2
    assert sorted(path.name for path in found[0].iterdir()) == ["one", "two"]
    assert not leftovers()
