"""A blind sheet: replies of several models to the same rows, in an order that tells nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_bytes
from stillhouse.core.sampling import digest, shuffled
from stillhouse.ratings import shown
from stillhouse.ratings.key import Key, Rated, key_bytes
from stillhouse.ratings.sheet import Line, sheet_bytes
from stillhouse.ratings.sources import Model, Rows

LETTERS = "bcdfghjklmnpqrstvwxz"
"""Of rating ids. No spreadsheet takes them for a number, a date or a word to mend."""
ID_LENGTH = 10


@dataclass(frozen=True)
class Blind:
    """The sheet's lines, its key, and how many rows not every model has replied to."""

    lines: Sequence[Line]
    key: Key
    left_out: int


def blind(models: Sequence[Model], rows: Rows, number: int, seed: int) -> Blind:
    """Replies to `number` of the rows (0: all) to which every model has replied.

    Rows are chosen and ordered by a hash of id and seed, so that a larger sheet goes on where a
    smaller one ends; within a row, replies are ordered by rating id. That is a hash of seed, row
    and texts: it knows no model, and stays when models are added. A reply that several models gave
    alike stands there once.
    """
    common = [id_ for id_ in rows if all(id_ in model.replies for model in models)]
    if not common:
        counts = ", ".join(
            f"{model.name} to {len(model.replies.keys() & rows.keys()):,}" for model in models
        )
        raise StillhouseError(
            f"No row has a reply of every model: of {len(rows):,} rows replied {counts}. Take "
            "models that were asked about the same rows; `--split` says which rows are looked at."
        )
    lines: list[Line] = []
    ratings: dict[str, Rated] = {}
    for id_ in shuffled(common, "rating", seed)[: number or None]:
        of_row = _of_row(id_, models, rows, seed)
        for rating_id, (line, rated) in sorted(of_row.items()):
            lines.append(line)
            ratings[rating_id] = rated
    key = Key(seed=seed, models=tuple(model.name for model in models), ratings=ratings)
    return Blind(lines, key, len(rows) - len(common))


def _of_row(
    id_: str, models: Sequence[Model], rows: Rows, seed: int
) -> dict[str, tuple[Line, Rated]]:
    """The replies to one row, by rating id."""
    generated = any(isinstance(model.replies[id_], list) for model in models)
    asked = shown.conversation(rows[id_], generated=generated)
    found: dict[str, tuple[Line, Rated]] = {}
    for model in models:
        if model.rows is not None:
            _require_same(model, id_, asked, generated)
        where = f"the reply of {model.name!r} to row {id_!r}"
        text = shown.reply(model.replies[id_], where, rows[id_])
        rating_id = _rating_id(seed, id_, asked, text)
        earlier = found[rating_id][1].models if rating_id in found else ()
        rated = Rated(
            row=id_,
            group=rows[id_].get("group"),
            models=(*earlier, model.name),
            reply=shown.fingerprint(text),
            words=len(text.split()),
            characters=len(text),
        )
        found[rating_id] = (Line(rating_id, asked, text), rated)
    return found


def _require_same(model: Model, id_: str, asked: str, generated: bool) -> None:
    row = (model.rows or {}).get(id_)
    own = None if row is None else shown.conversation(row, generated=generated)
    if own != asked:
        raise StillhouseError(
            f"{model.source!r} was asked something else about row {id_!r}: {own!r:.60}, not "
            f"{asked!r:.60}. Only replies to the same rows can be rated side by side."
        )


def _rating_id(*parts: object) -> str:
    number = digest("rating", *parts)
    letters = []
    for _ in range(ID_LENGTH):
        number, place = divmod(number, len(LETTERS))
        letters.append(LETTERS[place])
    return "".join(letters)


def write_blind(found: Blind, sheet: Path, key: Path) -> None:
    """Write sheet and key. Other files of these names stay as they are: they may hold ratings."""
    if sheet == key:
        raise StillhouseError(f"{sheet} cannot be both sheet and key; name another with `--key`.")
    contents = {sheet: sheet_bytes(found.lines), key: key_bytes(found.key)}
    for path, content in contents.items():
        if path.exists() and not (path.is_file() and path.read_bytes() == content):
            raise StillhouseError(
                f"{path} exists and holds something else, perhaps ratings. Move it away, or "
                "choose another name."
            )
    for path, content in contents.items():
        write_bytes(path, content)


def too_long(found: Blind) -> list[str]:
    """The ids of lines that a spreadsheet will cut."""
    return [
        line.rating_id
        for line in found.lines
        if max(len(line.conversation), len(line.reply)) >= shown.LONGEST_CELL
    ]
