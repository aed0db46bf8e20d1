import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.data.files import read_file

ROWS = [{"text": 'a, "b"\nc', "label": "é"}, {"text": "d", "label": ""}]


def write(path, rows=ROWS):
    match path.suffix:
        case ".jsonl":
            text = "\n\n".join(json.dumps(row) for row in rows)
        case ".json":
            text = json.dumps(rows)
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
            return path
        case suffix:
            mark = "," if suffix == ".csv" else "\t"
            cells = [list(rows[0]), *([v.replace('"', '""') for v in row.values()] for row in rows)]
            text = "\n".join(mark.join(f'"{cell}"' for cell in line) for line in cells)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv", ".parquet"])
def test_every_format_gives_the_same_rows(tmp_path, suffix):
    assert [row.values for row in read_file(write(tmp_path / f"rows{suffix}"))] == ROWS


@pytest.mark.parametrize(
    ("suffix", "places"),
    [(".jsonl", [":1", ":3"]), (".csv", [":2", ":4"]), (".parquet", [" row 1", " row 2"])],
)
def test_a_row_knows_where_it_begins(tmp_path, suffix, places):
    path = write(tmp_path / f"rows{suffix}")
    assert [row.where for row in read_file(path)] == [f"{path}{place}" for place in places]


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\na,b\n", encoding="utf-8-sig")
    assert read_file(path)[0].values == {"text": "a", "label": "b"}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.jsonl", b'{"a": 1}\n{"a": \n', "x.jsonl:2 is not well-formed JSON"),
        ("x.jsonl", b'{"a": 1}\n[1]\n', "x.jsonl:2 should be a JSON object, found list"),
        ("x.json", b'{"a": 1}', "should be a JSON array"),
        ("x.json", b'{"a": 1}\n{"a": 2}', "Name it .jsonl"),
        ("x.csv", b"a,b\n1,2\n1,2,3\n", "x.csv:3 has 3 cells, but the header has 2 columns"),
        ("x.csv", b"a,b\n1\n", "x.csv:2 has 1 cells"),
        ("x.csv", b"a,a\n1,2\n", "occurs twice"),
        ("x.csv", b'a\n"1', "not well-formed"),
        ("x.csv", "a\né\n".encode("latin-1"), "not UTF-8 text (byte 2)"),
        ("x.parquet", b"PAR1 half", "not a readable Parquet file"),
        ("x.jsonl", b"\n", "has no rows"),
        ("x.jsnol", b"", "Did you mean '.json"),
        ("rows", b"", "suffixless"),
    ],
)
def test_an_unreadable_file_says_where_and_why(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(StillhouseError) as error:
        read_file(path)
    assert says in str(error.value)
    assert str(path) in str(error.value)
