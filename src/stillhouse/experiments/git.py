"""What Git knows of revisions and DVC's experiments; nothing here changes the repository."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stillhouse.core.errors import StillhouseError, did_you_mean

WORKSPACE = "workspace"
EXPERIMENTS = "refs/exps"


@dataclass(frozen=True)
class Experiment:
    """One experiment of `dvc exp`: a commit beside the branches, on top of its baseline."""

    name: str
    commit: str
    baseline: str
    time: int


def git(*arguments: str, folder: Path = Path()) -> str:
    """Run Git and return what it prints; a failure is an error with Git's own words."""
    done = _run(*arguments, folder=folder)
    if done.returncode:
        command = " ".join(arguments[:2])
        raise StillhouseError(f"`git {command}` failed: {done.stderr.strip() or done.stdout}")
    return done.stdout


def _run(*arguments: str, folder: Path = Path()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - no shell
        ["git", *arguments],  # noqa: S607 - the user's Git
        cwd=folder,
        check=False,
        capture_output=True,
        encoding="utf-8",  # what a commit holds, whatever the locale
        errors="surrogateescape",
    )


def head() -> str:
    """The commit that is checked out."""
    commit = _commit("HEAD")
    if commit is None:
        raise StillhouseError(
            "There is no Git commit here, and results are found by revision. Run `git init` where "
            "there is no repository, then `git add --all` and `git commit`."
        )
    return commit


def experiments() -> list[Experiment]:
    """Every experiment of the repository, oldest first."""
    wanted = "%(committerdate:unix) %(objectname) %(refname)"
    lines = git("for-each-ref", "--sort=committerdate", f"--format={wanted}", EXPERIMENTS)
    found = []
    for line in lines.splitlines():
        time, commit, ref = line.split(" ", 2)
        parts = ref.removeprefix(f"{EXPERIMENTS}/").split("/")
        # refs/exps/01/23456.../name; others below refs/exps are DVC's own.
        if len(parts) == 3 and len(parts[0]) == 2:
            found.append(Experiment(parts[2], commit, parts[0] + parts[1], int(time)))
    return found


def resolve(revision: str) -> str:
    """The commit of a Git revision, or of the experiment of that name."""
    here = head()
    commit = _commit(revision)
    if commit:
        return commit
    known = experiments()
    named = [experiment for experiment in known if experiment.name == revision]
    of_head = [experiment for experiment in named if experiment.baseline == here]
    if len(of_head or named) == 1:
        return (of_head or named)[0].commit
    if named:
        commits = ", ".join(f"{e.commit[:10]} (of {e.baseline[:10]})" for e in named)
        raise StillhouseError(
            f"{len(named)} experiments are called {revision!r}; name one by its commit: {commits}."
        )
    kinds = ("refs/heads", "refs/tags", "refs/remotes")
    refs = git("for-each-ref", "--format=%(refname:short)", *kinds).split()
    names = {WORKSPACE, *(experiment.name for experiment in known), *refs}
    raise StillhouseError(
        f"There is no revision or experiment {revision!r}.{did_you_mean(revision, names)} "
        "`git fetch` brings a remote's branches, `dvc exp pull origin NAME` another's experiment."
    )


def merge_base(one: str, other: str) -> str | None:
    """The best commit that both revisions have in their history; None when they share none."""
    done = _run("merge-base", one, other)
    return None if done.returncode else done.stdout.split()[0]


def is_shallow() -> bool:
    """Whether this clone has no more than the latest commits."""
    return git("rev-parse", "--is-shallow-repository").strip() == "true"


@cache
def read_text(commit: str, path: str | Path) -> str | None:
    """A file of a commit, by its path below the working directory; None when it has none."""
    done = _run("cat-file", "blob", f"{commit}:./{Path(path).as_posix()}")
    return None if done.returncode else done.stdout


def read_here(path: Path) -> str | None:
    """A file of the working tree as `read_text` reads it of a commit."""
    return path.read_text(encoding="utf-8") if path.is_file() else None


def objects(commit: str, paths: Iterable[str]) -> dict[str, str]:
    """The object ids of files and folders in a commit; paths that it does not have are left out."""
    lines = git("ls-tree", "-z", commit, "--", *paths).split("\0")
    split = (line.partition("\t") for line in lines if line)
    return {path: entry.split()[2] for entry, _, path in split}


def _commit(revision: str) -> str | None:
    name = f"{revision}^{{commit}}"
    done = _run("rev-parse", "--verify", "--quiet", "--end-of-options", name)
    return None if done.returncode else done.stdout.strip()
