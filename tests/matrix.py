"""All tests as they would run on other machines, one after the other, and a table of the results.

python tests/matrix.py                              # everything: an hour or two
python tests/matrix.py avx2 shuffled -- tests/core  # these variations, with pytest's arguments
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from tempfile import TemporaryDirectory

KINDS = ("passed", "failed", "error", "skipped")
SEED = time.time_ns() % 1_000_000
ONE = {"OMP_NUM_THREADS": "1"}
PROCESSES = ("-n", "2", "--dist", "worksteal")
VARIATIONS: dict[str, tuple[Mapping[str, str], tuple[str, ...]]] = {
    "one thread": (ONE, PROCESSES),
    "two threads": ({"OMP_NUM_THREADS": "2"}, PROCESSES),
    "threads unset": ({}, PROCESSES),
    "no AVX": (ONE | {"ATEN_CPU_CAPABILITY": "default"}, PROCESSES),
    "avx2": (ONE | {"ATEN_CPU_CAPABILITY": "avx2"}, PROCESSES),
    "oneDNN avx2": (ONE | {"ONEDNN_MAX_CPU_ISA": "AVX2"}, PROCESSES),
    "elsewhere": (ONE | {"TZ": "Asia/Kolkata", "LC_ALL": "C", "UMASK": "077"}, PROCESSES),
    "ascii": (
        ONE | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "UMASK": "002"},
        PROCESSES,
    ),
    "terminal": (
        ONE | {"COLUMNS": "40", "FORCE_COLOR": "1", "GITHUB_ACTIONS": "1", "CI": "1"},
        PROCESSES,
    ),
    "shuffled": (
        ONE,
        (*PROCESSES, "-p", "randomly", f"--randomly-seed={SEED}", "--hypothesis-profile=new"),
    ),
    "one process": (ONE, ("-p", "no:xdist")),
}
"""The environment (`UMASK` is set as such) and pytest's arguments."""


def run(name: str, arguments: list[str], plugins: str) -> tuple[dict[str, int], float]:
    """The counts of one variation's tests, and its seconds."""
    changes, options = VARIATIONS[name]
    kept = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    path = os.pathsep.join(filter(None, [plugins, os.environ.get("PYTHONPATH")]))
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *arguments],
        env=kept | changes | {"PYTHONPATH": path},
        umask=int(changes.get("UMASK", "022"), 8),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout
    last = ""
    for last in process.stdout:
        print(last, end="", flush=True)
    process.wait()
    found = re.findall(r"(\d+) (passed|failed|error|skipped)", last)
    counts = {word: int(number) for number, word in found}
    return counts, time.monotonic() - started


def main() -> None:
    separator = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    chosen, arguments = sys.argv[1:separator] or list(VARIATIONS), sys.argv[separator + 1 :]
    if unknown := set(chosen) - VARIATIONS.keys():
        sys.exit(f"There is no variation {unknown}; there are {', '.join(VARIATIONS)}.")
    rows = []
    with TemporaryDirectory() as plugins:
        if "shuffled" in chosen:  # in `.venv` it would shuffle every run
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            subprocess.run([*pip, "--target", plugins, "pytest-randomly"], check=True)
        for name in chosen:
            print(f"== {name}: {VARIATIONS[name]}", flush=True)
            rows.append((name, *run(name, arguments, plugins if name == "shuffled" else "")))
    print("".join(f"{title:>14}" for title in ("variation", *KINDS, "seconds")))
    for name, counts, seconds in rows:
        cells = [name, *(counts.get(kind, 0) for kind in KINDS), round(seconds)]
        print("".join(f"{cell:>14}" for cell in cells))
    sys.exit(any(c.get("failed") or c.get("error") or not c.get("passed") for _, c, _ in rows))


if __name__ == "__main__":
    main()
