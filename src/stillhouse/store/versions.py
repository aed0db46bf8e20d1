"""The versions of `data/store` that Git knows, and the segments that each of them names.

Published segments are never changed or removed, so the store of two branches is simply all of both.
Git cannot know that: `data/store.dvc` names a folder by the hash of its listing, two branches give
two hashes, and whichever is taken in a merge loses the other's completions. DVC's merge driver
takes one side, too, where it has no common ancestor to compare with. So the versions are read from
Git itself, before or after a merge is committed, and however its conflict was settled.
"""

import subprocess
from pathlib import Path

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_bytes
from stillhouse.core.progress import announce
from stillhouse.store import location, segments

IN_PROGRESS = ("MERGE_HEAD", "REBASE_HEAD", "CHERRY_PICK_HEAD")
"""What the other side of a merge, rebase or cherry-pick is called while it is not finished."""


def fetch_published(target: Path = location.PUBLISHED) -> int:
    """Bring into `target` every segment that a version of it names and that is not there.

    Returns how many were brought. They come from DVC's cache, or else from its remote. What a merge
    of long ago lost, and nobody has any more, is a warning; what is missing of the versions that
    are to be one now is an error.
    """
    tracked = target.with_name(f"{target.name}.dvc")
    named = (_git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") for name in _heads())
    heads = [commit for commit in named if commit]
    brought, seen = 0, set[str]()
    for commit in [*heads, *_merged_sides(heads, tracked)]:
        version = _git("rev-parse", "--verify", "--quiet", f"{commit}:./{tracked.as_posix()}")
        if not version or version in seen:
            continue
        seen.add(version)
        try:
            brought += _fetch(commit, target)
        except StillhouseError as error:
            if commit in heads:
                raise
            announce(f"warning: {error}")
    return brought


def settle(target: Path = location.PUBLISHED) -> None:
    """Replace a `.dvc` file with Git's conflict marks by one side, so that DVC can read it."""
    tracked = target.with_name(f"{target.name}.dvc")
    if not tracked.exists() or "<<<<<<<" not in tracked.read_text(encoding="utf-8"):
        return
    ours = _git("show", f"HEAD:./{tracked.as_posix()}")
    if ours:
        tracked.write_text(f"{ours}\n", encoding="utf-8")
    else:
        tracked.unlink()


def _heads() -> list[str]:
    # A rebase or an octopus merge may list several.
    folder = _git("rev-parse", "--git-dir")
    merging = Path(folder) / "MERGE_HEAD"
    listed = merging.read_text(encoding="utf-8").split() if merging.is_file() else []
    return ["HEAD", *listed, *IN_PROGRESS]


def _merged_sides(commits: list[str], tracked: Path) -> list[str]:
    """The parents of the merges behind `commits` whose outcome differs from any of them."""
    if not commits:
        return []
    listed = _git(
        "rev-list", "--full-history", "--merges", "--parents", *commits, "--", tracked.as_posix()
    )
    return [parent for line in listed.splitlines() for parent in line.split()[1:]]


def _fetch(commit: str, target: Path) -> int:
    from dvc.api import DVCFileSystem

    brought = 0
    try:
        files = DVCFileSystem(rev=commit)
        for entry in files.ls(target.as_posix(), detail=False):
            name = Path(entry).name
            if name.endswith(segments.SUFFIX) and not (target / name).exists():
                write_bytes(target / name, segments.verified(name, files.read_bytes(entry)))
                brought += 1
    except segments.DamagedSegmentError as error:
        raise StillhouseError(
            f"The segment {error} that was published at commit {commit[:10]} is damaged in DVC's "
            "cache or remote: its content does not have the SHA-256 in its name."
        ) from error
    except Exception as error:  # DVC's, or that of whatever kind of remote it is
        raise StillhouseError(
            f"The completions that were published at commit {commit[:10]} are neither in DVC's "
            f"cache nor in its remote ({error}). Run `dvc push` where they were published, or set "
            "the remote (`dvc remote add --default ...`), and try again."
        ) from error
    return brought


def _git(*arguments: str) -> str:
    """What Git prints; nothing where it fails or is not installed."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            ["git", *arguments],  # noqa: S607 - the user's Git
            capture_output=True,
            check=False,
            encoding="utf-8",
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
