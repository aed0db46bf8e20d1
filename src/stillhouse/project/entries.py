"""Entries of the package in a project: copied in, and what the package has changed since."""

from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.yaml import parse_yaml
from stillhouse.project import packaged, teachers, writing

SOURCE = Path("src/stillhouse")


def require_project(root: Path = Path()) -> None:
    """Raise StillhouseError outside a project that uses the installed package."""
    if (root / packaged.GIVEN).is_dir():
        return
    if (root / SOURCE).is_dir():
        raise StillhouseError(
            "This is the repository of stillhouse itself: all entries are here, and nothing is "
            "copied or upgraded. These commands are for projects of `stillhouse init`."
        )
    raise StillhouseError(
        f"There is no {packaged.GIVEN} here, by which a project of `stillhouse init` knows what "
        "the package gave it. Run this in the project's own folder."
    )


def listed(group: str) -> Iterator[str]:
    """A line for each entry of a group that the package has; `*` marks those that are here."""
    names = packaged.names(group)
    width = max(map(len, names), default=0)
    for name in names:
        place = packaged.entry_place(group, name)
        entry = parse_yaml((packaged.root() / place).read_text(encoding="utf-8"), str(place))
        mark = "*" if place.exists() else " "
        yield f"{mark} {name:<{width}}  {entry['description']}"


def add(group: str, name: str, root: Path = Path()) -> list[Path]:
    """Copy an entry and what it names into the project; returns what is new, the entry first."""
    require_project(root)
    given = packaged.entry_files(group, name)
    place = packaged.entry_place(group, name)
    new = {file: text for file, text in given.items() if not (root / file).exists()}
    if place not in new:
        raise StillhouseError(
            f"{place} is here already, and nothing is overwritten. `stillhouse conf diff {place}` "
            "shows what the package has changed since."
        )
    writing.write_all(root, writing.as_bytes(new | packaged.as_given(new.items())))
    return list(new)


def add_server(group: str, model: str, address: str, root: Path = Path()) -> list[Path]:
    """An entry for a model behind a server that speaks the OpenAI protocol."""
    if group != "teacher":
        raise StillhouseError(f"--server is for a teacher, and {group!r} is none.")
    if not (root / paths.PARAMS).is_file():
        raise StillhouseError("Run this in the project's own folder, where params.yaml is.")
    if not teachers.is_address(address):
        raise StillhouseError(f"--server is {address!r}; expected http://host:port/v1 or https://.")
    name, text = teachers.served(address, model)
    place = packaged.entry_place(group, name)
    files = {place: text.encode()}
    writing.require_absent(root, files)
    writing.write_all(root, files)
    return [place]


def given_files(root: Path = Path()) -> dict[Path, str]:
    """The project's files as the package gave them, by their place in the project."""
    kept = root / packaged.GIVEN
    return {
        path.relative_to(kept): path.read_text(encoding="utf-8")
        for path in sorted(kept.rglob("*"))
        if path.is_file()
    }


def changes(wanted: Path | None = None, root: Path = Path()) -> Iterator[str]:
    """What the package's entries say otherwise than the copies that this project was given."""
    require_project(root)
    given = {f: t for f, t in given_files(root).items() if f.is_relative_to(paths.CONF)}
    if wanted is not None and wanted not in given:
        near = did_you_mean(wanted.as_posix(), [file.as_posix() for file in given])
        raise StillhouseError(f"{wanted} is no entry that the package gave.{near}")
    chosen = given if wanted is None else {wanted: given[wanted]}
    changed = False
    for place, before in chosen.items():
        after = packaged.now(place)
        if after == before:
            continue
        changed = True
        if after is None:
            yield f"{place}: the package has it no more; your copy stays."
            continue
        names = f"{place} (as given)", f"{place} (now)"
        yield from unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="")
    if not changed:
        yield f"Nothing has changed in {len(chosen)} files."
