"""The checks: of this machine, of this repository, and of what the configured run names."""

import fcntl
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import stillhouse
from stillhouse.code.pin import require_pinned_version, warning_of_python
from stillhouse.core import paths
from stillhouse.core.log import run_of
from stillhouse.doctor.doctor import NOTE, OK, WRONG, Check, Finding
from stillhouse.doctor.remote import remote

LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "peft",
    "sentence-transformers",
    "datasets",
    "pyarrow",
    "numpy",
    "scikit-learn",
    "faiss-cpu",
    "dvc",
    "pydantic",
    "jinja2",
)
"""Those that results or the pipeline depend on."""
REQUIRED = Path("requirements.lock")
LEAST_FREE, LOW_FREE = 1e9, 10e9
"""Bytes: less than the first is wrong, less than the second worth a word."""
BACKEND_PACKAGES = {"vllm": ("vllm",), "ray": ("ray", "vllm")}
LOCKED = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;]+)", re.MULTILINE)
CONFLICT = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)


def checks(*, write: bool) -> list[Check]:
    """All checks in their order; `write`: the remote is also written to."""
    return [
        Check("Python", python, 30),
        Check("Libraries", libraries),
        Check("DVC", dvc, 30),
        Check("Git", git),
        Check("Configuration", configuration, 60),
        Check("Remote", lambda: remote(write=write), 30),
        Check("Store", store),
        Check("Disk", disk),
        Check("GPU", gpu),
        Check("Models", models, 30),
        Check("Mirror", mirror),
        Check("State", state),
    ]


def python() -> Iterator[Finding]:
    """Which Python this is, and whether DVC runs stages with it."""
    yield Finding(OK, f"{platform.python_version()} ({sys.executable})")
    if warning := warning_of_python():
        yield Finding(WRONG, warning)


def libraries() -> Iterator[Finding]:
    """The versions that matter, against requirements.lock where there is one."""
    require_pinned_version()
    locked = {}
    if REQUIRED.exists():
        lines = LOCKED.findall(REQUIRED.read_text(encoding="utf-8"))
        locked = {_canonical(name): wanted for name, wanted in lines}
    installed = {name: _version(name) for name in LIBRARIES}
    missing = [name for name, found in installed.items() if found is None]
    if missing:
        yield Finding(
            WRONG,
            f"not installed: {', '.join(missing)}. `make setup`, or install stillhouse again.",
        )
    others = [
        f"{name} {found} ({locked[_canonical(name)]})"
        for name, found in installed.items()
        if found and locked.get(_canonical(name), _public(found)) != _public(found)
    ]
    if others:
        yield Finding(
            NOTE,
            f"other versions than {REQUIRED} (there): {', '.join(others)}. Results may differ in "
            "digits; `make setup` installs those.",
        )
    if missing or others:
        return
    shown = ", ".join(f"{name} {installed[name]}" for name in ("torch", "transformers", "dvc"))
    held = f"; all as {REQUIRED} says" if locked else ""
    yield Finding(OK, f"stillhouse {stillhouse.__version__}, {shown}{held}")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _public(found: str) -> str:
    """A version without what a build adds: `2.13.0` of `2.13.0+cpu`."""
    return found.partition("+")[0]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def dvc() -> Iterator[Finding]:
    """Whether `dvc` is there to be typed, and is this environment's."""
    if not Path(".dvc").is_dir():
        yield Finding(WRONG, "there is no .dvc here. Run this in the project's own folder.")
        return
    found = shutil.which("dvc")
    here = Path(sys.executable).parent
    if found is None:
        yield Finding(NOTE, f"`dvc` is not on PATH: `export PATH={here}:$PATH`.")
    elif Path(found).parent == here:
        yield Finding(OK, f"{version('dvc')} ({found})")
    else:
        done = _run(found, "--version")
        said = done.stdout.strip() or "an unknown version"
        yield Finding(
            NOTE,
            f"`dvc` on PATH ({found}) is {said}, this environment's is {version('dvc')}: `export "
            f"PATH={here}:$PATH`.",
        )


def git() -> Iterator[Finding]:
    """The repository, and who commits."""
    if shutil.which("git") is None:
        yield Finding(WRONG, "`git` is not on PATH. Install Git.")
        return
    inside = _run("git", "rev-parse", "--is-inside-work-tree")
    if inside.returncode:
        yield Finding(WRONG, f"this is no Git repository ({_last(inside.stderr)}): `git init`.")
        return
    if _run("git", "rev-parse", "--verify", "--quiet", "HEAD").returncode:
        yield Finding(NOTE, "nothing is committed yet: `git add --all && git commit`.")
    if _run("git", "var", "GIT_COMMITTER_IDENT").returncode:
        yield Finding(
            NOTE,
            "Git does not know who you are, and `dvc exp run` commits: `git config user.name "
            '"..."` and `git config user.email "..."`.',
        )
    else:
        who = _run("git", "var", "GIT_COMMITTER_IDENT").stdout.rpartition(">")[0]
        yield Finding(OK, f"commits are by {who}>")


def configuration() -> Iterator[Finding]:
    """What `stillhouse check` says."""
    from stillhouse.config.whole import check_all
    from stillhouse.core.errors import StillhouseError
    from stillhouse.studies.load import check_studies

    try:
        yield Finding(OK, f"{check_all(also=[check_studies])} files are fine")
    except StillhouseError as error:
        first, *listed = str(error).splitlines()
        more = ". `stillhouse check` lists them." if listed else ""
        yield Finding(WRONG, first.rstrip(":") + more)


def store() -> Iterator[Finding]:
    """Where completions are kept, and whether they can be."""
    from stillhouse.store.location import live_folder, published_folders

    folder = live_folder()
    existing = _existing(folder)
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            WRONG,
            f"{existing} cannot be written to, and completions are kept in {folder}: name another "
            "folder with STILLHOUSE_STORE.",
        )
        return
    segments = sum(1 for _ in folder.glob("*")) if folder.is_dir() else 0
    published = ", ".join(map(str, published_folders()))
    also = f"; published ones in {published}" if published else ""
    yield Finding(OK, f"{folder} ({segments:,} files){also}")


def disk() -> Iterator[Finding]:
    """Free space where outputs, DVC's cache and downloads go."""
    from stillhouse.sources.cache import cache_root

    places = {"here": Path(), "downloads": cache_root(), "DVC's cache": Path(".dvc/cache")}
    seen: dict[int, str] = {}
    for name, place in places.items():
        existing = _existing(place.resolve())
        seen.setdefault(existing.stat().st_dev, f"{name} ({existing})")
    for device, where in seen.items():
        free = next(
            shutil.disk_usage(_existing(p.resolve())).free
            for p in places.values()
            if _existing(p.resolve()).stat().st_dev == device
        )
        said = f"{free / 1e9:,.1f} GB free {where}"
        if free < LEAST_FREE:
            yield Finding(WRONG, f"{said}: a student alone may take more. `dvc gc -w` frees some.")
        else:
            low = free < LOW_FREE
            yield Finding(
                NOTE if low else OK, f"{said}: little for several students" if low else said
            )


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def gpu() -> Iterator[Finding]:
    """Which there are, and whether torch can use them."""
    found = _run("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    names = [line.strip() for line in found.stdout.splitlines()] if not found.returncode else []
    torch = _version("torch") or ""
    if not names:
        yield Finding(OK, "none: models run on the CPU")
    elif os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        yield Finding(NOTE, f"{'; '.join(names)}, hidden by CUDA_VISIBLE_DEVICES")
    elif torch.endswith("+cpu"):
        yield Finding(
            NOTE,
            f"{'; '.join(names)}, but torch {torch} is a build for CPUs: install one for CUDA.",
        )
    else:
        yield Finding(OK, "; ".join(names))


def models() -> Iterator[Finding]:
    """What the teacher, the judge and the student that params.yaml names need here."""
    for name, compute in _computes().items():
        yield from _of_compute(name, compute)


def _computes() -> Mapping[str, Any]:
    """How each model of the configured run is run, by its name."""
    from stillhouse.config.whole import load_all
    from stillhouse.core.errors import StillhouseError

    try:
        knobs, entries = load_all()
    except StillhouseError:
        return {}  # the check of the configuration says so
    found: dict[str, Any] = {}
    for group in ("teacher", "judge", "student"):
        if group == "judge" and knobs.feedback == "none" and not knobs.complexity:
            continue
        compute = getattr(entries[group], "compute", None)
        if compute is not None:
            found[f"{group} {getattr(knobs, group)}"] = compute
    return found


def _of_compute(name: str, compute: Any) -> Iterator[Finding]:
    backend = getattr(compute, "backend", "transformers")
    for package in BACKEND_PACKAGES.get(backend, ()):
        if find_spec(package) is None:
            yield Finding(
                WRONG,
                f"the {name} runs with {package}, which is not installed: `pip install "
                f"'stillhouse[{backend}]'`.",
            )
            return
    device = getattr(compute, "device", "auto")
    if device.startswith("cuda") and _run("nvidia-smi").returncode:
        yield Finding(
            WRONG, f"the {name} has `device: {device}`, and there is no GPU: `device: auto`."
        )
        return
    variable = getattr(compute, "api_key_env", None)
    if variable and not os.environ.get(variable, "").strip():
        yield Finding(
            WRONG,
            f"the {name} asks {compute.base_url} with the key in {variable}, which is not set: "
            f"`export {variable}=...`. Answers that the store has need none.",
        )
    elif variable:
        yield Finding(OK, f"the {name} has its key in {variable}, which is set")
    else:
        yield Finding(OK, f"the {name} runs with {backend} and needs no key")


def mirror() -> Iterator[Finding]:
    """STILLHOUSE_MIRROR, which is looked in before the network."""
    from stillhouse.sources.mirror import mirror_root

    root = mirror_root()
    yield Finding(OK, "none; sources come from the network" if root is None else str(root))


def state() -> Iterator[Finding]:
    """What a run that was killed, or one under way, has left."""
    told = [*_lock_file(), *_runs(), *_halves(), *_conflicts()]
    yield from told or [Finding(OK, "no run under way, nothing half-built")]


def _lock_file() -> Iterator[Finding]:
    """DVC holds this lock while it reads or writes the repository, not while a stage runs."""
    lock = Path(".dvc/tmp/lock")
    if not lock.is_file():
        return
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            yield Finding(NOTE, f"a DVC command holds {lock} at this moment")


def _runs() -> Iterator[Finding]:
    """Processes that DVC's lock of outputs names: alive, or killed."""
    file = Path(".dvc/tmp/rwlock")
    try:
        writers = json.loads(file.read_text(encoding="utf-8")).get("write", {}).values()
        found = {int(each["pid"]): str(each["cmd"]) for each in writers}
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        yield Finding(WRONG, f"{file} cannot be read; delete it when no DVC runs here.")
        return
    for process, command in found.items():
        if run_of(process):
            yield Finding(NOTE, f"process {process} builds here: {Path(command).name}")
        else:
            yield Finding(
                NOTE,
                f"a DVC was killed at its work (process {process}); the next `dvc repro` clears "
                "that up and goes on.",
            )


def _halves() -> Iterator[Finding]:
    """Temporary files of writes that were cut off."""
    folders = (paths.STUDENTS, paths.PREDICTIONS.parent, paths.EVAL_METRICS.parent)
    found = sorted({each for folder in folders for each in folder.rglob(".*.tmp")})
    if found:
        yield Finding(
            NOTE,
            f"{len(found):,} half-written files of a run that was killed, such as {found[0]}; when "
            "nothing runs here they can be deleted.",
        )


def _conflicts() -> Iterator[Finding]:
    lock = Path("dvc.lock")
    if lock.is_file() and CONFLICT.search(lock.read_text(encoding="utf-8", errors="replace")):
        yield Finding(WRONG, "dvc.lock holds a merge conflict: take either side, then `dvc repro`.")


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run a program; one that is not there has failed."""
    try:
        return subprocess.run(  # noqa: S603 - no shell
            command,
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
