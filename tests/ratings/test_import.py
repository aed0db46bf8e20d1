"""Raters' sheets as spreadsheets write them, and everything that may be wrong with one."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.core.errors import StillhouseError
from stillhouse.ratings.raters import Scale
from tests.ratings.project import (
    export,
    fill,
    key,
    run,
    sheet,
    write_examples,
    write_lines,
    write_replies,
)
from tests.ratings.test_shown import ODD

IDS = [f"r{number}" for number in range(8)]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_examples(IDS)
    write_replies("alpha", IDS, "=good; {id}")
    write_replies("beta", IDS, '"poor"\n{id}, 👩‍👩‍👧')
    export("alpha", "beta")


def by_model(model, row):
    return 4 if model == "alpha" else 2


def read(*sheets, options=()):
    return json.loads(run("import", *sheets, "--key", "sheet.key.json", "--json", *options).stdout)


def fails(*sheets, options=()):
    with pytest.raises(StillhouseError) as raised:
        read(*sheets, options=options)
    return str(raised.value)


def rows_of(path):
    """A file's rows as spreadsheets count them, by rating id."""
    return {row["rating_id"]: number for number, row in enumerate(sheet(path), 2)}


def replace(path, old, new):
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), encoding="utf-8")


def test_a_filled_sheet():
    fill("ann.csv", by_model)
    found = read("ann.csv")
    assert {name: model["mean"] for name, model in found["models"].items()} == {
        "alpha": 4, "beta": 2,
    }  # fmt: skip
    assert found["ratings"] == {"ann": 16}
    assert (found["rows"], found["replies"], found["missing"]) == (8, 16, 0)


SPREADSHEETS = {
    "excel": lambda text: "\ufeff" + text,
    "a line for the separator": lambda text: "\ufeffsep=,\r\n" + text,
    "german excel": lambda text: text.replace(",4,", ";4,0;"),
    "libreoffice": lambda text: text.replace("\r\n", "\n"),
    "old mac": lambda text: text.replace("\r\n", "\r").replace("\n", "\r"),
    "its quote taken": lambda text: text.replace("'=", "="),
    "blank columns": lambda text: text.replace("\r\n", ",,\r\n"),
    "blank rows": lambda text: f"{text},,,,\r\n\r\n",
    "headings": lambda text: text.replace("rating_id", "Rating ID").replace("rating,", " RATING ,"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPREADSHEETS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_sheets_as_spreadsheets_write_them(name, encoding):
    style = {"delimiter": ";"} if name == "german excel" else {}
    fill("plain.csv", by_model)
    fill(
        "ann.csv", lambda *row: "4,0" if style and by_model(*row) == 4 else by_model(*row), **style
    )
    text = Path("ann.csv").read_bytes().decode()
    Path("ann.csv").write_bytes(SPREADSHEETS[name](text).encode(encoding))
    assert read("ann.csv")["models"] == read("ann=plain.csv")["models"]


def test_a_sheet_of_two_columns_in_tabs():
    lines = [f"{id_}\t{by_model(rated.models[0], '')}" for id_, rated in key().ratings.items()]
    Path("ann.csv").write_text("\n".join(["rating_id\trating", *lines]))
    assert read("ann.csv")["models"]["alpha"]["mean"] == 4


@given(st.lists(st.sampled_from(ODD) | st.text(), min_size=1, max_size=4, unique=True))
@settings(max_examples=30)
def test_odd_texts_come_back(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("odd")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ids = [str(number) for number, _ in enumerate(texts)]
        write_lines("rows.jsonl", [{"id": id_, "query": f"q {id_}"} for id_ in ids])
        write_lines("odd.jsonl", [{"id": i, "reply": t} for i, t in zip(ids, texts, strict=True)])
        export("odd", options=["--conversations", "rows.jsonl"])
        fill("ann.csv", lambda *_: 3)
        assert read("ann.csv")["replies"] == len(texts)


def test_missing_ratings_are_named_and_nothing_stops():
    fill("ann.csv", lambda model, row: " " if row == "r3" else by_model(model, row))
    result = run("import", "ann.csv", "--key", "sheet.key.json")
    places = rows_of("ann.csv")
    missing = {id_: places[id_] for id_, rated in key().ratings.items() if rated.row == "r3"}
    assert "2 ratings are missing" in result.stderr
    for id_, number in missing.items():
        assert f"ann.csv, row {number} ({id_})" in result.stderr
    assert read("ann.csv")["replies"] == 14


def test_everything_wrong_is_one_message():
    fill("ann.csv", by_model)
    fill("ben.csv", by_model)
    ids = list(rows_of("ann.csv"))
    rows = sheet("ann.csv")
    rows[0]["rating_id"] = "zzzz"
    rows[1]["rating_id"] = ids[2]
    rows[3]["reply"] += " (sic)"
    wanted = iter(["", "", "", "", "6", "4.5", "four", "1e0", "04-May", "٣", "nan"])
    fill("ann.csv", by_model, rows=rows)
    filled = sheet("ann.csv")
    for row, rating in zip(filled, wanted, strict=False):
        row["rating"] = rating or row["rating"]
    write_sheet("ann.csv", filled)
    Path("cut.csv").write_text("rating_id,reply\nx,y\n")
    Path("book.csv").write_bytes(b"PK\x03\x04rest")
    Path("latin.csv").write_bytes("rating_id,rating\nx,é".encode("latin-1"))
    message = fails("ann.csv", "ben.csv", "cut.csv", "book.csv", "latin.csv", "none.csv")
    lines = message.splitlines()
    assert lines[0] == "14 mistakes in the sheets:"
    assert "ann.csv, row 2 (zzzz): the key has no rating id 'zzzz'" in lines[1]
    assert (
        f"ann.csv, row 4 ({ids[2]}): ann has rated this reply before, in ann.csv, row 3" in message
    )
    assert f"ann.csv, row 3 ({ids[2]}): the reply is not the exported one" in message
    assert f"ann.csv, row 5 ({ids[3]}): the reply is not the exported one but" in message
    for number, value in enumerate(["6", "4.5", "four", "1e0", "04-May", "nan"]):
        place = 6 + number + (number > 4)
        said = (
            f"ann.csv, row {place} ({ids[place - 2]}): the rating is {value!r}, not a whole number"
        )
        assert f"{said} from 1 to 5." in message
    assert "cut.csv has no column `rating`" in message
    assert "book.csv is a workbook. Save it as CSV" in message
    assert re.search(
        r"latin\.csv is not UTF-8 text \(byte \d+\)\. Save the sheet as `CSV UTF-8`", message
    )
    assert "none.csv does not exist." in message


def write_sheet(path, rows):
    import csv

    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_very_many_mistakes_are_counted():
    write_examples(map(str, range(120)))
    write_replies("many", map(str, range(120)))
    export_many = ["--model", "many=many.jsonl", "--n", 0]
    run("export", "many.csv", *export_many)
    rows = [row | {"rating": "9"} for row in sheet("many.csv")]
    write_sheet("ann.csv", rows)
    with pytest.raises(StillhouseError, match=r"^120 mistakes(?s:.)*and 20 more$"):
        run("import", "ann.csv", "--key", "many.key.json")


def test_a_sheet_of_another_export():
    fill("ann.csv", by_model)
    write_replies("beta", IDS, "something else about {id}")
    run("export", "other.csv", "--model", "beta=beta.jsonl")
    with pytest.raises(StillhouseError, match=r"ann\.csv is not of this key: it has none of its 8"):
        run("import", "ann.csv", "--key", "other.key.json")
    with pytest.raises(
        StillhouseError, match=r"sheets\.key\.json does not exist.*Did you mean 'sh"
    ):
        run("import", "ann.csv", "--key", "sheets.key.json")
    Path("sheet.key.json").write_text('{"seed": 0, "models": [], "rows": {}}')
    with pytest.raises(StillhouseError, match=r"sheet\.key\.json is not the key of a sheet"):
        run("import", "ann.csv", "--key", "sheet.key.json")


def test_ratings_of_a_smaller_sheet_stay_good():
    run(
        "export",
        "small.csv",
        "--model",
        "alpha=alpha.jsonl",
        "--model",
        "beta=beta.jsonl",
        "--n",
        3,
    )
    fill("ann.csv", by_model, rows=sheet("small.csv"))
    assert read("ann.csv")["rows"] == 3


def test_an_empty_sheet_says_so():
    fill("ann.csv", lambda *_: "")
    assert "ann.csv holds no rating: its column `rating` is empty." in fails("ann.csv")
    Path("ann.csv").write_text("")
    assert "ann.csv has no column `rating_id`" in fails("ann.csv")


def test_broken_csv_is_named():
    fill("ann.csv", by_model)
    text = Path("ann.csv").read_text()
    Path("ann.csv").write_text(text + 'x,"y" z,q,3,\n')
    assert "is not well-formed CSV" in fails("ann.csv")
    Path("ann.csv").write_text(text + "bcd,a,b,3,no,comma\n")
    assert "ann.csv, row 18, has 6 cells, but there are 5 columns" in fails("ann.csv")
    Path("ann.csv").write_text(text.replace("comment", "rating", 1))
    assert "ann.csv has two columns 'rating'" in fails("ann.csv")


def test_raters_are_named_by_file_by_option_or_by_column():
    Path("a").mkdir()
    fill("ann.csv", by_model)
    fill("a/ann.csv", by_model)
    assert "ann.csv and a/ann.csv are both of the rater 'ann'" in fails("ann.csv", "a/ann.csv")
    assert read("ann.csv", "ben=a/ann.csv")["ratings"] == {"ann": 16, "ben": 16}
    rows = [row | {"rater": "ann" if n % 2 else "ben"} for n, row in enumerate(sheet("ann.csv"))]
    write_sheet("both.csv", rows)
    assert read("both.csv")["ratings"] == {"ann": 8, "ben": 8}
    write_sheet("both.csv", [rows[0] | {"rater": " "}, *rows[1:]])
    assert "row 2 (" in fails("both.csv")
    assert "the column `rater` is empty" in fails("both.csv")
    write_sheet("both.csv", rows)
    assert "ann has rated this reply before, in ann.csv, row 3" in fails("ann.csv", "both.csv")


def test_raters_of_other_rows_each():
    fill("ann.csv", by_model, keep=lambda row: row["conversation"] < "What of r5")
    fill(
        "ben.csv",
        lambda *row: by_model(*row) - 1,
        keep=lambda row: row["conversation"] > "What of r3",
    )
    found = read("ann.csv", "ben.csv")
    assert found["ratings"] == {"ann": 10, "ben": 10}
    assert found["rows"] == 8
    assert found["alpha"]["ordinal"]["replies"] == 4  # rows r3 and r4, which "What of r3?" is in
    assert found["differences"][0]["difference"] == -2  # whoever is stricter


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("4", 4), (" 4 ", 4), ("4.0", 4), ("4,0", 4), ("'4", 4), ("4.00", 4), ("+4", 4), ("1", 1),
        ("5", 5), ("0", None),
        ("6", None), ("-1", None), ("4.5", None), ("4,5", None), ("4/5", None),
        ("4,000", None), ("1_0", None), ("1e0", None), ("", None), ("inf", None), ("4 5", None),
    ],
)  # fmt: skip
def test_what_a_rating_is(cell, value):
    assert Scale(1, 5).read(cell) == value


def test_other_scales():
    assert Scale(-2, 2).read("-1") == -1
    assert Scale(0, 1, fractions=True).read("0,25") == 0.25
    with pytest.raises(StillhouseError, match="`--scale 5 1` should go from the lowest"):
        Scale(5, 1)
    with pytest.raises(StillhouseError, match=r"`--scale 0\.5 5` has fractions"):
        Scale(0.5, 5)
    fill("ann.csv", lambda *_: "7,5")
    assert "not a whole number from 0 to 10" in fails("ann.csv", options=["--scale", 0, 10])
    found = read("ann.csv", options=["--scale", 0, 10, "--fractions"])
    assert found["scale"] == [0, 10]
    assert found["models"]["alpha"]["mean"] == 7.5
