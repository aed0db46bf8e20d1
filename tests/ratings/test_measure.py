"""The figures of ratings, and what is said of them."""

import json
from pathlib import Path

import pytest

from stillhouse.core import tables
from stillhouse.core.errors import StillhouseError
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

IDS = [f"r{number}" for number in range(20)]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_examples(IDS)
    write_lines(
        "long.jsonl",
        [{"id": id_, "reply": f"long {id_}" + " word" * n} for n, id_ in enumerate(IDS)],
    )
    write_replies("short", IDS, "short {id}")
    export("short", "long", options=["--n", 0])


def place(row):
    return int(row[1:])


def by_length(model, row):
    """Longer replies are better."""
    return 2 + place(row) // 5 if model == "long" else 2


def read(*sheets, options=()):
    return json.loads(run("import", *sheets, "--key", "sheet.key.json", "--json", *options).stdout)


def printed(*sheets, options=()):
    shown = run("import", *sheets, "--key", "sheet.key.json", *options).stdout
    assert max(map(len, shown.splitlines())) <= 80
    return shown


def test_means_and_differences_by_hand():
    fill("ann.csv", by_length)
    fill("ben.csv", lambda *row: by_length(*row) - 1)
    found = read("ann.csv", "ben.csv")
    long = found["models"]["long"]
    assert long["mean"] == pytest.approx(3.0)  # 2, 3, 4, 5 of one rater, and one less of the other
    assert long["raters"]["ann"]["mean"] == pytest.approx(3.5)
    assert long["raters"]["ben"]["mean_low"] < 2.5 < long["raters"]["ben"]["mean_high"]
    assert found["models"]["short"]["mean"] == 1.5
    (gap,) = found["differences"]
    assert (gap["one"], gap["other"], gap["rows"]) == ("short", "long", 20)
    assert gap["difference"] == pytest.approx(1.5)
    assert gap["p_value"] == pytest.approx(2 / 2**15, abs=1e-6)  # 15 rows differ, all to one side
    assert gap["significant"]
    assert found["length"]["value"] > 0.8
    assert found["length"]["models"]["short"]["value"] is None  # rated alike
    assert found["models"]["long"]["words"] == pytest.approx(2 + 9.5)


def test_what_is_printed():
    fill("ann.csv", by_length)
    fill("ben.csv", lambda model, row: max(1, by_length(model, row) - place(row) % 2))
    shown = printed("ann.csv", "ben.csv")
    assert "Ratings from 1 to 5: 40 replies to 20 rows, 2 raters" in shown
    assert "long is rated higher than short, significant at 5%." in shown
    assert "Intervals are over rows, of these 2 raters" in shown
    assert "of several raters: ordinal 0." in shown
    assert "points would be seen in 80% of trials." in shown
    assert "Length of the reply against its rating: Spearman 0." in shown
    assert "Judge" not in shown


def test_one_rater_has_no_alpha():
    fill("ann.csv", by_length)
    assert "One rater: Krippendorff's alpha needs two." in printed("ann.csv")
    assert read("ann.csv")["alpha"]["ordinal"]["value"] is None
    fill("ben.csv", lambda *_: 3, keep=lambda row: False)
    fill("ben.csv", lambda *_: 3)
    fill("cat.csv", lambda *_: 3)
    same = printed("ben.csv", "cat.csv")
    assert "alpha cannot be said: no reply has two ratings, or all are equal." in same
    assert "The difference is not significant at 5%, which does not show that there" in same


def test_few_rows_can_show_nothing():
    few = {"r1", "r2", "r3"}
    asked = {f"What of {row}?" for row in few}
    fill("ann.csv", lambda model, row: 5 if model == "long" else 1,
         keep=lambda row: row["conversation"] in asked)  # fmt: skip
    shown = printed("ann.csv")
    assert "With 3 rows no difference can be significant, whatever is seen" in shown
    assert "+4.00" in shown
    assert "significant at 5%, which does not show" in shown
    fill("ann.csv", by_length, keep=lambda row: row["reply"].startswith("long"))
    shown = printed("ann.csv")
    assert "short" not in shown
    assert "Differences" not in shown


def test_models_that_nobody_rated_side_by_side():
    fill("ann.csv", by_length, keep=lambda row: row["reply"].startswith("long"))
    fill("ben.csv", by_length, keep=lambda row: row["reply"].startswith("short"))
    shown = " ".join(printed("ann.csv", "ben.csv").split())
    assert "No rater rated short and long on the same row, so they are not compared." in shown
    assert "not significant" not in shown


def test_groups_of_rows_are_one_unit(tmp_path):
    fill("ann.csv", by_length)
    apart = read("ann.csv")
    tables.EXAMPLES.write_rows(
        row | {"group": f"g{place(row['id']) // 5}"} for row in tables.EXAMPLES.read_rows()
    )
    Path("sheet.csv").unlink()
    Path("sheet.key.json").unlink()
    export("short", "long", options=["--n", 0])
    found = read("ann.csv")
    long, before = found["models"]["long"], apart["models"]["long"]
    assert long["mean_high"] - long["mean_low"] > 1.5 * (before["mean_high"] - before["mean_low"])
    assert found["differences"][0]["groups"] == 4
    assert not found["differences"][0]["significant"]  # of four groups none can be
    assert "With 4 groups of rows no difference can be significant" in printed("ann.csv")


def test_the_order_of_sheets_is_no_matter_and_bytes_are_equal():
    fill("ann.csv", by_length)
    fill("ben.csv", lambda model, row: 1 + (place(row) * 7) % 5)
    outputs = ["--metrics", "metrics.json", "--csv", "all.csv"]
    run("import", "ann.csv", "ben.csv", "--key", "sheet.key.json", *outputs)
    one = Path("metrics.json").read_bytes(), Path("all.csv").read_bytes()
    run("import", "ben.csv", "ann.csv", "--key", "sheet.key.json", *outputs)
    assert (Path("metrics.json").read_bytes(), Path("all.csv").read_bytes()) == one
    assert json.loads(one[0]) == read("ben.csv", "ann.csv")


def test_every_rating_with_its_model():
    write_replies("short", IDS, "long {id}")  # for r0 both say the same
    Path("sheet.csv").unlink()
    Path("sheet.key.json").unlink()
    export("short", "long", options=["--n", 0])
    fill("ann.csv", by_length, rows=[row | {"comment": "=so \n"} for row in sheet()])
    run("import", "ann.csv", "--key", "sheet.key.json", "--csv", "all.csv")
    lines = sheet("all.csv")
    assert len(lines) == 40
    assert lines[0] | {"rating_id": ""} == {
        "row": "r0", "model": "long", "rating_id": "", "rater": "ann", "rating": "2",
        "comment": "'=so",
    }  # fmt: skip
    assert lines[0]["rating_id"] == lines[1]["rating_id"]
    assert read("ann.csv")["replies"] == 39


def scores(by):
    known = key().ratings.values()
    return [
        {"id": rated.row, "model": rated.models[0], "score": by(rated.models[0], rated.row)}
        for rated in known
    ]


def test_a_judge_by_model():
    fill("ann.csv", by_length)
    # Two turns each: it is their mean that counts; one has no verdict.
    lines = [line | {"score": line["score"] + d} for line in scores(by_length) for d in (-1, 1)]
    write_lines("judge.jsonl", [*lines, {"id": "r1", "model": "long", "score": None},
                                {"id": "elsewhere", "model": "long", "score": 1}])  # fmt: skip
    found = read("ann.csv", options=["--judge", "judge.jsonl"])
    assert found["judge"]["value"] == pytest.approx(1)
    assert found["judge"]["replies"] == 40
    assert found["judge"]["models"]["long"]["value"] == pytest.approx(1)
    assert found["models"]["long"]["judge"] == pytest.approx(3.5)
    shown = printed("ann.csv", options=["--judge", "judge.jsonl"])
    assert "Judge (judge.jsonl), 40 of 40 replies: Spearman 1.00 (no interval)" in shown
    write_lines("judge.jsonl", scores(lambda model, row: -by_length(model, row) + place(row) % 2))
    found = read("ann.csv", options=["--judge", "judge.jsonl"])
    assert -1 < found["judge"]["value_low"] < found["judge"]["value"] < found["judge"]["value_high"]
    assert found["judge"]["value_high"] < 0


def test_a_judge_by_reply():
    fill("ann.csv", by_length)
    lines = [{"id": "r1", "reply": "short r1", "score": 4}, {"id": "r2", "reply": "no", "score": 1}]
    write_lines("judge.jsonl", lines)
    found = read("ann.csv", options=["--judge", "judge.jsonl"])
    assert found["models"]["short"]["judge"] == 4
    assert found["judge"]["value"] is None  # of one reply


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"id": "r1", "score": 1}, r"judge\.jsonl:1 needs `id`, `score`, and `model` or `reply`"),
        ({"id": "r1", "model": "longer", "score": 1}, "but 'longer'. Did you mean 'long'"),
        ({"id": "r1", "model": "long", "score": "good"}, "`score` is 'good', not a number"),
        ({"id": "x", "model": "long", "score": 1}, "has no score of a reply that the key has"),
    ],
)
def test_judges_that_cannot_be_used(line, said):
    fill("ann.csv", by_length)
    write_lines("judge.jsonl", [line])
    with pytest.raises(StillhouseError, match=said):
        read("ann.csv", options=["--judge", "judge.jsonl"])
    with pytest.raises(StillhouseError, match=r"none\.jsonl does not exist"):
        read("ann.csv", options=["--judge", "none.jsonl"])


def test_the_projects_own_verdicts_count_where_the_replies_are_the_same():
    fill("ann.csv", by_length)
    parsed = {"sample": 0, "rationale": None, "status": "ok"}
    tables.PARSED.write_rows(
        parsed | {"id": id_, "label": "other" if id_ == "r0" else f"short {id_}"} for id_ in IDS
    )
    tables.FEEDBACK_PREDICTIONS.write_rows(
        {"id": id_, "prediction": f"long {id_}" + " word" * place(id_)} for id_ in IDS[:10]
    )
    assert "judge" not in read("ann.csv")  # no verdicts yet
    tables.VERDICTS.write_rows(
        {"id": id_, "asked": asked, "teacher_score": teacher, "student_score": 6.0 + place(id_) % 3}
        for id_ in IDS[:10]
        for asked, teacher in (("teacher_first", 1.0), ("student_first", 3.0), ("metric", 9.0))
    )
    found = read("ann.csv")
    assert found["judge"]["replies"] == 19  # the teacher's label of r0 is another
    assert found["models"]["short"]["judge"] == 2.0
    shown = printed("ann.csv")
    assert "Judge (data/feedback/verdicts.parquet), 19 of 40 replies" in shown
