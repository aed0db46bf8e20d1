"""The backend `recorded`: published outputs on file, found by row id.

A file holds the raw text that a model wrote, often running on past its answer. It is treated as a
running model's would be: cut at the first of `decoding.stop`, which then is why it ended.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from stillhouse.config.pinning import require_pinned
from stillhouse.config.teacher import Recorded, TeacherConf
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.json_text import parse_json
from stillhouse.core.templates import of_row, render
from stillhouse.core.text import cut
from stillhouse.sources.resolve import resolve
from stillhouse.store.completion import Completion
from stillhouse.teacher_generate.protocol import Failure, Outcome, Request

CHUNK = 1_000
NO_OUTPUT = "the recorded outputs have none for this row's id"


def open_teacher(conf: TeacherConf) -> "RecordedTeacher":
    """Read every output; files that do not fit together are an error.

    They need a pin even below data/raw, which DVC does not watch for this stage.
    """
    sets = conf.model.recorded
    if not sets:
        raise StillhouseError(
            f"The teacher {conf.model.name!r} has the backend 'recorded', but its entry lists no "
            "files under `model.recorded`."
        )
    if conf.decoding.samples > 1:
        raise StillhouseError(
            f"The teacher {conf.model.name!r} is recorded: it has one completion for each row, so "
            f"`decoding.samples: {conf.decoding.samples}` cannot be had. Write `samples: 1`."
        )
    require_pinned(conf.model.source)
    folder = _folder(conf)
    completions: dict[str, Completion] = {}
    for recorded in sets:
        for id_, text, tokens in read_outputs(folder, recorded):
            if id_ in completions:
                raise StillhouseError(
                    f"{folder / recorded.outputs[0]}: the id {id_!r} has two recorded outputs. "
                    "Correct `model.recorded.id` in the teacher's conf."
                )
            completions[id_] = as_completion(text, recorded, conf.decoding.stop, tokens)
    return RecordedTeacher(completions)


def _folder(conf: TeacherConf) -> Path:
    sets = conf.model.recorded
    needed = {path for each in sets for path in (*each.outputs, each.rows) if path is not None}
    folder = resolve(
        conf.model.source, kind="dataset", mirror=conf.model.mirror, paths=sorted(needed)
    )
    for path in sorted(needed):
        if not (folder / path).is_file():
            near = [file.name for file in (folder / path).parent.glob("*")]
            raise StillhouseError(
                f"The recorded outputs of {conf.model.name!r} need {folder / path}, which does not "
                f"exist.{did_you_mean(Path(path).name, near)}"
            )
    return folder


Tokens = tuple[int | None, int | None]
"""Those of a prompt and of its text, where they were counted."""


def read_outputs(folder: Path, recorded: Recorded) -> Iterator[tuple[str, str, Tokens]]:
    """Id, raw text and tokens of every output; outputs and rows must be equally many."""
    outputs = [item for path in recorded.outputs for item in _items(folder / path, recorded.field)]
    if recorded.rows is None:
        rows = [row for row, _text in outputs]
    else:
        rows = list(_lines(folder / recorded.rows))
        if len(rows) != len(outputs):
            raise StillhouseError(
                f"{folder / recorded.rows} has {len(rows):,} rows, but there are {len(outputs):,} "
                f"outputs in {', '.join(recorded.outputs)}: they belong to other rows."
            )
    for place, (row, (output, text)) in enumerate(zip(rows, outputs, strict=True)):
        where = f"model.recorded.id, row {place} of {recorded.rows or recorded.outputs[0]}"
        yield (
            render(recorded.id, of_row({**row, "_row": place}), where).strip(),
            text,
            _tokens(output, recorded),
        )


def _tokens(output: Mapping[str, Any], recorded: Recorded) -> Tokens:
    if recorded.tokens is None:
        return None, None
    found = (output.get(name) for name in recorded.tokens)
    prompt, text = (count if isinstance(count, int) and count >= 0 else None for count in found)
    return prompt, text


def _items(path: Path, field: str | None) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Rows and texts: JSON Lines with the text in `field`, else one JSON array of strings."""
    if field is None:
        texts = parse_json(_text(path), str(path))
        if not isinstance(texts, list):
            raise StillhouseError(
                f"{path} is not a JSON array of strings; name its text's `field`."
            )
        rows: Iterable[tuple[Mapping[str, Any], object]] = (({}, text) for text in texts)
    else:
        rows = ((row, _field(row, field, path)) for row in _lines(path))
    for place, (row, text) in enumerate(rows):
        if not isinstance(text, str):
            raise StillhouseError(f"{path}: output {place} is {type(text).__name__}, not a text.")
        yield row, text


def _field(row: Mapping[str, Any], field: str, path: Path) -> object:
    if field not in row:
        raise StillhouseError(f"{path}: a row has no field {field!r}.{did_you_mean(field, row)}")
    return row[field]


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    # Not splitlines(), which also splits at separators that JSON strings may hold.
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            row = parse_json(line, f"{path}, line {number}")
            if not isinstance(row, dict):
                raise StillhouseError(f"{path}, line {number}: expected a JSON object.")
            yield row


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StillhouseError(
            f"{path} is not UTF-8 text (byte {error.start}); convert it to UTF-8."
        ) from error


def as_completion(
    text: str, recorded: Recorded, stop: Sequence[str], tokens: Tokens = (None, None)
) -> Completion:
    """The text up to the first stop string, its tokens where they were counted."""
    kept, stopped = cut(text, stop)
    return Completion(kept, "stop" if stopped else recorded.finish, *tokens)


class RecordedTeacher:
    """Outputs by row id."""

    def __init__(self, completions: Mapping[str, Completion]) -> None:
        self._completions = completions

    def prompt_tokens(self, requests: Sequence[Request]) -> None:
        """Nobody counted them."""

    def generate(self, requests: Iterable[Request]) -> Iterator[list[Outcome]]:
        """Look every row up; the prompt plays no part."""
        stream = iter(requests)
        while chunk := list(islice(stream, CHUNK)):
            yield [Outcome(r, self._completions.get(r.id) or Failure(NO_OUTPUT)) for r in chunk]

    def close(self) -> None:
        """Nothing is held."""
