"""A project follows the package: each file merged from three sides, no edit lost.

The sides are the file as the package gave it (`.template/`), as the package gives it now, and as it
stands in the project. The merge is Git's own.
"""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import stillhouse
from stillhouse.code.pin import pinned
from stillhouse.config.whole import GROUPS
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_text
from stillhouse.core.yaml import parse_yaml
from stillhouse.project import packaged
from stillhouse.project.entries import given_files, require_project

Change = Literal["new", "updated", "merged", "conflict", "removed", "kept", "yours"]
SAYS: dict[Change, str] = {
    "new": "new in the package",
    "updated": "updated; you had not edited it",
    "merged": "updated, your edits kept",
    "conflict": "both changed the same lines: look for <<<<<<< and choose",
    "removed": "removed; the package has it no more, and you had not edited it",
    "kept": "kept as you edited it; the package has it no more",
    "yours": "kept as it is; the package now has a file of that name, see .template/",
}


MARKER = "<<<<<<< yours"


@dataclass
class Upgrade:
    """What an upgrade does, or did: the versions, each file's change, and what reruns."""

    before: str | None
    after: str
    files: dict[Path, Change] = field(default_factory=dict)
    reruns: list[str] = field(default_factory=list)

    @property
    def conflicts(self) -> list[Path]:
        """The files with conflict markers."""
        return [place for place, change in self.files.items() if change == "conflict"]


@dataclass(frozen=True)
class _Side:
    change: Change
    text: str | None


def upgrade(root: Path = Path(), *, dry_run: bool = False) -> Upgrade:
    """Merge the package's files into the project's, and see which stages that reruns.

    Raises StillhouseError, before anything is written, where a file that would change has edits
    that Git does not hold.
    """
    require_project(root)
    given = given_files(root)
    _require_no_markers(root, given)
    now = _now(given)
    found: dict[Path, _Side] = {}
    for place in sorted({*given, *now}):
        side = _merged(root / place, given.get(place), now.get(place))
        if side is not None:
            found[place] = side
    done = Upgrade(pinned(root), stillhouse.__version__, {p: s.change for p, s in found.items()})
    if not dry_run:
        _require_committed(root, [p for p, s in found.items() if s.change not in ("kept", "yours")])
        for place, side in found.items():
            _write(root, place, side, now.get(place))
    done.reruns = list(_reruns(root)) if not done.conflicts else []
    return done


def _require_no_markers(root: Path, places: Iterable[Path]) -> None:
    """An upgrade that conflicted is over when somebody has chosen."""
    for place in places:
        file = root / place
        if file.is_file() and f"\n{MARKER}" in f"\n{_text(file)}":
            raise StillhouseError(
                f"{file} still has the two sides of an upgrade ({MARKER}): choose, and take the "
                "markers out. Then upgrade again."
            )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StillhouseError(f"{file} is no UTF-8 text (byte {error.start}).") from error


def _now(given: Mapping[Path, str]) -> dict[Path, str]:
    """The same files as the package has them today, and the pipeline's further ones."""
    knobs = _knobs(given)
    now = packaged.pipeline_files(knobs)
    for group in GROUPS.keys() - knobs.keys():  # a knob that is new has an entry that is new
        now |= packaged.entry_files(group, packaged.knobs()[group])
    for place in given:
        if place.is_relative_to(paths.CONF) and (text := packaged.now(place)) is not None:
            now[place] = text
    return now


def _knobs(given: Mapping[Path, str]) -> dict[str, Any]:
    """The knobs that the project began with, but for those that are no more."""
    if paths.PARAMS not in given:
        raise StillhouseError(
            f"{packaged.GIVEN / paths.PARAMS} is gone, by which an upgrade knows what the project "
            f"began with. Bring it back: `git checkout -- {packaged.GIVEN}`."
        )
    before = parse_yaml(given[paths.PARAMS], str(packaged.GIVEN / paths.PARAMS))
    return {name: before[name] for name in packaged.knobs() if name in before}


def _merged(file: Path, given: str | None, now: str | None) -> _Side | None:
    """What becomes of one file; None where the package has changed nothing about it."""
    if given == now:
        return None
    mine = _text(file) if file.is_file() else None
    if given is None:
        return _Side("new" if mine in (None, now) else "yours", now)
    if mine is None:
        return None  # removed by the user: it stays so
    if now is None:
        return _Side("removed" if mine == given else "kept", None)
    if mine in (given, now):
        return _Side("updated", now)
    text, conflict = _three_way(mine, given, now)
    return _Side("conflict" if conflict else "merged", text)


def _three_way(mine: str, given: str, now: str) -> tuple[str, bool]:
    """The merge of `mine` and `now`, which both come from `given`, and whether they conflict."""
    with tempfile.TemporaryDirectory() as folder:
        sides = {"yours": mine, "as given": given, "stillhouse": now}
        for name, text in sides.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        labels = [option for name in sides for option in ("-L", name)]
        done = subprocess.run(  # noqa: S603 - no shell
            ["git", "merge-file", "--stdout", *labels, *sides],  # noqa: S607 - the user's Git
            cwd=folder,
            check=False,
            capture_output=True,
            encoding="utf-8",
        )
    if not 0 <= done.returncode < 128:  # the number of conflicts
        raise StillhouseError(f"`git merge-file` failed: {done.stderr.strip()}")
    return done.stdout, done.returncode > 0


def _require_committed(root: Path, places: list[Path]) -> None:
    """An upgrade can always be taken back by Git, so Git has to hold what it changes."""
    present = [place for place in places if (root / place).is_file()]
    if not present:
        return
    names = [place.as_posix() for place in present]
    done = subprocess.run(  # noqa: S603 - no shell
        ["git", "status", "--porcelain", "-z", "--", *names],  # noqa: S607 - the user's Git
        cwd=root,
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise StillhouseError(
            "An upgrade needs a Git repository, so that it can be taken back. Run `git init`, "
            "`git add --all` and `git commit` first."
        )
    changed = [line[3:] for line in done.stdout.split("\0") if line]
    if changed:
        raise StillhouseError(
            f"Git does not hold what {', '.join(sorted(changed))} say now, and the upgrade changes "
            "them. Commit first, so that it can be taken back."
        )


def _write(root: Path, place: Path, side: _Side, now: str | None) -> None:
    kept = root / packaged.GIVEN / place
    if side.change == "removed":
        (root / place).unlink()
    elif side.change not in ("kept", "yours"):
        assert side.text is not None
        write_text(root / place, side.text)
    if now is None:
        kept.unlink()
    else:
        write_text(kept, now)


def _reruns(root: Path) -> Iterator[str]:
    """Why stages run again, by the code that they were last run with."""
    from stillhouse.code.why import changed_code
    from stillhouse.experiments.lock import LOCK

    if (root / LOCK).is_file():
        for stage, reasons in changed_code().items():
            yield f"{stage}: {reasons[0]}" + (
                f" and {len(reasons) - 1} more" if reasons[1:] else ""
            )


def lines(done: Upgrade, *, dry_run: bool) -> Iterator[str]:
    """What people read of an upgrade."""
    if done.before != done.after:
        yield f"stillhouse {done.before} → {done.after}"
    if not done.files:
        yield f"The files are those of stillhouse {done.after}."
    width = max((len(place.as_posix()) for place in done.files), default=0)
    for place, change in done.files.items():
        yield f"  {place.as_posix():<{width}}  {SAYS[change]}"
    if done.conflicts:
        yield "After choosing: `stillhouse check`, then `stillhouse upgrade` says what reruns."
    elif done.reruns:
        yield "The next `dvc repro` runs again, by what their code means:"
        yield from (f"  {line}" for line in done.reruns)
    else:
        yield "No stage runs again for its code."
    if dry_run and done.files:
        yield "Nothing was written (--dry-run)."
