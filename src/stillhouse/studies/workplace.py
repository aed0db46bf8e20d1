"""A clone of the repository at one commit, in which a study's experiments run.

`dvc exp run` takes uncommitted edits along, changes params.yaml and resets the working tree. A
study runs for hours, so it does that in a clone: the user's tree is free and stays as it is, every
condition runs the same code, and a kill leaves nothing to repair. DVC's cache and `.stillhouse`,
with the teacher's completions and the checkpoints of trainings, are the repository's own.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import psutil
from filelock import FileLock, Timeout

from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import state_directory
from stillhouse.experiments.git import EXPERIMENTS, git
from stillhouse.sources.mirror import mirror_root

DVC = "dvc"  # from PATH, as its stages take `python` from there


@dataclass(frozen=True)
class Workplace:
    """The clone, where in it the project is, and the environment of its commands."""

    clone: Path
    project: Path
    commit: str
    environment: Mapping[str, str]

    def run(self, name: str, overrides: list[str], line: Callable[[str], None]) -> int:
        """Run one experiment; `line` takes each line of its output. Returns its exit status."""
        git("reset", "--quiet", "--hard", self.commit, folder=self.clone)
        git("clean", "--quiet", "--force", "-d", folder=self.clone)
        settings = [part for override in overrides for part in ("--set-param", override)]
        process = subprocess.Popen(  # noqa: S603 - no shell
            [DVC, "exp", "run", "--name", name, *settings],
            cwd=self.project,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # so that all that it starts can be ended with it
        )
        try:
            assert process.stdout
            for text in process.stdout:
                line(text.rstrip("\n"))
            return process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()

    def collect(self, name: str) -> None:
        """Bring a finished experiment into the repository, in place of an older one of its name."""
        ref = f"{EXPERIMENTS}/{self.commit[:2]}/{self.commit[2:]}/{name}"
        git("fetch", "--quiet", "--force", str(self.clone), f"{ref}:{ref}")


@contextmanager
def workplace(study: str, commit: str) -> Iterator[Workplace]:
    """Clone the repository; the clone goes when the block ends, at the latest before the next."""
    folder = (state_directory() / "studies" / study).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder / "lock").acquire(timeout=0)
    except Timeout as error:
        raise StillhouseError(f"The study {study!r} is being run already.") from error
    with lock:
        for left in folder.glob("clone-*"):
            _end(left)
            shutil.rmtree(left, ignore_errors=True)
        clone = Path(mkdtemp(prefix="clone-", dir=folder))
        try:
            yield _clone(clone, commit)
        finally:
            shutil.rmtree(clone, ignore_errors=True)


def _end(clone: Path) -> None:
    """End what still runs in the clone of a study that was killed."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(clone):
                process.kill()
                process.wait()


def _clone(clone: Path, commit: str) -> Workplace:
    top, prefix = git("rev-parse", "--show-toplevel", "--show-prefix").split("\n")[:2]
    git("clone", "--quiet", "--no-checkout", top, str(clone))
    git("checkout", "--quiet", "--detach", commit, folder=clone)
    for key in ("user.name", "user.email"):
        value = git("config", "--default", "", "--get", key).strip()
        if value:
            git("config", key, value, folder=clone)
    project, state = clone / prefix, state_directory().absolute()
    with (clone / ".git/info/exclude").open("a", encoding="utf-8") as exclude:
        exclude.write(f"{state.name}\n")  # a link, which .gitignore's pattern for a folder misses
    (project / state.name).symlink_to(state, target_is_directory=True)
    _dvc(project, "config", "--local", "cache.dir", _dvc(Path(), "cache", "dir"))
    environment = dict(os.environ) | {"PYTHONUNBUFFERED": "1"}
    mirror = mirror_root()
    if mirror:  # as seen from here: commands run in the clone
        environment["STILLHOUSE_MIRROR"] = str(mirror.absolute())
    return Workplace(clone, project, commit, environment)


def _dvc(folder: Path, *arguments: str) -> str:
    if not shutil.which(DVC):
        raise StillhouseError(
            "There is no `dvc` on PATH. Activate the environment: `source .venv/bin/activate`."
        )
    done = subprocess.run(  # noqa: S603 - no shell
        [DVC, *arguments],
        cwd=folder,
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",  # the path of a cache may be any bytes
    )
    if done.returncode:
        raise StillhouseError(f"`dvc {' '.join(arguments[:2])}` failed: {done.stderr.strip()}")
    return done.stdout.strip()
