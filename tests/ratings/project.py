"""Replies, sheets and raters for tests."""

import csv
import io
import json
from pathlib import Path

from typer.testing import CliRunner

from stillhouse.core.tables import EXAMPLES
from stillhouse.ratings.cli import app
from stillhouse.ratings.key import read_key


def run(*arguments):
    """What `stillhouse ratings` prints; a user's mistake is raised."""
    result = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def write_lines(path, rows):
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    Path(path).write_text(text, encoding="utf-8")


def write_examples(ids, split="test", query="What of {id}?", **others):
    row = {"label": "gold", "choices": [], "gold_rationale": None, "group": None, "meta": None}
    EXAMPLES.write_rows(
        row | {"id": id_, "split": split, "query": query.format(id=id_)} | others for id_ in ids
    )


def write_replies(name, ids, text="{name} on {id}"):
    write_lines(
        f"{name}.jsonl",
        [{"id": id_, "reply": text.format(name=name, id=id_)} for id_ in ids],
    )


def export(*models, options=()):
    """A sheet `sheet.csv` of the files `NAME.jsonl`."""
    named = [part for name in models for part in ("--model", f"{name}={name}.jsonl")]
    return run("export", "sheet.csv", *named, *options)


def sheet(path="sheet.csv"):
    text = Path(path).read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def key(path="sheet.key.json"):
    return read_key(Path(path))


def fill(path, rate, *, keep=lambda row: True, rows=None, **style):
    """A filled sheet: `rate` of a row with the first model and the row's id gives its rating."""
    style = {"delimiter": ",", "lineterminator": "\r\n"} | style
    known = key().ratings
    text = io.StringIO(newline="")
    listed = sheet() if rows is None else rows
    writer = csv.DictWriter(text, list(listed[0]), **style)
    writer.writeheader()
    for row in filter(keep, listed):
        rated = known.get(row["rating_id"])
        given = rate(rated.models[0], rated.row) if rated else 3
        writer.writerow(row | {"rating": given})
    Path(path).write_text(text.getvalue(), encoding="utf-8", newline="")
