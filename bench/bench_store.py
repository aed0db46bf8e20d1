"""Look-ups in a store of a million completions, against reading and hashing every segment.

Run it with `PYTHONPATH=src:. python bench/bench_store.py`: it takes ten minutes, and 2 GB of the
temporary folder. The stores are as runs leave them; the keys are drawn at random from all, or those
of completions that arrived together. Each look-up is in a new process; its seconds are those after
the imports. The plain side reads every segment whole, checks its hash and takes the rows that are
wanted; both sides run in turns.
"""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from bench.record import record

from stillhouse.store import segments
from stillhouse.store.pack import merge_small
from stillhouse.store.store import Store

COMPLETIONS = 1_000_000
SEGMENT = 2_000
REPEATS = 3
SENTENCE = "Every pupil gets the same, so it is {} in all. The answer is {}."
WORDS = np.array([f"word{number}" for number in range(5_000)])

LOOK_UP = """
import hashlib, sys, time
from pathlib import Path
import pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq
from stillhouse.store import segments
from stillhouse.store.store import Store

folder, wanted, how = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes(), sys.argv[3]
keys = pa.array([wanted[at : at + 32] for at in range(0, len(wanted), 32)], pa.binary(32))

def plainly():
    found = []
    for path in segments.segment_paths(folder):
        content = path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == path.stem
        rows = pq.read_table(pa.BufferReader(content))
        found.append(rows.filter(pc.is_in(rows["key"], value_set=keys)))
    rows = pa.concat_tables(found)
    return rows.take(pc.index_in(keys, value_set=rows["key"]))

started = time.perf_counter()
found = Store(folder).look_up(keys, 64) if how == "store" else plainly()
seconds = time.perf_counter() - started
# Not getrusage for the memory: its peak is inherited from the parent.
peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
print(seconds, peak, len(keys) - found["text"].null_count)
"""


@dataclass(frozen=True)
class Look:
    """One process: seconds of the look-up, peak memory, and how many completions it found."""

    seconds: float
    peak_mb: float
    found: int


def look(folder: Path, keys: Path, how: str) -> Look:
    command = [sys.executable, "-c", LOOK_UP, str(folder), str(keys), how]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, peak, found = done.stdout.split()
    return Look(float(seconds), int(peak) / 1024, int(found))


def key(number: int) -> bytes:
    return hashlib.sha256(f"answer {number}".encode()).digest()


def texts(numbers: range, *, long: bool) -> list[str]:
    """Completions of a sentence, or of 1.7 kB that compress like prose."""
    if not long:
        return [SENTENCE.format(number, number) for number in numbers]
    words = np.random.default_rng(numbers[0]).choice(WORDS, (len(numbers), 200))
    return [" ".join(text) for text in words.tolist()]


def rows(numbers: range, *, long: bool) -> pa.Table:
    columns = {
        "key": [key(number) for number in numbers],
        "text": texts(numbers, long=long),
        "created": [1_700_000_000_000 + number for number in numbers],
    }
    same = {"max_tokens": 64, "reasoning": None, "finish_reason": "stop", "prompt_tokens": 100}
    same |= {"completion_tokens": 20, "model": "m", "backend": "openai"}
    columns |= {name: [value] * len(numbers) for name, value in same.items()}
    return pa.table(columns).select(segments.SCHEMA.names).cast(segments.SCHEMA)


def build(folder: Path, completions: int, *, long: bool) -> None:
    """Segments of 2,000 rows, merged in passing."""
    for start in range(0, completions, SEGMENT):
        segments.write_segment(folder, rows(range(start, start + SEGMENT), long=long))
        merge_small(folder)


def wanted(path: Path, count: int, first: int, completions: int) -> Path:
    """A file of the keys of so many completions, drawn from `completions` from the `first` on."""
    numbers = np.random.default_rng(count).choice(completions, count, replace=False)
    path.write_bytes(b"".join(key(first + number) for number in numbers.tolist()))
    return path


def measure(store: Path, keys: Path, name: str, found: int) -> float:
    """Record the seconds of a look-up that finds so many; returns its peak memory in MB."""
    looks = [(look(store, keys, "store"), look(store, keys, "plain")) for _ in range(REPEATS)]
    ours, plain = zip(*looks, strict=True)
    assert {each.found for each in (*ours, *plain)} == {found}
    value, base = (median(each.seconds for each in side) for side in (ours, plain))
    record(f"store_{name}_s", value, "s", baseline=base)
    return max(each.peak_mb for each in ours)


def first_seen(store: Path, keys: Path, name: str) -> None:
    """Record the seconds of a look-up that has to make the indexes."""
    looks = []
    for _ in range(REPEATS):
        shutil.rmtree(store / "index", ignore_errors=True)
        looks.append((look(store, keys, "store").seconds, look(store, keys, "plain").seconds))
    value, base = (median(side) for side in zip(*looks, strict=True))
    record(f"store_{name}_first_s", value, "s", baseline=base)


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        few, many = COMPLETIONS // 1_000, COMPLETIONS // 10
        smaller, keys = folder / "smaller", wanted(folder / "keys", few, 0, many)
        build(smaller, many, long=False)
        look(smaller, keys, "store")
        flat = look(smaller, keys, "store").peak_mb
        for kind, long in (("1m", False), ("1m_long", True)):
            store = folder / kind
            build(store, COMPLETIONS, long=long)
            first_seen(store, wanted(folder / "keys", few, 0, COMPLETIONS), kind)
            for count in (few, many):
                keys = wanted(folder / "keys", count, COMPLETIONS, COMPLETIONS)
                measure(store, keys, f"{kind}_{count}_new", 0)
                keys = wanted(folder / "keys", count, 0, COMPLETIONS)
                peak = measure(store, keys, f"{kind}_{count}", count)
                record(f"store_{kind}_{count}_peak_mb", peak, "MB", baseline=flat)
            measure(store, wanted(folder / "keys", many, 0, many), f"{kind}_{many}_together", many)
            segment_mb, index_mb = (
                sum(path.stat().st_size for path in store.rglob(f"*.{suffix}")) / 1e6
                for suffix in ("parquet", "index")
            )
            count = len(Store(store).paths())
            print(f"  {segment_mb:,.0f} MB in {count} segments, {index_mb:,.0f} MB of indexes")
            shutil.rmtree(store)


if __name__ == "__main__":
    main()
