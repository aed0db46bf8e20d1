import errno
import hashlib
import multiprocessing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.store import commands, pack, segments, sightings
from stillhouse.store.completion import Completion
from stillhouse.store.store import Store
from tests.teacher_generate.helpers import store


def key(n: int) -> bytes:
    return n.to_bytes(32, "big")


def keys(*numbers: int) -> pa.Array:
    return pa.array([key(n) for n in numbers], pa.binary(32))


def row(n: int, **values) -> dict:
    defaults = {
        "key": key(n),
        "max_tokens": 10,
        "created": 0,
        "text": f"answer {n}",
        "reasoning": None,
        "finish_reason": "stop",
        "prompt_tokens": 1,
        "completion_tokens": 3,
        "model": "m",
        "backend": "b",
    }
    assert values.keys() <= defaults.keys()
    return defaults | values


def write(place: Store, *rows: dict) -> Path:
    return segments.write_segment(
        place.live, pa.Table.from_pylist(list(rows), schema=segments.SCHEMA)
    )


def texts(place: Store, *numbers: int, limit: int = 10) -> list[str | None]:
    return place.look_up(keys(*numbers), limit)["text"].to_pylist()


def test_completions_come_back_in_the_order_of_the_keys(tmp_path):
    place = store(tmp_path)
    with place.writer(max_tokens=5, model="m", backend="b") as writer:
        writer.add(key(1), Completion("one", "stop", 7, 2, reasoning="1?"))
        writer.add(key(2), Completion("two", "length", None, None))
    found = place.look_up(keys(3, 2, 1, 2), 5)
    assert found.to_pylist() == [
        dict.fromkeys(found.column_names),
        {
            "text": "two",
            "reasoning": None,
            "finish_reason": "length",
            "prompt_tokens": None,
            "completion_tokens": None,
        },
        {
            "text": "one",
            "reasoning": "1?",
            "finish_reason": "stop",
            "prompt_tokens": 7,
            "completion_tokens": 2,
        },
        {
            "text": "two",
            "reasoning": None,
            "finish_reason": "length",
            "prompt_tokens": None,
            "completion_tokens": None,
        },
    ]


def test_an_empty_store_has_no_completions(tmp_path):
    assert texts(store(tmp_path), 1, 2) == [None, None]
    assert texts(store(tmp_path)) == []


@pytest.mark.parametrize(
    ("finish_reason", "asked_under", "tokens", "serves"),
    [
        # Ended by itself: serves every limit from its own on, and smaller ones it stays below.
        ("stop", 100, 50, {51, 99, 100, 101, 4000}),
        ("stop", 100, None, {100, 101, 4000}),
        ("stop", 50, 50, {50, 51, 99, 100, 101, 4000}),
        # Cut short: serves its own limit alone.
        ("length", 100, 100, {100}),
        ("length", 100, None, {100}),
    ],
)
def test_which_limits_a_completion_serves(tmp_path, finish_reason, asked_under, tokens, serves):
    place = store(tmp_path)
    completion = {"finish_reason": finish_reason, "completion_tokens": tokens}
    write(place, row(1, max_tokens=asked_under, **completion))
    limits = [20, 49, 50, 51, 99, 100, 101, 4000]
    assert {n for n in limits if texts(place, 1, limit=n) != [None]} == serves


def test_completions_under_several_limits_live_side_by_side(tmp_path):
    place = store(tmp_path)
    cut = row(1, max_tokens=5, completion_tokens=5, finish_reason="length", text="cut")
    write(place, cut, row(1, max_tokens=50, completion_tokens=20, text="whole", created=1))
    assert [texts(place, 1, limit=n) for n in (4, 5, 20, 21, 50, 60)] == [
        [None],
        ["cut"],
        [None],
        ["whole"],
        ["whole"],
        ["whole"],
    ]


@settings(deadline=None, max_examples=15)
@given(order=st.permutations([3, 1, 2]), split=st.integers(0, 3))
def test_the_first_completion_wins_for_good(tmp_path_factory, order, split):
    place = store(tmp_path_factory.mktemp("s"))
    rows = [row(1, created=n, text=f"at {n}") for n in order]
    for part in (rows[:split], rows[split:]):
        if part:
            write(place, *part)
    assert texts(place, 1) == ["at 1"]
    pack.pack(place.live)
    assert texts(place, 1) == ["at 1"]


ROWS = st.lists(
    st.builds(
        row,
        st.integers(0, 3),
        max_tokens=st.integers(1, 3),
        created=st.integers(0, 2),
        text=st.sampled_from(["a", "b"]),
        finish_reason=st.sampled_from(["stop", "length"]),
        completion_tokens=st.sampled_from([None, 1, 2, 3]),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=25)
@given(parts=st.lists(ROWS, min_size=1, max_size=4))
def test_packing_changes_no_look_up(tmp_path_factory, parts):
    place = store(tmp_path_factory.mktemp("s"))
    for part in parts:
        write(place, *part)
    before = [place.look_up(keys(0, 1, 2, 3), limit) for limit in (1, 2, 3, 4)]
    pack.pack(place.live)
    assert len(segments.segment_paths(place.live)) == 1
    assert before == [place.look_up(keys(0, 1, 2, 3), limit) for limit in (1, 2, 3, 4)]


def in_use(place: Store) -> dict[tuple[int, int], dict]:
    """The completion of each key under each limit, where there is one."""
    found = {
        (number, limit): completion
        for limit in (1, 2, 3, 4)
        for number, completion in enumerate(place.look_up(keys(0, 1, 2, 3), limit).to_pylist())
    }
    return {
        which: completion for which, completion in found.items() if completion["text"] is not None
    }


ARRIVALS = st.tuples(st.sampled_from(["live", "published", "imported"]), ROWS)
EVENTS = st.lists(ARRIVALS | st.sampled_from(["pack", "merge", "another process"]), max_size=10)


@settings(deadline=None, max_examples=60)
@given(events=EVENTS)
def test_nothing_that_arrives_later_changes_a_completion_in_use(tmp_path_factory, events):
    folder = tmp_path_factory.mktemp("s")
    theirs, other = Store(folder / "published"), Store(folder / "other")
    place = Store(folder / "live", [theirs.live])
    before = in_use(place)
    for event in events:
        match event:
            case ("live", rows):
                write(place, *rows)
            case ("published", rows):
                write(theirs, *rows)
            case ("imported", rows):
                commands.import_segments(place, write(other, *rows))
            case "pack":
                pack.pack(place.live, keep={path.name for path in theirs.paths()})
            case "merge":
                pack.merge(place.live, segments.segment_paths(place.live))
            case _:
                place = Store(folder / "live", [theirs.live])
        after = in_use(place)
        assert before.items() <= after.items()
        before = after


def test_where_nothing_was_in_use_times_alone_decide_on_every_machine(tmp_path):
    early, late = row(1, created=1, text="early"), row(1, created=2, text="late")
    for name, order in (("a", [early, late]), ("b", [late, early])):
        theirs = Store(tmp_path / name / "published")
        for each in order:
            write(theirs, each)
        assert texts(Store(tmp_path / name / "live", [theirs.live]), 1) == ["early"]


def test_a_clock_set_back_gives_no_completion_precedence(tmp_path, monkeypatch):
    place = store(tmp_path)
    clock = iter([5_000_000_000_000, 1_000_000])
    monkeypatch.setattr("time.time_ns", lambda: next(clock) * 1_000_000)
    with place.writer(max_tokens=10, model="m", backend="b") as writer:
        writer.add(key(1), Completion("in use", "length", 1, 10))
    assert texts(place, 1) == ["in use"]
    with place.writer(max_tokens=20, model="m", backend="b") as writer:
        writer.add(key(1), Completion("later", "stop", 1, 3))
    assert texts(place, 1, limit=20) == ["later"]
    assert texts(place, 1) == ["in use"]


def test_a_store_that_cannot_be_written_still_serves(tmp_path, monkeypatch):
    place = store(tmp_path)
    write(place, row(1))

    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("stillhouse.store.sightings.write_json", refuse)
    assert texts(place, 1) == ["answer 1"]


def test_notes_of_what_was_seen_stay_few(tmp_path, monkeypatch):
    monkeypatch.setattr(sightings, "MERGE_AT", 4)
    place = store(tmp_path)
    for number in range(20):
        write(place, row(1, created=100 - number, text=f"{number}"))
        assert texts(place, 1) == ["0"]
    assert len(list(place.live.glob(f"*{sightings.SUFFIX}"))) < 5


def test_a_packed_copy_beside_its_parts_changes_nothing(tmp_path):
    # As after a kill between writing the merged segment and removing the old ones.
    place = store(tmp_path)
    first, second = write(place, row(1)), write(place, row(2))
    rows = [segments.read_segment(path) for path in (first, second)]
    merged = segments.write_segment(place.live, segments.distinct(pa.concat_tables(rows)))
    assert texts(place, 1, 2) == ["answer 1", "answer 2"]
    pack.pack(place.live)
    assert segments.segment_paths(place.live) == [merged]


def test_equal_rows_make_one_segment(tmp_path):
    place = store(tmp_path)
    assert write(place, row(1)) == write(place, row(1))
    assert len(place.paths()) == 1


def write_before_reasoning(place: Store, *rows: dict) -> Path:
    """A segment as it was written before the column `reasoning` was there."""
    schema = segments.SCHEMA.remove(segments.SCHEMA.get_field_index("reasoning"))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), sink)
    content = sink.getvalue().to_pybytes()
    path = place.live / f"{hashlib.sha256(content).hexdigest()}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_segments_from_before_reasoning_was_kept_are_read_and_merged(tmp_path):
    place = store(tmp_path)
    write_before_reasoning(place, row(1), row(2))
    write(place, row(3, reasoning="3?"))
    for _ in range(2):
        found = place.look_up(keys(1, 2, 3), 10)
        assert found["text"].to_pylist() == ["answer 1", "answer 2", "answer 3"]
        assert found["reasoning"].to_pylist() == [None, None, "3?"]
        pack.pack(place.live)
    assert len(place.paths()) == 1


def test_a_segment_of_other_columns_is_an_error_that_names_them(tmp_path):
    place = store(tmp_path)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"key": [1], "words": ["x"]}), sink)
    content = sink.getvalue().to_pybytes()
    place.live.mkdir(parents=True)
    (place.live / f"{hashlib.sha256(content).hexdigest()}.parquet").write_bytes(content)
    with pytest.raises(StillhouseError, match=r"has columns \['key', 'words'\]"):
        texts(place, 1)


def test_a_lone_surrogate_costs_no_completion(tmp_path):
    place = store(tmp_path)
    with place.writer(max_tokens=10, model="m", backend="b") as writer:
        writer.add(key(1), Completion("a cut emoji \ud83d.", "stop", 1, 3, reasoning="\udc80"))
        writer.add(key(2), Completion("beside it", "stop", 1, 3))
    assert texts(place, 1, 2) == ["a cut emoji \ufffd.", "beside it"]


def test_a_refusal_is_reused_like_a_completion(tmp_path):
    place = store(tmp_path)
    write(place, row(1, finish_reason="refusal", max_tokens=10, text="I cannot."))
    assert texts(place, 1, limit=10) == texts(place, 1, limit=50) == ["I cannot."]
    assert texts(place, 1, limit=3) == [None]


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_segment_costs_only_its_own_rows(tmp_path, damage):
    told: list[str] = []
    place = Store(tmp_path, on_damage=told.append)
    broken = write(place, row(1))
    write(place, row(2))
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 1
    new = {"flipped": content, "cut": content[:-100], "empty": b""}[damage]
    broken.write_bytes(new)
    assert texts(place, 1, 2) == [None, "answer 2"]
    assert texts(place, 1, 2) == [None, "answer 2"]
    assert len(told) == 1
    assert broken.name in told[0]
    assert not broken.exists()
    assert broken.with_name(f"{broken.name}.damaged").read_bytes() == bytes(new)
    write(place, row(1))
    assert texts(place, 1, 2) == ["answer 1", "answer 2"]


def test_a_damaged_published_segment_is_left_to_dvc(tmp_path):
    told: list[str] = []
    theirs = Store(tmp_path / "published")
    write(theirs, row(1)).write_bytes(b"?")
    place = Store(tmp_path / "live", [theirs.live], told.append)
    assert texts(place, 1) == [None]
    assert len(segments.segment_paths(theirs.live)) == 1
    assert "dvc checkout" in told[0]


def test_a_damaged_segment_is_never_merged_into_others(tmp_path):
    place = store(tmp_path)
    broken = write(place, row(1))
    write(place, row(2)), write(place, row(3))
    broken.write_bytes(b"?")
    pack.pack(place.live)
    assert broken.exists()
    assert texts(place, 2, 3) == ["answer 2", "answer 3"]


def test_live_and_published_completions_are_read_as_one(tmp_path):
    theirs = Store(tmp_path / "published")
    place = Store(tmp_path / "live", [theirs.live])
    write(theirs, row(1), row(2, created=5, text="theirs"))
    write(place, row(2, created=6, text="mine"), row(3))
    assert texts(place, 1, 2, 3) == ["answer 1", "theirs", "answer 3"]


def test_unfinished_files_are_not_read(tmp_path):
    place = store(tmp_path)
    path = write(place, row(1))
    (path.parent / f".{path.name}.abc.tmp").write_bytes(b"half")
    assert texts(place, 1) == ["answer 1"]
    assert len(place.paths()) == 1


def test_many_small_segments_are_merged_in_passing(tmp_path):
    place = store(tmp_path)
    for n in range(100):
        with place.writer(max_tokens=10, model="m", backend="b") as writer:
            writer.add(key(n), Completion(f"answer {n}", "stop", 1, 3))
    assert len(place.paths()) < pack.MERGE_AT
    assert texts(place, *range(100)) == [f"answer {n}" for n in range(100)]


def test_a_writer_keeps_what_it_has_when_the_run_fails(tmp_path):
    place = store(tmp_path)
    with pytest.raises(KeyboardInterrupt), place.writer(max_tokens=10, model="m", backend="b") as w:
        w.add(key(1), Completion("paid", "stop", 1, 3))
        raise KeyboardInterrupt
    assert texts(place, 1) == ["paid"]


def test_a_writer_flushes_by_rows_and_by_time(tmp_path, monkeypatch):
    monkeypatch.setattr("stillhouse.store.writer.FLUSH_ROWS", 3)
    place = store(tmp_path)
    with place.writer(max_tokens=10, model="m", backend="b") as writer:
        writer.add(key(1), Completion("1", "stop", 1, 3))
        assert not writer.flush_if_due()
        monkeypatch.setattr("stillhouse.store.writer.FLUSH_SECONDS", 0.0)
        assert writer.flush_if_due()
        assert texts(place, 1) == ["1"]
        monkeypatch.setattr("stillhouse.store.writer.FLUSH_SECONDS", 1e9)
        for n in (2, 3, 4):
            writer.add(key(n), Completion(str(n), "stop", 1, 3))
        assert writer.flush_if_due()
    assert texts(place, 2, 3, 4) == ["2", "3", "4"]


def _write_many(folder: Path, start: int) -> None:
    place = store(folder)
    for n in range(start, start + 60):
        write(place, row(n))
        pack.merge_small(place.live)


def test_readers_miss_nothing_while_others_write_and_merge(tmp_path):
    place = store(tmp_path)
    write(place, *(row(n) for n in range(20)))
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_many, args=(tmp_path, 100 * n)) for n in (1, 2)]
    for process in writers:
        process.start()
    expected = [f"answer {n}" for n in range(20)]
    looks = 0
    while any(process.is_alive() for process in writers) or not looks:
        assert texts(place, *range(20)) == expected
        pack.merge(place.live, segments.segment_paths(place.live))
        looks += 1
    assert [process.exitcode for process in writers] == [0, 0]
    everything = [*range(20), *range(100, 160), *range(200, 260)]
    assert texts(place, *everything) == [f"answer {n}" for n in everything]


def test_where_completions_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STILLHOUSE_STORE")
    monkeypatch.delenv("DVC_ROOT")
    assert Store.default().live == Path(".stillhouse/store/segments")
    # A queued experiment runs in a copy; DVC names the repository it belongs to.
    root = tmp_path / "repository"
    monkeypatch.setenv("DVC_ROOT", str(root))
    assert Store.default().live == root / ".stillhouse/store/segments"
    folders = [
        top / folder for folder in ("data/store", "data/raw/completions") for top in (Path(), root)
    ]
    for folder in folders:
        folder.mkdir(parents=True)
    assert set(Store.default().published) == set(folders)
    monkeypatch.setenv("STILLHOUSE_STORE", str(tmp_path / "shared"))
    assert Store.default().live == tmp_path / "shared/segments"
