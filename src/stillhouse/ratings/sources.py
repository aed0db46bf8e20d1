"""Where the replies to be rated come from: tables of this project, of other revisions, files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.joins import by_id
from stillhouse.core.tables import EXAMPLES, predictions
from stillhouse.experiments.git import WORKSPACE, resolve
from stillhouse.experiments.revisions import copy_files, read_seeds, seeds_of_commit
from stillhouse.ingest.files import RawRow, is_table, read_file

COLUMNS = ("reply", "prediction", "text", "label")
"""What a table may call the reply: the first of these that it has. `text` is that of completions,
`label` that of parsed completions, and of the dataset itself."""

Rows = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Model:
    """The replies of one model, by row, as the source has them: a text or a list of messages."""

    name: str
    source: str
    replies: Mapping[str, Any]
    rows: Rows | None
    """The examples of the revision that they come from; None for a file that is here."""


def read_models(options: Sequence[str]) -> list[Model]:
    """The models that `NAME=SOURCE` name, each name once."""
    models: list[Model] = []
    for option in options:
        name, equals, source = (part.strip() for part in option.partition("="))
        if not (name and equals and source):
            raise StillhouseError(
                f"`--model {option}` should be NAME=SOURCE, such as "
                "`--model student=data/predictions/seed=0.parquet`."
            )
        if name in (model.name for model in models):
            raise StillhouseError(f"Two models are called {name!r}; give each a name of its own.")
        models.append(_read_model(name, source))
    return models


def read_rows(path: Path | None, models: Sequence[Model], split: str) -> Rows:
    """The rows that may be rated, by id, with `query` or `messages`.

    Those of `path`, whatever their split; else those of `split` in the examples, which are those
    here, or where nothing was built those of the first model that has some.
    """
    if path is not None:
        return by_id([_conversation(raw) for raw in read_file(_existing(path))], str(path))
    examples = next((model.rows for model in models if model.rows), None)
    if examples is None or EXAMPLES.path.exists():
        examples = by_id(EXAMPLES.read_rows(), EXAMPLES.name)
    rows = {id_: row for id_, row in examples.items() if row["split"] == split}
    if not rows:
        known = {row["split"] for row in examples.values()}
        raise StillhouseError(f"No row is of the split {split!r}.{did_you_mean(split, known)}")
    _require_known(models, examples)
    return rows


def _require_known(models: Sequence[Model], examples: Rows) -> None:
    for model in models:
        unknown = sorted(model.replies.keys() - examples.keys())
        if unknown:
            raise StillhouseError(
                f"{len(unknown):,} ids of {model.source!r} are not in {EXAMPLES.path}, the first "
                f"{unknown[0]!r}: these are replies to other rows. Where they are not of this "
                "dataset, name their conversations with `--conversations FILE`."
            )


def _read_model(name: str, source: str) -> Model:
    path = Path(source)
    revision, colon, file = source.partition(":")
    if path.is_file() or (is_table(path) and not colon):
        return Model(name, source, _replies(_existing(path), source), None)
    if revision == WORKSPACE:
        return _read_model(name, file or str(predictions(f"seed={read_seeds()[0]}").path))
    commit = resolve(revision)
    seed = seeds_of_commit(revision, commit)[0]
    table = Path(file) if colon else predictions(f"seed={seed}").path
    with TemporaryDirectory(prefix="stillhouse-") as folder:
        copy_files(revision, commit, [EXAMPLES.path, table], Path(folder))
        rows = by_id(EXAMPLES.of(Path(folder)).read_rows(), f"examples of {revision}")
        return Model(name, source, _replies(Path(folder) / table, source), rows)


def _existing(path: Path) -> Path:
    if not path.is_file():
        near = [file.name for file in path.parent.glob("*")] if path.parent.is_dir() else []
        raise StillhouseError(f"{path} does not exist.{did_you_mean(path.name, near)}")
    return path


def _replies(path: Path, source: str) -> dict[str, Any]:
    """The first reply to each row; a row whose reply is null has none."""
    found: dict[str, Any] = {}
    seen: set[str] = set()
    for number, row in enumerate(read_file(path), 1):
        values = row.values
        column = reply_column(values)
        where = f"{source}, row {number}"
        if column is None or values.get("id") in (None, ""):
            raise StillhouseError(
                f"{where} needs `id` and one of {', '.join(f'`{name}`' for name in COLUMNS)}; its "
                f"columns are {', '.join(values)}."
            )
        if values.get("sample") not in (None, "", 0, "0"):
            continue
        id_ = str(values["id"])
        if id_ in seen:
            raise StillhouseError(f"{where}: the id {id_!r} is there a second time.")
        seen.add(id_)
        if values[column] is not None:
            found[id_] = values[column]
    return found


def reply_column(values: Mapping[str, Any]) -> str | None:
    """The column that holds the reply."""
    return next((name for name in COLUMNS if name in values), None)


def _conversation(raw: RawRow) -> dict[str, Any]:
    values = raw.values
    if values.get("id") in (None, "") or not (values.get("messages") or values.get("query")):
        raise StillhouseError(
            f"{raw.where} needs `id`, and `query` or `messages`; its columns are "
            f"{', '.join(values)}."
        )
    group, query = values.get("group"), values.get("query")
    return {
        "id": str(values["id"]),
        "query": None if query is None else str(query),
        "messages": values.get("messages"),
        "group": None if group in (None, "") else str(group),
    }
