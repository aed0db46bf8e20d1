"""What ingest counted, for the terminal: rows and labels by split, and what to look at."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stillhouse.core.text import printable
from stillhouse.ingest.counts import OTHER
from stillhouse.ingest.examples import Looked

WIDTH = 80
SIZES = {"least": "Shortest", "median": "Median", "p95": "95%", "most": "Longest"}
LONGEST = 40
"""Characters of a label that are shown."""

Metrics = Mapping[str, Any]


def print_looked(looked: Looked, console: Console | None = None) -> None:
    """Print what was counted; plain text of 80 columns when there is no terminal."""
    console = console or Console(width=WIDTH, highlight=False, markup=False)
    tables = looked.metrics["tables"]
    console.print(_rows(tables["splits"]))
    if tables["labels"]:
        console.print(_labels(tables["labels"], looked.metrics["rows"]))
    if tables.get("turns"):
        console.print(_sizes_by_split("Turns of the user in a conversation", tables["turns"]))
    elif tables["label_lengths"]:
        title = "Characters of the labels, which are no classes"
        console.print(_sizes_by_split(title, tables["label_lengths"]))
    for line in notes(looked):
        console.print(Text(printable(line)))
    for line in warnings(looked.metrics):
        console.print(Text(printable(f"warning: {line}"), style="yellow"))


def _table(title: str, first: str, others: Sequence[str]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _rows(splits: Sequence[Metrics]) -> Table:
    headings = ("Rows", "Repeats", *SIZES.values())
    table = _table("Rows, and the characters of their queries", "Split", headings)
    for line in splits:
        of = f" of {line['of']:,}" if line["of"] != line["rows"] else ""
        repeats = f"{line['duplicates']:,}"
        table.add_row(line["split"], f"{line['rows']:,}{of}", repeats, *_sizes(line))
    return table


def _sizes_by_split(title: str, splits: Sequence[Metrics]) -> Table:
    table = _table(title, "Split", [*SIZES.values()])
    for line in splits:
        table.add_row(line["split"], *_sizes(line))
    return table


def _sizes(line: Metrics) -> Iterator[str]:
    return (f"{line[name]:,}" for name in SIZES)


def _labels(labels: Sequence[Metrics], rows: Mapping[str, int]) -> Table:
    splits = [name for name in labels[0] if name != "label"]
    table = _table("Labels of these rows", "Label", splits)
    for line in labels:
        name = line.get("label", f"{line.get(OTHER, 0):,} others")
        counted = (f"{line[split]:,} {line[split] / rows[split]:6.1%}" for split in splits)
        table.add_row(Text(_short(name)), *counted)
    return table


def _short(text: str) -> str:
    shown = printable(" ".join(text.split()))
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 3]}..."


def notes(looked: Looked) -> Iterator[str]:
    """The lines below the tables."""
    metrics = looked.metrics
    tables, read = metrics["tables"], metrics["read"]
    for reason, count in metrics["rejects"].items():
        first = f", the first at {looked.places[reason]}" if count else ""
        yield f"Rejected: {count:,} of {read:,}, {reason}{first}."
    if any(reason.startswith("empty `") for reason in metrics["rejects"]):
        yield "Rows with an empty cell are kept where `fields.optional` lists its column."
    for name, count in metrics["taken_out"].items():
        if count:
            yield (
                f"Taken out of {name}: {count:,} whose query is scored, too (`keep_overlap: true` "
                "in the scored split keeps them)."
            )
    if cells := [f"{line['column']} {line['cells']:,}" for line in tables["empty"]]:
        yield f"Empty cells that templates read: {', '.join(cells)}."
    if tables["scripts"]:
        shares = (f"{line['script']} {line['share']:.2%}" for line in tables["scripts"])
        yield f"Scripts of the queries' letters: {', '.join(shares)}."


def warnings(metrics: Metrics) -> Iterator[str]:
    """What may well be a mistake."""
    tables, read = metrics["tables"], metrics["read"]
    rejected = sum(metrics["rejects"].values())
    if 2 * rejected > read:
        yield f"more than half of the rows are rejected: {rejected:,} of {read:,}."
    if count := metrics["unequal_labels"]:
        ids = "; ".join(" and ".join(ids) for ids in tables["unequal_labels"])
        yield (
            f"{count:,} {'query has' if count == 1 else 'queries have'} rows whose labels differ: "
            f"{ids}{_dots(count, tables['unequal_labels'])}"
        )
    if count := metrics["near_labels"]:
        names = "; ".join(" and ".join(map(repr, labels)) for labels in tables["near_labels"])
        yield (
            "labels differ by case or blanks alone, and are counted as different ones: "
            f"{names}{_dots(count, tables['near_labels'])} Where they are one, have "
            "`fields.label` write it alike, as with `| lower`."
        )
    for scored, splits in metrics["overlap"].items():
        for learnt, found in splits.items():
            if found["queries"]:
                yield f"{found['queries']:,} queries of {scored} are among the rows of {learnt}."
    alone = [line for line in tables["labels"] if line.get("train")]
    if len(alone) == 1:
        yield f"all rows of train have the label {alone[0]['label']!r}."
    never = [
        line["label"] for line in tables["labels"] if line.get("train") == 0 and "label" in line
    ]
    if never:
        yield f"no row of train has the label {' or '.join(map(repr, never))}."


def _dots(count: int, shown: Sequence[object]) -> str:
    return " ..." if count > len(shown) else "."
