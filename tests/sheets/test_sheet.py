"""A sheet as spreadsheets save it: read whatever it became, or refused with all its mistakes."""

import csv
import io

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.sheets.draw import Candidate
from stillhouse.sheets.labels import labels_of, read_label_file, write_label_file
from stillhouse.sheets.sheet import read_sheet, write_sheet

QUERIES = {
    "a": "Grüße, “Tee” – 5 €?",
    "b": "two\nlines; and, more",
    "c": '=1+1 "quoted"',
    "d": "plain",
}
EXAMPLES = {id_: {"query": query, "choices": ["yes", "no"]} for id_, query in QUERIES.items()}
ROWS = [Candidate(id_, query, ("yes", "no"), "yes") for id_, query in QUERIES.items()]
LABELS = {"a": "yes", "b": "no", "c": "yes", "d": "no"}


@pytest.fixture
def written(tmp_path):
    write_sheet(tmp_path / "sheet.csv", ROWS, {}, show_teacher=False)
    text = (tmp_path / "sheet.csv").read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def filled(cells, labels=LABELS):
    return [cells[0], *([*row[:3], labels[row[0]]] for row in cells[1:])]


def saved(path, cells, encoding="utf-8-sig", separator=",", end="\r\n"):
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(cells)
    path.write_bytes(text.getvalue().encode(encoding, "replace"))
    return path


def labels(path):
    return labels_of(path, read_sheet(path), EXAMPLES, "choice")


def test_a_sheet_is_blind_unless_it_is_asked_to_show(tmp_path, written):
    assert written[0] == ["id", "query", "choices", "label"]
    assert written[1] == ["a", QUERIES["a"], "yes | no", ""]
    write_sheet(tmp_path / "shown.csv", ROWS, {"a": "no"}, show_teacher=True)
    text = (tmp_path / "shown.csv").read_text("utf-8-sig")
    header, first, *_ = csv.reader(io.StringIO(text))
    assert (header[-1], first[-2:]) == ("teacher", ["no", "yes"])


def test_no_cell_is_a_formula(written):
    assert written[3][1] == "'" + QUERIES["c"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_whatever_a_spreadsheet_makes_of_it_is_read(tmp_path, written, separator, encoding, end):
    path = saved(tmp_path / "back.csv", filled(written), encoding, separator, end)
    assert labels(path) == LABELS


def test_windows_text_without_a_letter_that_it_cannot_write(tmp_path, written):
    written[1][1] = QUERIES["a"] + " \N{GRINNING FACE} 汉"
    path = saved(tmp_path / "back.csv", filled(written), "cp1252", ";")
    examples = EXAMPLES | {"a": {"query": written[1][1], "choices": ["yes", "no"]}}
    assert labels_of(path, read_sheet(path), examples, "choice") == LABELS


def test_empty_lines_columns_in_another_order_and_labels_in_other_words(tmp_path, written):
    cells = [[row[3], row[0], row[1]] for row in filled(written)] + [["", "", ""], []]
    cells[0] = ["Label ", "ID", "query"]
    cells[1][0], cells[2][0] = " YES", "(b)"
    assert labels(saved(tmp_path / "back.csv", cells)) == LABELS


def test_all_mistakes_are_named_by_row_at_once(tmp_path, written):
    cells = filled(written)
    cells[1][3], cells[2][3], cells[3][1] = "maybe", " ", "another query"
    cells += [["e", "?", "", "yes"], cells[4]]
    with pytest.raises(StillhouseError) as caught:
        labels(saved(tmp_path / "back.csv", cells))
    assert str(caught.value).splitlines()[1:-1] == [
        "  - the label is none of yes | no: row 2 ('maybe')",
        "  - there is no label: row 3",
        "  - the query is not that of its id: row 4",
        "  - the id is of no row: row 6 ('e')",
        "  - the id is there twice: row 7 ('d')",
    ]


def test_free_labels_have_a_value_under_the_metric(tmp_path):
    examples = {"a": {"query": "q", "choices": []}, "b": {"query": "p", "choices": []}}
    path = saved(tmp_path / "s.csv", [["id", "query", "label"], ["a", "q", "7"], ["b", "p", "x"]])
    with pytest.raises(StillhouseError, match=r"the label is none: row 3 \('x'\)"):
        labels_of(path, read_sheet(path), examples, "number")
    assert labels_of(path, read_sheet(path), examples, "exact") == {"a": "7", "b": "x"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("s.xlsx", b"PK", "save it as `CSV UTF-8`"),
        ("s.csv", b"id,query\na,b\n", "no header with `id`, `query` and `label`"),
        ("s.csv", b"id,query,label\n", "has no rows"),
        ("s.csv", b"", "no header"),
        ("s.csv", b"\xff\xfeide", "neither UTF-8 nor Windows text"),
        ("s.csv", b'id,query,label\na,"b,c\n', "not a well-formed table"),
        ("s.csv", b"id,query,label\n\x81,b,c\n", "neither UTF-8 nor Windows text"),
    ],
)
def test_what_is_no_sheet_is_refused(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StillhouseError, match=said):
        read_sheet(tmp_path / name)


def test_somebodys_work_is_never_written_over(tmp_path, written):
    with pytest.raises(StillhouseError, match="may hold labels"):
        write_sheet(tmp_path / "sheet.csv", ROWS, {}, show_teacher=False)
    with pytest.raises(StillhouseError, match="does not exist"):
        read_sheet(tmp_path / "none.csv")


def test_labels_are_kept_by_id(tmp_path):
    path = tmp_path / "labels.csv"
    assert read_label_file(path) == {}
    write_label_file(path, {"b": "no", "a": 'y, "e"\ns'})
    assert path.read_text().startswith("id,label\na,")
    assert read_label_file(path) == {"a": 'y, "e"\ns', "b": "no"}
    path.write_text("name,label\nx,y\n")
    with pytest.raises(StillhouseError, match="no columns `id` and `label`"):
        read_label_file(path)
