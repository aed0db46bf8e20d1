"""The blind sheet and its key."""

import json
from pathlib import Path

import pytest

from stillhouse.core import tables
from stillhouse.core.errors import StillhouseError
from tests.ratings.project import (
    export,
    key,
    run,
    sheet,
    write_examples,
    write_lines,
    write_replies,
)

IDS = [f"r{number}" for number in range(40)]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_examples(IDS)
    write_replies("alpha", IDS, "reply one {id}")
    write_replies("beta", IDS, "reply two {id}")


def again():
    for name in ("sheet.csv", "sheet.key.json"):
        Path(name).unlink()


def test_a_sheet_hides_the_models_and_the_key_names_them():
    done = export("alpha", "beta", options=["--n", 10])
    assert done.stdout.splitlines() == [
        "20 replies to 10 rows in sheet.csv",
        "The key is sheet.key.json: keep it from the raters.",
    ]
    rows, known = sheet(), key()
    assert list(rows[0]) == ["rating_id", "conversation", "reply", "rating", "comment"]
    text = Path("sheet.csv").read_text("utf-8-sig")
    assert "alpha" not in text
    assert "beta" not in text
    assert len(rows) == len(known.ratings) == 20
    for row in rows:
        rated = known.ratings[row["rating_id"]]
        said = {"alpha": "one", "beta": "two"}[rated.models[0]]
        assert row["reply"] == f"reply {said} {rated.row}"
        assert row["conversation"] == f"What of {rated.row}?"
        assert row["rating"] == row["comment"] == ""
        assert (rated.words, rated.characters) == (3, len(row["reply"]))
    # Replies to one row stand together, and either model comes first now and then.
    asked = [row["conversation"] for row in rows]
    assert asked[::2] == asked[1::2]
    first = {known.ratings[row["rating_id"]].models for row in rows[::2]}
    assert len(first) == 2


def test_equal_inputs_give_equal_bytes_and_a_larger_sheet_goes_on():
    export("alpha", "beta", options=["--n", 10])
    before = [Path(name).read_bytes() for name in ("sheet.csv", "sheet.key.json")]
    export("alpha", "beta", options=["--n", 10])  # the same again is no mistake
    assert [Path(name).read_bytes() for name in ("sheet.csv", "sheet.key.json")] == before
    small = sheet()
    again()
    export("alpha", "beta", options=["--n", 0])
    assert sheet()[:20] == small
    assert len(sheet()) == 80
    again()
    export("alpha", "beta", options=["--n", 10, "--seed", 1])
    assert not {row["rating_id"] for row in sheet()} & {row["rating_id"] for row in small}


def test_the_order_of_a_row_knows_no_model():
    export("alpha", "beta", options=["--n", 10])
    rows = sheet()
    again()
    export("beta", "alpha", options=["--n", 10])
    assert sheet() == rows
    assert key().models == ("beta", "alpha")


def test_what_exists_is_not_overwritten():
    export("alpha", "beta")
    filled = Path("sheet.csv").read_text("utf-8-sig").replace(",,", ",4,")
    Path("sheet.csv").write_text(filled)
    with pytest.raises(StillhouseError, match=r"sheet\.csv exists and holds something else"):
        export("alpha", "beta")
    assert Path("sheet.csv").read_text() == filled
    with pytest.raises(StillhouseError, match="cannot be both sheet and key"):
        export("alpha", options=["--key", "sheet.csv"])


def test_a_reply_that_several_gave_stands_there_once():
    write_lines(
        "beta.jsonl", [{"id": "r1", "reply": "reply  one\r\nr1"}, {"id": "r2", "reply": "x"}]
    )
    write_lines(
        "alpha.jsonl", [{"id": "r1", "reply": "reply  one\nr1 "}, {"id": "r2", "reply": "y"}]
    )
    assert "38 rows are left out: not every model replied" in export("alpha", "beta").stderr
    models = sorted(rated.models for rated in key().ratings.values())
    assert models == [("alpha",), ("alpha", "beta"), ("beta",)]


def test_tables_of_the_project_are_sources():
    prediction = {"normalised": None, "score": 1.0}
    predictions = tables.predictions("seed=0")
    predictions.write_rows({"id": id_, "prediction": f"p {id_}"} | prediction for id_ in IDS)
    completion = {"reasoning": None, "finish_reason": "stop"}
    completion |= {"prompt_tokens": 1, "completion_tokens": 1}
    tables.COMPLETIONS.write_rows(
        {"id": id_, "sample": sample, "text": f"t{sample} {id_}"} | completion
        for id_ in IDS
        for sample in (0, 1)
    )
    Path("params.yaml").write_text("seeds: [0]\n")
    sources = {
        "student": "workspace",
        "teacher": "data/completions.parquet",
        "gold": "data/examples.parquet",
        "file": f"workspace:{predictions.path}",
    }
    named = [part for item in sources.items() for part in ("--model", "=".join(item))]
    run("export", "sheet.csv", *named, "--n", 1)
    (row,) = {rated.row for rated in key().ratings.values()}
    said = {row["reply"]: key().ratings[row["rating_id"]].models for row in sheet()}
    assert said == {
        f"p {row}": ("student", "file"),
        f"t0 {row}": ("teacher",),
        "gold": ("gold",),
    }


def test_conversations_of_ones_own_and_transcripts():
    turn = {"role": "user", "content": "=cmd|'/c calc'!A1"}
    write_lines("rows.jsonl", [{"id": 7, "messages": [turn]}, {"id": 8, "query": 5}])
    said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    write_lines("alpha.jsonl", [{"id": 7, "prediction": said}, {"id": "8", "prediction": 5}])
    Path("data/examples.parquet").unlink()
    export("alpha", options=["--conversations", "rows.jsonl"])
    shown = {row["conversation"]: row["reply"] for row in sheet()}
    assert shown == {"'=cmd|'/c calc'!A1": "User: a\n\nAssistant: b", "5": "5"}
    write_lines("rows.jsonl", [{"id": 7}])
    with pytest.raises(StillhouseError, match=r"rows\.jsonl:1 needs `id`, and `query` or"):
        export("alpha", options=["--conversations", "rows.jsonl"])


def test_groups_are_in_the_key_and_long_texts_are_warned_of():
    write_examples(IDS, group="g")
    write_replies("alpha", IDS[:1], "x" * 40_000)
    assert "spreadsheets cut the texts of" in export("alpha").stderr
    assert {rated.group for rated in key().ratings.values()} == {"g"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Name the models to rate, such as"),
        (["--model", "alpha"], "`--model alpha` should be NAME=SOURCE"),
        (["--model", "=alpha.jsonl"], "should be NAME=SOURCE"),
        (["--model", "a=alpha.jsonl", "--model", "a=beta.jsonl"], "Two models are called 'a'"),
        (["--model", "a=alhpa.jsonl"], r"alhpa\.jsonl does not exist\. Did you mean 'alpha"),
        (["--model", "a=odd.jsonl"], r"odd\.jsonl, row 1 needs `id` and one of `reply`.* answer"),
        (["--model", "a=twice.jsonl"], r"row 2: the id 'r1' is there a second time"),
        (["--model", "a=else.jsonl"], r"1 ids of 'else\.jsonl' are not in data.*, the first 'zz'"),
        (["--model", "a=list.jsonl"], r"the reply of 'a' to row 'r1' should be a text or"),
        (["--model", "a=alpha.jsonl", "--split", "tset"], "No row is of the split 'tset'.*'test'"),
        (
            ["--model", "a=alpha.jsonl", "--model", "b=null.jsonl"],
            "40 rows replied a to 40, b to 0",
        ),
    ],
)
def test_mistakes_say_what_is_wrong(options, said):
    write_lines("odd.jsonl", [{"id": "r1", "answer": "x"}])
    write_lines("twice.jsonl", [{"id": "r1", "reply": "x"}] * 2)
    write_lines("else.jsonl", [{"id": "r1", "reply": "x"}, {"id": "zz", "reply": "x"}])
    write_lines("list.jsonl", [{"id": "r1", "reply": ["x"]}])
    write_lines("null.jsonl", [{"id": "r1", "reply": None}])
    with pytest.raises(StillhouseError, match=said):
        run("export", "sheet.csv", *options)
    assert not Path("sheet.csv").exists()
    assert not Path("sheet.key.json").exists()


def test_the_key_is_plain_json():
    export("alpha", options=["--n", 1])
    values = json.loads(Path("sheet.key.json").read_text())
    assert values["seed"] == 0
    assert values["models"] == ["alpha"]
    (rated,) = values["ratings"].values()
    assert rated.keys() == {"row", "group", "models", "reply", "words", "characters"}
