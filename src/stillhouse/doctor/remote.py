"""Whether DVC's remote answers, and may be read and written."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from stillhouse.doctor.doctor import NOTE, OK, WRONG, Finding

CONTENT = b"stillhouse doctor\n"


def remote(*, write: bool) -> Iterator[Finding]:
    """List the default remote; with `write` also write a small file, read it, and delete it."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        config = Repo().config
        name = config["core"].get("remote")
        if not name:
            yield _none(sorted(config["remote"]))
            return
        if name not in config["remote"]:
            yield Finding(WRONG, f"`core.remote` is {name!r}, and there is no such remote.")
            return
        place = Repo().cloud.get_remote()
    except (DvcException, ImportError) as error:
        yield Finding(WRONG, f"DVC cannot use its remote: {_plain(error)}")
        return
    where = f"{name} ({_without_user(config['remote'][name]['url'])})"
    try:
        listed = _listed(place.fs, place.path)
    except Exception as error:  # each kind of remote raises its own
        yield Finding(WRONG, f"{where} cannot be listed: {_plain(error)}.")
        return
    if not write:
        more = "`--write` also tries to write"
        yield Finding(OK, f"{where} answers{'' if listed else ', and holds nothing yet'}; {more}")
        return
    try:
        _write_read_delete(place.fs, place.path)
    except Exception as error:
        yield Finding(
            WRONG, f"{where} can be listed, not written, read and deleted: {_plain(error)}."
        )
        return
    yield Finding(OK, f"{where} can be listed, written, read and deleted")


def _none(others: list[str]) -> Finding:
    said = "none: what is built stays on this machine"
    if others:
        return Finding(NOTE, f"no default one: `dvc remote default {others[0]}`.")
    return Finding(NOTE, f"{said}. `dvc remote add --default NAME URL` adds one.")


def _listed(fs: Any, path: str) -> bool:
    """Whether there is something; a folder that the first push will make is empty."""
    try:
        return any(True for _ in fs.ls(path, detail=False))
    except FileNotFoundError:
        # Of a bucket that is not there, as of a folder whose disk is not mounted, nothing can be
        # made below it.
        parent = fs.parent(path)
        if fs.protocol == "local":
            if not Path(parent).exists():
                raise
            return False
        if parent and parent != path:
            fs.ls(path.split("/", 1)[0] if "/" in path else path, detail=False)
            return False
        raise


def _write_read_delete(fs: Any, path: str) -> None:
    target = fs.join(path, f"stillhouse-doctor-{uuid4().hex}")
    made = not fs.exists(path)
    fs.makedirs(path, exist_ok=True)
    try:
        with fs.open(target, "wb") as file:
            file.write(CONTENT)
        with fs.open(target, "rb") as file:
            if file.read() != CONTENT:
                raise OSError("what was read back is not what was written")
    finally:
        if fs.exists(target):
            fs.remove(target)
        if made and fs.protocol == "local":
            Path(path).rmdir()


def _without_user(url: str) -> str:
    """The address without a user and a password, which some write into it."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def _plain(error: BaseException) -> str:
    """An error in one line, without a password that an address in it may hold."""
    said = " ".join(str(error).split()).rstrip(".")
    return _without_user(said) or type(error).__name__
