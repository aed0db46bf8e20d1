"""An index changes no completion: it may be missing, damaged, old, or another process's."""

import errno
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.store import commands, index, pack, segments, writer
from stillhouse.store.completion import Completion
from stillhouse.store.store import Store
from tests.store.test_store import key, keys, row, texts, write, write_before_reasoning
from tests.teacher_generate.helpers import store

CONTEXT = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """A few rows to a block, and a few blocks at once, so that small segments have several."""
    monkeypatch.setattr(index, "BLOCK_BYTES", 300)
    monkeypatch.setattr(index, "BLOCKS_AT_ONCE", 2)


def indexes(place: Store) -> dict[str, bytes]:
    """What there is in the folder of indexes, unfinished files, too."""
    return {path.name: path.read_bytes() for path in sorted((place.live / "index").glob("*"))}


def of(place: Store, path: Path) -> Path:
    return index.index_path(place.live, path.name)


@pytest.fixture
def verified(monkeypatch) -> list[str]:
    """The names of the segments that were read whole."""
    names = []
    read = segments.verified_bytes

    def note(path):
        names.append(path.name)
        return read(path)

    monkeypatch.setattr(segments, "verified_bytes", note)
    return names


KEYS = [bytes(8) + bytes([n]) * 24 for n in range(3)] + [bytes([n]) * 32 for n in (1, 2, 255)]
"""Some of which begin alike."""
WANTED = pa.array([*KEYS, KEYS[0], bytes([7]) * 32], pa.binary(32))
ROWS = st.lists(
    st.builds(
        lambda key, **values: row(0, **values) | {"key": key},
        st.sampled_from(KEYS),
        max_tokens=st.integers(1, 3),
        created=st.integers(0, 9),
        text=st.text(max_size=40),
        reasoning=st.none() | st.text(max_size=5),
        finish_reason=st.sampled_from(["stop", "length", "refusal"]),
        prompt_tokens=st.none() | st.integers(0, 5),
        completion_tokens=st.sampled_from([None, 1, 2, 3]),
    ),
    min_size=1,
    max_size=30,
)
PLACE = st.sampled_from(["live", "published"])
EVENTS = st.lists(
    st.tuples(PLACE, ROWS)
    | st.tuples(st.sampled_from(["touch", "damage", "unindex", "spoil"]), st.integers(0, 2**16))
    | st.sampled_from(["pack", "merge", "look", "verify"]),
    min_size=1,
    max_size=10,
)


def completions(place: Store) -> list[dict]:
    return [one for n in (1, 3) for one in place.look_up(WANTED, n).to_pylist()]


def without_indexes(place: Store, folder: Path) -> Store:
    """A copy of the store that can have none: a file is where their folder would be."""
    shutil.copytree(place.live, folder, ignore=shutil.ignore_patterns("index"))
    (folder / "index").touch()
    return Store(folder, place.published)


def happen(event, place: Store) -> None:
    match event:
        case ("live", rows):
            write(place, *rows)
        case ("published", rows):
            write(Store(place.published[0]), *rows)
        case "pack":
            pack.pack(place.live)
        case "merge":
            pack.merge(place.live, segments.segment_paths(place.live))
        case "look":
            completions(place)
        case "verify":
            commands.verify(place)
        case (what, number):
            found = sorted((place.live / "index").glob("*")) if what != "touch" else place.paths()
            found = place.paths() if what == "damage" else found
            if found:
                disturb(what, found[number % len(found)], number)


def disturb(what: str, path: Path, number: int) -> None:
    content = bytearray(path.read_bytes())
    match what:
        case "touch":
            os.utime(path, (number, number))
        case "unindex":
            path.unlink()
        case "damage" | "spoil" if content:
            content[number % len(content)] ^= 1 + number % 255
            path.write_bytes(content)


@settings(deadline=None, max_examples=25)
@given(events=EVENTS)
def test_an_index_changes_no_look_up_whatever_happens(tmp_path_factory, events):
    folder = tmp_path_factory.mktemp("s")
    (folder / "live").mkdir()
    place = Store(folder / "live", [folder / "published"])
    for number, event in enumerate(events):
        happen(event, place)
        plain = without_indexes(place, folder / f"plain {number}")
        assert completions(place) == completions(plain)
        # What the first look-up wrote serves the second, which reads no segment.
        assert completions(place) == completions(plain)


def test_the_second_look_up_reads_no_segment(tmp_path, verified):
    place = store(tmp_path)
    paths = [write(place, *(row(n) for n in range(start, start + 50))) for start in (0, 50)]
    numbers = [99, 3, 200, 50, 3]
    expected = ["answer 99", "answer 3", None, "answer 50", "answer 3"]
    assert texts(place, *numbers) == expected
    assert verified == sorted(path.name for path in paths)
    verified.clear()
    assert texts(Store(place.live), *numbers) == expected
    assert verified == []


def test_a_look_up_reads_the_blocks_of_what_it_returns(tmp_path, monkeypatch):
    place = store(tmp_path)
    rows = [row(n) | {"key": n.to_bytes(8, "big") * 4} for n in range(500)]
    write(place, *rows)
    completions(place)
    read = []
    block = index.Index._block
    monkeypatch.setattr(index.Index, "_block", lambda i, n: read.append(int(n)) or block(i, n))
    wanted = [rows[number]["key"] for number in (7, 450, 451, 8)]
    found = place.look_up(pa.array([*wanted, key(1)], pa.binary(32)), 10)
    assert found["text"].to_pylist() == ["answer 7", "answer 450", "answer 451", "answer 8", None]
    assert 2 <= len(read) <= 4


def test_segments_from_before_reasoning_was_kept_are_indexed(tmp_path, verified):
    place = store(tmp_path)
    path = write_before_reasoning(place, row(1), row(2))
    for _ in range(2):
        found = place.look_up(keys(2, 3), 10)
        assert found["text"].to_pylist() == ["answer 2", None]
        assert found["reasoning"].null_count == 2
    assert verified == [path.name]


def test_what_others_have_just_written_is_read_without_an_index(tmp_path):
    place = store(tmp_path)
    path = write(place, row(1))
    assert place.known([path], keys(1, 2), 10) == {key(1)}
    assert not indexes(place)
    assert texts(place, 1) == ["answer 1"]
    assert place.known([path], keys(1, 2), 10) == {key(1)}


def test_equal_segments_have_equal_indexes(tmp_path):
    places = [store(tmp_path / name) for name in "ab"]
    for place in places:
        write(place, *(row(n, text="x" * n) for n in range(100)))
        texts(place, 1)
    assert len(indexes(places[0])) == 1
    assert indexes(places[0]) == indexes(places[1])


def test_a_segment_whose_time_changed_is_verified_once_more(tmp_path, verified):
    place = store(tmp_path)
    path = write(place, row(1))
    texts(place, 1)
    before = indexes(place)
    os.utime(path, (5, 5))
    for expected in ([path.name], []):
        verified.clear()
        assert texts(place, 1) == ["answer 1"]
        assert verified == expected
    assert indexes(place) == before


@pytest.mark.parametrize("edit", ["same size", "longer"])
def test_a_segment_that_is_edited_is_set_aside(tmp_path, edit):
    told: list[str] = []
    place = Store(tmp_path, on_damage=told.append)
    path = write(place, row(1))
    write(place, row(2))
    assert texts(place, 1, 2) == ["answer 1", "answer 2"]
    time.sleep(0.02)  # clocks of file systems tick slowly
    status, content = path.stat(), bytearray(path.read_bytes())
    if edit == "same size":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.write_bytes(content + b"?")
        os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert texts(place, 1, 2) == [None, "answer 2"]
    assert not path.exists()
    assert not of(place, path).exists()
    assert len(told) == 1
    write(place, row(1))
    assert texts(place, 1, 2) == ["answer 1", "answer 2"]


@settings(deadline=None, max_examples=80)
@given(at=st.integers(0, 2**16), flip=st.integers(1, 255))
def test_a_damaged_index_is_made_anew(tmp_path_factory, at, flip):
    place = store(tmp_path_factory.mktemp("s"))
    path = of(place, write(place, *(row(n) for n in range(20))))
    texts(place, 1)
    intact, status = path.read_bytes(), path.stat()
    content = bytearray(intact)
    content[at % len(content)] ^= flip
    path.write_bytes(content)
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    numbers = range(21)
    assert texts(place, *numbers) == [*(f"answer {n}" for n in range(20)), None]
    assert path.read_bytes() == intact


@pytest.mark.parametrize("content", [b"", b"?", bytes(5000), index.MAGIC], ids=len)
def test_what_is_no_index_is_replaced(tmp_path, content):
    place = store(tmp_path)
    path = of(place, write(place, row(1)))
    texts(place, 1)
    intact = path.read_bytes()
    for other in (content, intact[:-1], intact[: len(intact) // 2]):
        path.write_bytes(other)
        assert texts(place, 1) == ["answer 1"]
        assert path.read_bytes() == intact


def test_an_index_of_another_version_is_replaced(tmp_path, monkeypatch):
    place = store(tmp_path)
    path = of(place, write(place, row(1)))
    with monkeypatch.context() as patch:
        patch.setattr(index, "MAGIC", b"stillhouse idx 0")
        texts(place, 1)
    older = path.read_bytes()
    assert texts(place, 1) == ["answer 1"]
    assert path.read_bytes() != older


def test_verify_removes_an_index_that_does_not_agree_with_its_segment(tmp_path):
    place = store(tmp_path)
    path, other = write(place, row(1)), write(place, row(1, text="other", created=1))
    texts(place, 1)
    shutil.copy2(of(place, other), of(place, path))
    assert commands.verify(place) == commands.Verified(2, [])
    assert len(indexes(place)) == 1
    assert texts(place, 1) == ["answer 1"]
    path.write_bytes(b"?")
    assert commands.verify(place) == commands.Verified(2, [str(path)])
    assert len(indexes(place)) == 1


def _killed_at(call: str, folder: Path) -> None:
    def kill(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(index.os if call == "utime" else index, call, kill)
    texts(store(folder), 1)


@pytest.mark.parametrize("call", ["encoded", "utime"])
def test_a_kill_while_an_index_is_written_costs_nothing(tmp_path, call):
    place = store(tmp_path)
    write(place, row(1))
    process = CONTEXT.Process(target=_killed_at, args=(call, tmp_path))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    (left,) = indexes(place)
    assert left.endswith(".tmp")
    assert texts(place, 1) == ["answer 1"]
    assert len(indexes(place)) == 2
    pack.pack(place.live)
    assert left in indexes(place)


def test_what_a_killed_process_left_is_swept_a_day_later(tmp_path, monkeypatch):
    place = store(tmp_path)
    write(place, row(1))
    texts(place, 1)
    for folder in (place.live, place.live / "index"):
        (folder / ".x.tmp").touch()
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + pack.STALE_SECONDS + 60)
    pack.pack(place.live)
    assert not list(place.live.rglob("*.tmp"))
    assert len(indexes(place)) == 1


def test_indexes_go_with_their_segments(tmp_path):
    theirs = Store(tmp_path / "published")
    place = Store(tmp_path / "live", [theirs.live])
    paths = [write(place, row(n)) for n in range(3)]
    kept = of(place, write(theirs, row(9)))
    texts(place, 1)
    assert len(indexes(place)) == 4
    merged = pack.merge(place.live, paths)
    texts(place, 1)
    assert set(indexes(place)) == {of(place, merged).name, kept.name}
    pack.pack(place.live, keep={path.name for path in theirs.paths()})
    assert set(indexes(place)) == {of(place, merged).name, kept.name}
    pack.pack(place.live)  # nothing is published any more
    assert set(indexes(place)) == {of(place, merged).name}


def test_what_is_published_is_indexed_in_this_machine_s_store(tmp_path, verified):
    theirs = Store(tmp_path / "published")
    place = Store(tmp_path / "live", [theirs.live])
    path = write(theirs, row(1))
    for _ in range(2):
        assert texts(place, 1) == ["answer 1"]
    assert verified == [path.name]
    assert list(theirs.live.iterdir()) == [path]
    # A copy of its own with another time is verified, and takes over the index.
    shutil.copy(path, place.live)
    os.utime(place.live / path.name, (5, 5))
    before = indexes(place)
    for _ in range(2):
        assert texts(place, 1) == ["answer 1"]
    assert verified == [path.name] * 2
    assert indexes(place) == before


def test_published_completions_are_read_where_there_can_be_no_store(tmp_path):
    theirs = Store(tmp_path / "published")
    path = write(theirs, row(1))
    (tmp_path / "file").touch()
    place = Store(tmp_path / "file" / "store", [theirs.live])
    assert texts(place, 1, 2) == ["answer 1", None]
    assert list(theirs.live.iterdir()) == [path]


def test_a_store_that_is_only_read_makes_no_index_in_vain(tmp_path, monkeypatch):
    place = store(tmp_path)
    path = write(place, row(1))

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    def encode(*_):
        raise AssertionError("nobody could keep it")

    with monkeypatch.context() as patch:
        patch.setattr("stillhouse.core.files.tempfile.mkstemp", refuse)
        patch.setattr(index, "encoded", encode)
        assert texts(place, 1) == ["answer 1"]
    assert texts(place, 1) == ["answer 1"]
    # Neither is the time of an index needed that is there.
    os.utime(path, (5, 5))
    monkeypatch.setattr(index.os, "utime", refuse)
    assert texts(place, 1) == texts(place, 1) == ["answer 1"]


@pytest.mark.parametrize("read", ["open", "pread"])
def test_an_index_that_cannot_be_read_is_done_without(tmp_path, monkeypatch, read):
    """As when another machine removed it: on a network file system a handle goes stale."""
    place = store(tmp_path)
    write(place, row(1))
    texts(place, 1)

    def stale(*_, **__):
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr(index.os, read, stale)
        assert texts(place, 1) == ["answer 1"]


def test_indexes_give_way_to_completions_where_there_is_no_room(tmp_path, monkeypatch):
    place = store(tmp_path)
    write(place, row(1))
    texts(place, 1)

    def full(write):
        def write_where_there_is_room(*arguments):
            if indexes(place):
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(*arguments)

        return write_where_there_is_room

    monkeypatch.setattr(segments, "write_segment", full(segments.write_segment))
    with place.writer(max_tokens=10, model="m", backend="b") as taking:
        taking.add(key(2), Completion("paid", "stop", 1, 3))
        taking.flush()
    assert not indexes(place)
    assert texts(place, 1, 2) == ["answer 1", "paid"]
    monkeypatch.setattr(writer, "write_bytes", full(writer.write_bytes))
    assert indexes(place)
    place.require_writable()
    assert not indexes(place)


def _look(folder: Path, numbers: range) -> None:
    place = store(folder)
    for _ in range(40):
        assert texts(place, *numbers) == [f"answer {n}" for n in numbers]


def _unindex(folder: Path) -> None:
    while True:
        for path in (folder / "segments" / "index").glob("*.index"):
            path.unlink(missing_ok=True)
            time.sleep(0.001)


def test_processes_that_make_and_remove_indexes_at_once_miss_nothing(tmp_path):
    place = store(tmp_path)
    for start in range(0, 60, 10):
        write(place, *(row(n) for n in range(start, start + 10)))
    remover = CONTEXT.Process(target=_unindex, args=(tmp_path,), daemon=True)
    remover.start()
    readers = [CONTEXT.Process(target=_look, args=(tmp_path, range(60))) for _ in range(2)]
    for process in readers:
        process.start()
    for process in readers:
        process.join()
    remover.kill()
    remover.join()
    assert [process.exitcode for process in readers] == [0, 0]
    assert texts(place, *range(60)) == [f"answer {n}" for n in range(60)]
