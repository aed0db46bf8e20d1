"""The command `predict`: one text, a table, lines as they come, or questions at a prompt."""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TextIO

from stillhouse.core import paths
from stillhouse.core.conversation import ASSISTANT, USER
from stillhouse.core.errors import StillhouseError
from stillhouse.core.progress import announce, progress
from stillhouse.core.text import printable
from stillhouse.deployment import tables
from stillhouse.deployment.asker import Answer, Asker, Query
from stillhouse.ingest import files
from stillhouse.ingest.files import RawRow

Say = Callable[[str], None]
BATCHES = 16
"""Batches of a table that are sorted by length together."""


@dataclass(frozen=True)
class Wanted:
    """What is added to each row, under which names."""

    rationale: bool = False
    prefix: str = ""
    json_lines: bool = False

    def of(self, answers: Iterable[Answer]) -> list[dict[str, object]]:
        """The columns that are added to each row."""
        return tables.added(answers, self.prefix, rationale=self.rationale)

    @property
    def names(self) -> list[str]:
        """Of those columns."""
        return list(self.of([Answer()])[0])


def default_student() -> Path:
    """The folder of the first seed's student."""
    from stillhouse.config.knobs import Knobs
    from stillhouse.config.whole import load_all

    if not paths.PARAMS.exists():
        raise StillhouseError(
            f"There is no {paths.PARAMS} here that would name a student. Give a student's folder: "
            "--student models/student/seed=0."
        )
    knobs: Knobs = load_all()[0]
    return paths.student(knobs.seeds[0])


def require_text(texts: Sequence[str]) -> str | None:
    """The text that was given as an argument, if any; what is something else says so."""
    if not texts:
        return None
    first = Path(texts[0])
    if _is_student(first):
        raise StillhouseError(
            f"{first} is a student's folder, not a text: give it with --student, as in "
            f"`stillhouse predict --student {first} 'a text'`."
        )
    if len(texts) > 1:
        raise StillhouseError(
            f"There are {len(texts)} texts, the second {texts[1]!r}. Put one text into quotes; "
            "several go into a file (--file), or come as lines on standard input."
        )
    (text,) = texts
    if not text.strip():
        raise StillhouseError("The text is empty.")
    if _is_file(first):
        raise StillhouseError(f"{text} is a file. Did you mean `--file {text}`?")
    if files.is_table(first) and len(text.split()) == 1:
        near = tables.near_files(first)
        raise StillhouseError(f"{text} looks like a file, and there is none of that name.{near}")
    return text


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # longer than a name may be
        return False


def _is_student(path: Path) -> bool:
    try:
        return any((path / part / paths.MANIFEST).is_file() for part in (paths.MODEL, ""))
    except OSError:
        return False


def predict_text(asker: Asker, text: str, wanted: Wanted, say: Say) -> None:
    """Answer one text."""
    query = asker.of_text(text)
    _require_any([query])
    answers = asker.answers([query], rationale=wanted.rationale)
    (new,) = wanted.of(answers)
    own = {asker.columns[0]: text}
    say(tables.json_line(own | new) if wanted.json_lines else tables.line(new))
    _note(asker, answers, ["the text"])


def predict_file(
    asker: Asker, file: Path, out: Path | None, wanted: Wanted, *, force: bool, say: Say
) -> None:
    """Answer the rows of a file: the same table with the answers beside them."""
    rows = tables.read_rows(file, asker.serving)
    kind = ".jsonl" if wanted.json_lines and out is None else tables.suffix_of(file)
    kind = tables.require_output(out, kind, force=force)
    tables.require_new(rows, wanted.names, file)
    queries = tables.queries_of(asker, rows, file)
    _require_any(queries)
    answers = _in_turn(asker, queries, wanted)
    if not files.is_table(file):
        rows = [RawRow(row.where, {asker.columns[0]: row.values[""]}) for row in rows]
    new = wanted.of(answers)
    if out is None:
        say(tables.as_text(rows, new, kind).removesuffix("\n"))
    else:
        tables.write(out, file, rows, new)
        announce(f"{len(rows):,} row{'s' if len(rows) != 1 else ''} in {out}")
    _note(asker, answers, [row.where for row in rows])


def _in_turn(asker: Asker, queries: Sequence[Query], wanted: Wanted) -> list[Answer]:
    """The answers to a table's queries, some batches at a time, so that progress can be seen."""
    size = asker.compute.eval_batch_size * BATCHES
    answers: list[Answer] = []
    with progress("Predict", len(queries)) as bar:
        for start in range(0, len(queries), size):
            part = queries[start : start + size]
            answers += asker.answers(part, rationale=wanted.rationale)
            bar.advance(len(part))
    return answers


def _require_any(queries: Sequence[Query]) -> None:
    """Fail when there is nothing to ask: then it is the whole input that is wrong."""
    problems = [query.problem for query in queries if query.problem]
    if len(problems) == len(queries):
        raise StillhouseError(f"No query can be made of the input: {problems[0]}.")


def predict_lines(asker: Asker, stdin: TextIO, wanted: Wanted, say: Say, *, size: int) -> None:
    """Answer lines as they come, one for each, also a blank one: those that wait go together."""
    _ = asker.student  # before the first line comes
    every: list[Answer] = []
    source = "standard input"
    read = _objects if wanted.json_lines else tables.lines
    for rows in _waiting(read(stdin, source), size):
        queries = [
            asker.of_row(row.values, row.where)
            if wanted.json_lines
            else asker.of_text(row.values[""])
            for row in rows
        ]
        tables.require_new(rows, wanted.names, Path(source))
        answers = asker.answers(queries, rationale=wanted.rationale)
        for row, new in zip(rows, wanted.of(answers), strict=True):
            say(tables.json_line(row.values | new) if wanted.json_lines else tables.line(new))
        every += answers
    if not every:
        raise StillhouseError("There is no query. Give a text, a file, or lines on standard input.")
    _note(asker, every, [f"line {number}" for number in range(1, len(every) + 1)])


def _objects(source: TextIO, name: str) -> Iterator[RawRow]:
    return files.json_lines(source, name)


def _waiting(rows: Iterator[RawRow], size: int) -> Iterator[list[RawRow]]:
    """The rows in turn, together those that have come while the last ones were answered."""
    come: SimpleQueue[RawRow | Exception | None] = SimpleQueue()

    def read() -> None:
        try:
            for row in rows:
                come.put(row)
        except (StillhouseError, UnicodeDecodeError) as error:
            come.put(error)
        else:
            come.put(None)

    threading.Thread(target=read, daemon=True).start()
    ended = False
    while not ended:
        batch: list[RawRow] = []
        try:
            while len(batch) < size:
                row = come.get() if not batch else come.get_nowait()
                if isinstance(row, UnicodeDecodeError):
                    row = files.not_text("standard input", row)
                if isinstance(row, Exception):
                    if batch:
                        yield batch
                    raise row
                if row is None:
                    ended = True
                    break
                batch.append(row)
        except Empty:
            pass
        if batch:
            yield batch


def predict_at_prompt(asker: Asker, wanted: Wanted, say: Say, ask: Callable[[], str]) -> None:
    """Answer what is typed, line by line, until there is no more; `ask` shows a prompt.

    A student of conversations sees what was said before.
    """
    _ = asker.student  # once, before the first question
    (column, *more) = ("message",) if asker.chats else asker.columns
    if more:
        asker.of_text("")  # which says what to do
    announce(f"A {column} a line; end with Ctrl-D. {asker.scores.capitalize()}.")
    chat: list[dict[str, str]] = []
    while True:
        try:
            text = ask()
        except EOFError:
            announce("")  # the line of the prompt ends
            return
        if text.strip():
            turn = {"role": USER, "content": text}
            query = asker.of_messages([*chat, turn]) if asker.chats else asker.of_text(text)
            (answer,) = asker.answers([query], rationale=wanted.rationale)
            if answer.prediction is not None:
                chat += [turn, {"role": ASSISTANT, "content": answer.prediction}]
            say(tables.line(wanted.of([answer])[0]))
            if answer.truncated or answer.problem:
                _note(asker, [answer], ["the text"])


def _note(asker: Asker, answers: Sequence[Answer], places: Sequence[str]) -> None:
    for note in tables.notes(asker, answers, places):
        announce(note)


def speak(text: str) -> None:
    """Write to standard output, at once; a terminal obeys nothing that a model wrote."""
    shown = printable(text) if sys.stdout.isatty() else text
    sys.stdout.write(f"{shown}\n")
    sys.stdout.flush()
