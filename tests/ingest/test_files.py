import json
import re
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from stillhouse.core.errors import StillhouseError
from stillhouse.ingest.files import read_file

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
        ("x.csv", b"", "has no rows"),
        ("x.csv", b"a,b\n", "has no rows"),
        ("x.csv", b"a,b\n1,2\na,b\n", "x.csv:3 is the header again"),
        ("x.csv", b"a,b,,\n1,2,,\n", "x.csv:1: the columns 3, 4 have no name"),
        ("x.csv", "a\n\xe9\n".encode("utf-16-le"), "`iconv -f UTF-16LE -t UTF-8 "),
        ("x.csv", b"a\n\x81\n", "x.csv:2 is not UTF-8 text; convert it"),
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


def values(path, quoting=None):
    return [row.values for row in read_file(path, quoting)]


GLUE = 'text\tlabel\n" We will not wait .\t0\nA plain row .\t1\nThey left ."\t1\nLast row .\t0\n'


def test_quotes_that_are_text_hide_no_rows(tmp_path, capsys):
    path = tmp_path / "rows.tsv"
    path.write_text(GLUE)
    assert len(read_file(path)) == 2
    warning = capsys.readouterr().err
    for part in (str(path), "4 lines", "2 rows", "line 2", "`quoting: none`", "`quoting: double`"):
        assert part in warning
    assert [row["text"] for row in values(path, "none")] == [
        '" We will not wait .',
        "A plain row .",
        'They left ."',
        "Last row .",
    ]
    assert len(read_file(path, "double")) == 2
    assert capsys.readouterr().err == "", "who says how it is quoted is not warned"


def test_a_quoted_cell_in_one_line_and_blank_lines_give_no_warning(tmp_path, capsys):
    path = tmp_path / "rows.csv"
    path.write_text('text,label\n"a, b",1\n\n\n"""c""",2\n')
    assert values(path) == [{"text": "a, b", "label": "1"}, {"text": '"c"', "label": "2"}]
    assert capsys.readouterr().err == ""


def test_a_quote_that_is_never_closed_says_what_it_may_be(tmp_path):
    path = tmp_path / "rows.tsv"
    path.write_text('text\tlabel\n" We will\t0\nA row\t1\n')
    with pytest.raises(StillhouseError, match=r"not well-formed.*`quoting: none`"):
        read_file(path)
    assert len(read_file(path, "none")) == 2
    with pytest.raises(StillhouseError, match="no cell can hold the separator"):
        path.write_text('text\tlabel\n"a\tb"\t0\n')
        read_file(path, "none")


@pytest.mark.parametrize("suffix", [".csv", ".TSV", ".jsonl"])
def test_a_cell_of_any_size_is_read(tmp_path, suffix):
    long = "word " * 60_000
    path = write(tmp_path / f"rows{suffix.lower()}", [{"text": long, "label": "a"}])
    path = path.rename(tmp_path / f"rows{suffix}")
    assert values(path) == [{"text": long, "label": "a"}]


@pytest.mark.parametrize("suffix", [".JSONL", ".Json", ".CSV", ".Tsv", ".PARQUET"])
def test_a_suffix_may_be_in_any_case(tmp_path, suffix):
    path = write(tmp_path / f"rows{suffix.lower()}").rename(tmp_path / f"rows{suffix}")
    assert values(path) == ROWS


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_files_that_were_joined_have_byte_order_marks_within(tmp_path, suffix):
    path = write(tmp_path / f"rows{suffix}", [{"text": "a", "label": "b"}])
    text = path.read_text()
    again = text if suffix == ".jsonl" else text.splitlines()[1]
    path.write_text(f"\ufeff{text}\n\ufeff{again}\n")
    assert values(path) == [{"text": "a", "label": "b"}] * 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_says_how_a_text_is_written(tmp_path, encoding):
    for suffix in (".csv", ".json", ".jsonl"):
        path = write(tmp_path / f"rows{suffix}")
        mark = "\ufeff" if encoding.endswith(("le", "be")) else ""
        path.write_bytes((mark + path.read_text(encoding="utf-8")).encode(encoding))
        assert values(path) == ROWS


def test_a_missing_number_is_null_in_every_format(tmp_path):
    lines = tmp_path / "rows.jsonl"
    lines.write_text('{"text": "a", "label": NaN}\n')
    parquet = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": ["a"], "label": [float("nan")]}), parquet)
    assert values(lines) == values(parquet) == [{"text": "a", "label": None}]
    text = tmp_path / "rows.csv"
    text.write_text("text,label\na,NaN\n")
    assert values(text) == [{"text": "a", "label": "NaN"}], "a text in CSV, as all is"


def test_json_that_python_chokes_on(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a \\ud83d b", "label": %s}\n' % ("9" * 5000))
    assert values(path) == [{"text": "a \ufffd b", "label": "9" * 5000}]
    path.write_text('{"text": ' + "[" * 50_000 + "]" * 50_000 + "}\n")
    with pytest.raises(StillhouseError, match=r"rows\.jsonl:1 is JSON nested too deeply"):
        read_file(path)


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "of a spreadsheet.tsv"])
def test_a_text_in_windows_1252_says_so(tmp_path, name):
    path = tmp_path / name
    line = '{"a": "ok"}\n' if name.endswith("jsonl") else "ok\n"
    path.write_bytes((line * 9999).encode() + "Größe „gut“".encode("cp1252"))
    with pytest.raises(StillhouseError) as error:
        read_file(path)
    for part in (f"{path}:10000 is not UTF-8", "Windows-1252", "'Größe „gut“'"):
        assert part in str(error.value)
    (command,) = re.findall("`(iconv .*?)`", str(error.value))
    subprocess.run(command, shell=True, check=True)
    converted = path.with_stem(f"{path.stem}_utf8").read_text(encoding="utf-8")
    assert converted.endswith("\nGröße „gut“")


OTHERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@pytest.mark.parametrize("separator", OTHERS)
def test_another_separator_is_said_and_read(tmp_path, separator):
    path = tmp_path / "rows.csv"
    path.write_text("text;label\na, b;good\n".replace(";", separator))
    with pytest.raises(StillhouseError) as error:
        read_file(path)
    assert f"separated by {OTHERS[separator]}" in str(error.value)
    (said,) = re.findall("`(separator: .*?)`", str(error.value))
    found = read_file(path, None, yaml.safe_load(said)["separator"])
    assert [row.values for row in found] == [{"text": "a, b", "label": "good"}]


def test_commas_in_the_header_do_not_hide_the_separator(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("the text, whole;label\na;good\n")
    with pytest.raises(StillhouseError, match=r'1 cells.*`separator: ";"`'):
        read_file(path)


def test_one_column_is_a_table(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text\nA; b\ntext\n")
    assert values(path) == [{"text": "A; b"}, {"text": "text"}]
    path.write_text("a;b\n1\n")
    assert [row.values for row in read_file(path, None, ",")] == [{"a;b": "1"}]


def test_a_spreadsheets_line_about_the_separator_and_blank_ones_are_passed_over(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("sep=;\n\ntext;label\na;b\n")
    assert [row.values for row in read_file(path, None, ";")] == [{"text": "a", "label": "b"}]
    path.write_text("\n\ntext,label\na,b\n")
    (row,) = read_file(path)
    assert (row.values, row.where) == ({"text": "a", "label": "b"}, f"{path}:4")
