"""The `openai` backend against a bare client loop, and reruns that ask nothing.

Run it with `PYTHONPATH=src:. python bench/bench_teachers.py`. The server is a loopback one in its
own process: 20 ms a response, 64 requests in flight, a medium-sized prompt.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pyarrow as pa
from bench.record import record
from tests.teacher_generate.helpers import client, prompts
from tests.teacher_generate.loopback import Server, serve

from stillhouse.config.teacher import TeacherConf
from stillhouse.core.tables import COMPLETIONS, PROMPTS
from stillhouse.store.completion import Completion
from stillhouse.store.store import Store
from stillhouse.teacher_generate.generate import generate
from stillhouse.teacher_generate.plan import completion_keys

IN_FLIGHT = 64
LATENCY = 0.02
REPEATS = 3
QUERY = "The school bought pencils for its pupils, and every pupil got the same number. " * 5


def table(rows: int) -> pa.Table:
    """Prompts of about 400 characters."""
    return prompts({f"row-{n:06d}": f"{QUERY} How many, if {n} were bought?" for n in range(rows)})


def teacher(url: str) -> TeacherConf:
    return client(url, compute={"max_in_flight": IN_FLIGHT})


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def stage(asked: pa.Table, url: str) -> float:
    """Seconds of a cold run."""
    with TemporaryDirectory() as folder:
        return seconds(lambda: generate(asked, teacher(url), Store(Path(folder))))


def bare(asked: pa.Table, url: str) -> float:
    """Seconds of what one would write in ten lines: it stores nothing and survives nothing."""
    import aiohttp

    bodies = [
        {"model": "m", "max_tokens": 64, "temperature": 0, "messages": messages}
        for messages in asked["messages"].to_pylist()
    ]
    texts = []

    async def work(session: aiohttp.ClientSession, left: list[dict]) -> None:
        while left:
            async with session.post(f"{url}/chat/completions", json=left.pop()) as response:
                texts.append((await response.json())["choices"][0]["message"]["content"])

    async def run() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*[work(session, bodies) for _ in range(IN_FLIGHT)])

    return seconds(lambda: asyncio.run(run()))


def throughput(server: Server, rows: int) -> None:
    asked = table(rows)
    runs = [(stage(asked, server.url), bare(asked, server.url)) for _ in range(REPEATS)]
    ours, plain = (rows / median(times) for times in zip(*runs, strict=True))
    record(f"openai_{rows}_rows_per_s", ours, "rows/s", baseline=plain)
    server.set(latency=LATENCY)
    stage(asked, server.url)
    print(f"  peak in flight {server.stats()['peak']} of {IN_FLIGHT}")


STAGE = """
import os, pathlib, tempfile, time
from stillhouse.config.teacher import TeacherConf
from stillhouse.core.tables import PROMPTS
from stillhouse.teacher_generate.generate import generate
from stillhouse.store.store import Store
conf = TeacherConf.model_validate_json(os.environ["BENCH_CONF"])
prompts = PROMPTS.at(pathlib.Path(os.environ["BENCH_PROMPTS"])).read()
started = time.perf_counter()
generate(prompts, conf, Store(pathlib.Path(tempfile.mkdtemp())))
"""
BARE = """
import asyncio, json, os, time
started = time.perf_counter()
import aiohttp
async def run():
    async with aiohttp.ClientSession() as session:
        conf = json.loads(os.environ["BENCH_CONF"])
        body = {"max_tokens": 64, "messages": [{"role": "user", "content": "x"}]}
        url = conf["compute"]["base_url"] + "/chat/completions"
        async with session.post(url, json=body) as response:
            await response.read()
asyncio.run(run())
"""
REPORT = """
# Not getrusage for the memory: its peak is inherited from the parent.
peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
print(time.perf_counter() - started, peak)
"""


@dataclass(frozen=True)
class Process:
    """A fresh interpreter: all its seconds, those of the work after the imports, peak memory."""

    seconds: float
    work: float
    peak_mb: float


def process(code: str, conf: TeacherConf, path: Path) -> Process:
    environment = os.environ | {
        "BENCH_CONF": conf.model_dump_json(),
        "BENCH_PROMPTS": str(path),
        "PYTHONPATH": "src",
    }
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code + REPORT],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    work, peak = done.stdout.split()
    return Process(time.perf_counter() - started, float(work), int(peak) / 1024)


def start_up(server: Server, folder: Path) -> None:
    """To the first completion, without the server's latency: of the backend, and of the process."""
    path, conf = folder / "one.parquet", teacher(server.url)
    PROMPTS.at(path).write(table(1))
    ours, plain = ([process(code, conf, path) for _ in range(REPEATS)] for code in (STAGE, BARE))
    for name, of in (("openai_startup_s", "work"), ("openai_process_startup_s", "seconds")):
        value, base = (median(getattr(run, of) for run in runs) for runs in (ours, plain))
        record(name, value - LATENCY, "s", baseline=base - LATENCY)


def memory(server: Server, folder: Path) -> None:
    """Peak memory of ten times the rows."""
    server.set()
    peaks = []
    for rows in (1_000, 10_000):
        path = folder / f"{rows}.parquet"
        PROMPTS.at(path).write(table(rows))
        peaks.append(process(STAGE, teacher(server.url), path).peak_mb)
    record("openai_10000_peak_mb", peaks[1], "MB", baseline=peaks[0])
    server.set(latency=LATENCY)


def warm(rows: int, folder: Path) -> None:
    """A whole rerun inside the stage: read the prompts, find every completion, write the table."""
    asked, completed = folder / f"prompts-{rows}.parquet", folder / f"completions-{rows}.parquet"
    PROMPTS.at(asked).write(table(rows))
    conf, store = teacher("http://nowhere/v1"), Store(folder / f"store-{rows}")
    with store.writer(max_tokens=64, model="m", backend="openai") as writer:
        for number, key in enumerate(completion_keys(table(rows), conf).to_pylist()):
            text = f"Every pupil gets the same, so it is {number} in all. The answer is {number}."
            writer.add(key, Completion(text, "stop", 100, 20))
            writer.flush_if_due()

    def rerun() -> None:
        completions = generate(PROMPTS.at(asked).read(), conf, store).completions
        COMPLETIONS.at(completed).write(completions)

    def copy() -> None:
        PROMPTS.at(asked).read()
        COMPLETIONS.at(completed).write(COMPLETIONS.at(completed).read())

    rerun()
    ours, plain = (median(seconds(work) for _ in range(REPEATS)) for work in (rerun, copy))
    record(f"store_warm_{rows}_s", ours, "s", baseline=plain)
    size = sum(path.stat().st_size for path in store.paths())
    print(f"  {size / rows:,.1f} kB for 1,000 completions in {len(store.paths())} segments")


def main() -> None:
    with TemporaryDirectory() as name, serve(latency=LATENCY) as server:
        os.environ["DVC_ROOT"] = name  # the run log of a benchmark is nobody's
        folder = Path(name)
        warm(1_000, folder)
        warm(100_000, folder)
        start_up(server, folder)
        memory(server, folder)
        throughput(server, 1_000)
        throughput(server, 10_000)


if __name__ == "__main__":
    main()
