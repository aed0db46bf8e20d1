"""`stillhouse init`: from a table, a dataset of the package, or a log, to a project's files."""

import csv
import io
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.paths import RAW
from stillhouse.core.templates import of_row, render
from stillhouse.core.uri import FileSource, parse_source
from stillhouse.core.yaml import parse_yaml
from stillhouse.experiments.git import git
from stillhouse.ingest.empty import filled
from stillhouse.ingest.files import LARGEST_CELL, SEPARATORS, RawRow, read_file
from stillhouse.project import dataset, look, packaged
from stillhouse.project.dataset import File, Said
from stillhouse.project.editing import written
from stillhouse.project.logs import Log, queries_of, read_log, replies_of
from stillhouse.project.start import Preview, Start, lines, of_dataset, raw_file
from stillhouse.project.teachers import CONTEXT, slug
from stillhouse.project.writing import write_all
from stillhouse.sources.content import content_hash

Choose = Callable[[str, Sequence[look.Column], str | None], str]
"""Asks which column is for something; given the columns and the likely one."""
TOKENS = ["prompt_tokens", "completion_tokens"]
QUERIES, REPLIES, CUT = "queries.jsonl", "replies.jsonl", "cut.jsonl"
CLASSES_SHARE = 0.9
"""Of a log's replies that are among a few short ones, from which on these are classes."""


@dataclass(frozen=True)
class Tables:
    """The tables that a project begins with, and how they are read where that is not plain."""

    train: Path
    test: Path | None = None
    unlabelled: Path | None = None
    encoding: str | None = None
    delimiter: str | None = None

    def given(self) -> dict[str, Path]:
        """Those that there are, by the split that they are."""
        all_ = {"train": self.train, "test": self.test, "unlabelled": self.unlabelled}
        return {split: path for split, path in all_.items() if path is not None}


@dataclass(frozen=True)
class Table:
    """A table's rows, and its bytes as they go below data/raw: in UTF-8, with commas."""

    name: str
    content: bytes
    rows: list[RawRow]

    @property
    def spans_lines(self) -> bool:
        """Whether a cell of a CSV has several lines: then its quotes are no text."""
        if Path(self.name).suffix.lower() not in SEPARATORS:
            return False
        return any("\n" in str(value) for row in self.rows for value in row.values.values())


def read_table(path: Path, encoding: str | None = None, delimiter: str | None = None) -> Table:
    """Read a table; CSV in another encoding or with another delimiter becomes plain CSV."""
    if not path.is_file():
        near = [each.name for each in path.parent.glob("*")] if path.parent.is_dir() else []
        raise StillhouseError(f"{path} is no file.{did_you_mean(path.name, near) if near else ''}")
    if encoding is None and delimiter is None:
        return Table(path.name, path.read_bytes(), read_file(path, "double"))
    if path.suffix.lower() not in SEPARATORS:
        raise StillhouseError(
            f"{path} is no .csv or .tsv: --encoding and --delimiter are for these."
        )
    content = _plain(path, encoding or "utf-8-sig", delimiter or SEPARATORS[path.suffix.lower()])
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        copy.write_bytes(content)
        try:
            return Table(path.name, content, read_file(copy, "double"))
        except StillhouseError as error:
            raise StillhouseError(str(error).replace(str(copy), str(path))) from error


def _plain(path: Path, encoding: str, delimiter: str) -> bytes:
    if len(delimiter) != 1:
        raise StillhouseError(f"--delimiter is {delimiter!r}; it is one character, such as ';'.")
    try:
        text = path.read_text(encoding=encoding)
    except LookupError as error:
        raise StillhouseError(f"There is no encoding {encoding!r}; try windows-1252.") from error
    except UnicodeDecodeError as error:
        raise StillhouseError(
            f"{path} is not in {encoding} (byte {error.start}: {error.object[error.start]:#04x})."
        ) from error
    out = io.StringIO()
    separator = SEPARATORS[path.suffix.lower()]
    csv.field_size_limit(LARGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        csv.writer(out, delimiter=separator, lineterminator="\n").writerows(reader)
    except csv.Error as error:
        raise StillhouseError(f"{path} is not well-formed: {error}.") from error
    return out.getvalue().encode()


def of_tables(
    tables: Tables,
    choose: Choose,
    *,
    name: str | None,
    query: str | None,
    label: str | None,
    **said: Any,
) -> tuple[Start, list[look.Column]]:
    """A project for tables of one's own; what was not said about them is asked."""
    read = {
        split: read_table(path, tables.encoding, tables.delimiter)
        for split, path in tables.given().items()
    }
    read = _named_apart(read)
    rows = read["train"].rows
    columns = look.columns_of(rows)
    likely = look.likely_query(columns)
    query = query or choose("query", columns, likely.name if likely else None)
    described = next((each for each in columns if each.name == query), likely)
    able = look.likely_label(columns, described)
    label = label or choose("label", columns, able.name if able else None)
    known = [column.name for column in columns]
    told = Said(query=query, label=label, **said)
    files = [
        File(read[split].name, read[split].spans_lines) if split in read else None
        for split in ("train", "test", "unlabelled")
    ]
    values = dataset.entry(f"{tables.train.name}, own data", told, rows, known)
    values["splits"] = dataset.splits(len(rows), *files)
    used = filled(rows, values["fields"]["query"], values["fields"]["label"])
    texts = [(_shown(values, "query", row), _shown(values, "label", row)) for row in used]
    start = of_dataset(name or slug(tables.train.stem), values, texts)
    start.raw |= dict(raw_file(each.name, each.content) for each in read.values())
    return start, columns


def _named_apart(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Tables of one name, as `train/data.csv` and `test/data.csv` are, each with a name of its own;
    some file systems take `A.csv` for `a.csv`.
    """
    names = Counter(table.name.casefold() for table in tables.values())
    return {
        split: replace(table, name=f"{split}_{table.name}")
        if names[table.name.casefold()] > 1
        else table
        for split, table in tables.items()
    }


def _shown(values: Any, field: str, row: RawRow) -> str:
    return render(values["fields"][field], of_row(row.values), f"{row.where}, {field}")


def of_example(name: str) -> Start:
    """A project for a dataset that the package has an entry of."""
    place = packaged.entry_place("dataset", name)
    values = parse_yaml(packaged.entry_files("dataset", name)[place], str(place))
    sources = [values["source"], *(s.get("source") for s in values["splits"].values())]
    if any(isinstance(parse_source(s), FileSource) for s in sources if s):
        raise StillhouseError(
            f"The dataset {name!r} reads files that the package does not carry; begin with "
            "`stillhouse init --csv FILE`, or another --example."
        )
    return of_dataset(name, None, ())


def of_log(path: Path, name: str | None, model: str | None) -> tuple[Start, Log]:
    """A project for a log of a chat API: its requests are the rows, its replies the teacher's."""
    log = read_log(read_table(path).rows, model)
    name = name or slug(path.stem)
    queries, whole, cut = queries_of(log), replies_of(log, cut=False), replies_of(log, cut=True)
    files = {QUERIES: queries, REPLIES: whole, CUT: cut}
    raw = {f"{name}/{file}": lines(rows) for file, rows in files.items() if rows}
    labels = Counter(row["reply"].strip() for row in whole)
    values = _entry_of_log(f"Requests to {log.model}, from {path.name}", name, labels)
    start = of_dataset(name, values, [(log.query(each), each.reply) for each in log.exchanges])
    start.raw |= dict(raw_file(file, content) for file, content in raw.items())
    teacher = f"{name}_log"
    start.own[packaged.entry_place("teacher", teacher)] = _teacher_of_log(log, name, raw)
    start.own[packaged.entry_place("prompt", name)] = _prompt_of_log(log, values["task"])
    start.knobs |= {
        "teacher": teacher,
        "prompt": name,
        "label_source": "teacher",
        "rationale_source": "none",
        "exemplars": "none",
    }
    return start, log


def _entry_of_log(description: str, name: str, labels: Counter[str]) -> dict[str, Any]:
    """Rows without labels: the teacher's replies are what there is to learn."""
    spelt: dict[str, str] = {}  # of labels that differ by case alone, the most frequent
    common: Counter[str] = Counter()
    for label, count in labels.most_common():
        if len(label) <= look.LONGEST_LABEL:
            common[spelt.setdefault(label.casefold(), label)] += count
    classes = dict(common.most_common(look.MOST_LABELS))
    classes = {label: n for label, n in classes.items() if n >= look.LEAST_ROWS_OF_A_LABEL}
    few = len(classes) > 1 and sum(classes.values()) >= CLASSES_SHARE * labels.total()
    fields: dict[str, Any] = {"id": "{{ id }}", "query": "{{ query }}"}
    if few:
        fields["choices"] = [dataset.verbatim(choice) for choice in dataset.in_order(classes)]
    read = {"read": [f"{name}/{QUERIES}"]}
    return {
        "description": description,
        "licence": "not stated",
        "source": "file:data/raw",
        "splits": {
            "unlabelled": read,
            "test": {"hold_out_from": "unlabelled", "share": dataset.TEST_SHARE},
        },
        "task": "classification" if few else "text",
        "fields": fields,
        "answer": {"metric": "choice" if few else "exact", "markers": dataset.MARKERS},
        "reject": [],
        "human_exemplars": None,
        "exclude_same_group": False,
    }


def _teacher_of_log(log: Log, name: str, raw: Mapping[str, bytes]) -> str:
    """The recorded replies as a teacher, pinned by what the files hold."""
    with tempfile.TemporaryDirectory() as folder:
        write_all(Path(folder), {Path(file): content for file, content in raw.items()})
        digest = content_hash(Path(folder, name))
    sets = [
        {"outputs": [file], "field": "reply", "id": "{{ id }}", "tokens": TOKENS, "finish": finish}
        for file, finish in ((REPLIES, "stop"), (CUT, "length"))
        if f"{name}/{file}" in raw
    ]
    values = {
        "description": f"What {log.model} replied, as logged",
        "model": {
            "name": log.model,
            "source": f"file:{RAW}/{name}#sha256={digest}",
            "recorded": sets,
        },
        "format": "chat",
        "context": CONTEXT,
        "decoding": {"max_tokens": CONTEXT // 2},
        "compute": {"backend": "recorded"},
        "price": {"currency": "USD", "prompt": 0.0, "completion": 0.0},
    }
    return written(values)


def _prompt_of_log(log: Log, task: str) -> str:
    """The requests as they were sent, for the day when a running teacher is asked more."""
    system = log.system
    parts = ({"system": dataset.verbatim(system)} if system else {}) | {"query": "{{ query }}"}
    values = {
        "description": f"As the log's requests to {log.model}: the reply is the label",
        "layout": "turns",
        "reply": "label",
        "splits": ["train", "unlabelled", "test"],
        "tasks": {task: parts},
    }
    return written(values)


def begin_repository(folder: Path) -> None:
    """A Git repository, where the folder is in none."""
    inside = subprocess.run(
        ["git", "rev-parse", "--is-inside-work-tree"],  # noqa: S607 - the user's Git
        cwd=folder,
        check=False,
        capture_output=True,
    )
    if inside.returncode:
        git("init", "--quiet", folder=folder)


def log_lines(log: Log) -> Iterator[str]:
    """What was found in a log."""
    yield f"{len(log.exchanges):,} requests to {log.model}, each with its reply"
    for reason, count in sorted(log.passed_over.items()):
        yield f"  passed over: {count:,} {reason}"
    if log.system:
        yield "  The system message is the same in all, so students do not read it."


def task_line(start: Start) -> str:
    """The kind of task that the rows were taken for."""
    place = packaged.entry_place("dataset", start.knobs["dataset"])
    values = parse_yaml(start.own[place], str(place))
    choices = values["fields"].get("choices") or []
    among = f": {', '.join(choices)}" if choices else ""
    return f"task {values['task']}, metric {values['answer']['metric']}{among}"


def prompt_lines(preview: Preview) -> Iterator[str]:
    """One row's prompt."""
    yield f"\nA prompt, as the teacher will read it (row {preview.id}):"
    for message in preview.messages:
        yield f"[{message['role']}]"
        yield from (f"  {line}" for line in message["content"].splitlines())


def next_steps(folder: Path, start: Start) -> Iterator[str]:
    """The commands that come next."""
    if folder.resolve() != Path.cwd().resolve():
        yield f"cd {folder}"
    yield f"git add --all && git commit -m 'Begin {start.knobs['dataset']}'"
    yield "dvc repro prompt && stillhouse cost   # what the teacher would be asked"
    yield "make repro                            # from the source to the report"
