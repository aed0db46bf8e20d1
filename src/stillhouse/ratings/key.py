"""The key of a blind sheet: what stands behind each rating id. Raters do not get it."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from stillhouse.config.base import Conf
from stillhouse.config.mistakes import first_mistake
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.files import json_bytes
from stillhouse.core.json_text import read_json_object


class Rated(Conf):
    """One reply of the sheet. Several models may have given it: its rating is of each."""

    row: str
    group: str | None
    models: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    reply: str
    """The hash of the reply as it is shown (`shown.fingerprint`)."""
    words: int
    characters: int


class Key(Conf):
    """The whole key; `ratings` by rating id."""

    seed: int
    models: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    ratings: Annotated[dict[str, Rated], Field(min_length=1)]

    @cached_property
    def ids(self) -> Mapping[tuple[str, str], str]:
        """The rating id of a row's reply by a model."""
        return {
            (rated.row, model): id_ for id_, rated in self.ratings.items() for model in rated.models
        }

    def unit(self, id_: str) -> tuple[str, str]:
        """What is resampled together: the row's group, or the row where it has none."""
        rated = self.ratings[id_]
        return ("row", rated.row) if rated.group is None else ("group", rated.group)


def key_bytes(key: Key) -> bytes:
    """The file's content; equal keys give equal bytes."""
    return json_bytes(key.model_dump(mode="json"))


def read_key(path: Path) -> Key:
    """Read the key that `stillhouse ratings export` wrote."""
    if not path.is_file():
        near = [found.name for found in path.parent.glob("*.json")] if path.parent.is_dir() else []
        raise StillhouseError(
            f"{path} does not exist: the key that `stillhouse ratings export` wrote beside the "
            f"sheet.{did_you_mean(path.name, near)}"
        )
    try:
        return Key.model_validate(read_json_object(path))
    except ValidationError as error:
        raise StillhouseError(
            f"{path} is not the key of a sheet of ratings: {first_mistake(error)}"
        ) from error
