"""Asking a saved student through the command, from a copy of its folder and nothing else."""

import csv
import io
import json
import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from stillhouse import cli
from stillhouse.config.student import StudentDecoding
from stillhouse.core.errors import StillhouseError
from stillhouse.deployment.asker import Asker
from stillhouse.evaluate.calibration import softmax
from stillhouse.students.folder import load_student
from stillhouse.students.predict import predict_answers, predict_labels, predict_rationales
from stillhouse.students.serving import read_serving
from tests.conftest import REPOSITORY
from tests.deployment.conftest import CPU, DECODING, FREE, MEASURED, TWO, serve_with

TEXTS = ["how many apples?", 'sehr schön, "wirklich" 😀', "zwei\nZeilen, 42 foxes", "it's; ok\ttab"]
CHOICES = ["good", "bad"]
COMMAND = "from stillhouse.cli import main; main()"


def predict(*arguments, stdin=""):
    result = CliRunner().invoke(
        cli.app,
        ["predict", "--student", "copy", *map(str, arguments)],
        input=stdin,
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    return result


def fails(*arguments, stdin=""):
    with pytest.raises(StillhouseError) as error:
        predict(*arguments, stdin=stdin)
    return str(error.value)


def query(text):
    return f"Review: {text}\nGood or bad?"


def expected(folder, texts=TEXTS, temperature=1.0, decode="choices"):
    """Label and score of each text, of the queries as the dataset writes them."""
    queries = {text: query(text) for text in texts}
    choices = dict.fromkeys(texts, CHOICES)
    decoding = DECODING.model_copy(update={"decode": decode})
    found = predict_answers(
        load_student(folder / "model"), queries, decoding, CPU, choices, quiet=True
    )
    scores = {text: softmax(each.likelihoods, temperature) for text, each in found.items()}
    return [(found[text].label, round(max(scores[text]), 4)) for text in texts]


@pytest.fixture
def choosing(elsewhere):
    """A student that chooses among good and bad."""
    serve_with(elsewhere, decoding=DECODING.model_copy(update={"decode": "choices"}))
    return elsewhere


def write_csv(name, header, rows):
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def read_csv(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_table_comes_back_whole_with_what_is_predicted_of_each_row(choosing):
    write_csv("new.csv", ["id", "text", "n"], [[f"r{i % 2}", t, i] for i, t in enumerate(TEXTS)])
    found = read_csv(predict("--file", "new.csv", "--batch-size", 3).stdout)
    wanted = expected(choosing)
    assert [(row["prediction"], float(row["score"])) for row in found] == wanted
    assert [(row["id"], row["text"], row["n"]) for row in found] == [
        (f"r{i % 2}", t, str(i)) for i, t in enumerate(TEXTS)
    ]
    assert list(found[0]) == ["id", "text", "n", "prediction", "score"]


@pytest.mark.parametrize("suffix", [".tsv", ".jsonl", ".json", ".parquet"])
def test_other_tables_come_back_in_their_own_form(choosing, suffix):
    rows = [{"id": 7 - i, "text": text, "stars": 0.5} for i, text in enumerate(TEXTS)]
    file, out = Path(f"new{suffix}"), Path(f"out{suffix}")
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif suffix == ".tsv":
        lines = [rows[0].keys(), *(row.values() for row in rows)]
        with file.open("w", newline="") as opened:
            csv.writer(opened, delimiter="\t").writerows(lines)
    elif suffix == ".json":
        file.write_text(json.dumps(rows))
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    predict("--file", file, "--out", out)
    wanted = [
        row | {"prediction": label, "score": score}
        for row, (label, score) in zip(rows, expected(choosing), strict=True)
    ]
    if suffix == ".parquet":
        table = pq.read_table(out)
        assert table.to_pylist() == wanted
        assert table.schema.field("id").type == pa.int64()
    elif suffix == ".tsv":
        with out.open(newline="") as opened:
            assert list(csv.DictReader(opened, delimiter="\t")) == [
                {name: str(value) for name, value in row.items()} for row in wanted
            ]
    elif suffix == ".json":
        assert json.loads(out.read_text()) == wanted
    else:
        assert [json.loads(line) for line in out.read_text().splitlines()] == wanted


def test_a_row_that_cannot_be_asked_keeps_its_place_and_is_counted(choosing):
    write_csv("new.csv", ["text"], [[TEXTS[0]], [" "], [TEXTS[1]], ["\u200b"]])
    result = predict("--file", "new.csv")
    found = read_csv(result.stdout)
    assert [bool(row["prediction"]) for row in found] == [True, False, True, False]
    assert found[1]["score"] == ""
    assert "2 of 4 rows without a prediction: empty `text` (new.csv:3, new.csv:5)" in result.stderr


def test_what_is_too_long_is_cut_and_counted(choosing):
    write_csv("new.csv", ["text"], [["short"], ["word " * 20_000]])
    result = predict("--file", "new.csv")
    assert all(row["prediction"] for row in read_csv(result.stdout))
    assert "1 of 2 rows lost the end of the query" in result.stderr
    assert "max_query_tokens is 128): new.csv:3" in result.stderr


def test_scores_are_calibrated_where_the_folder_says_how(choosing):
    decoding = DECODING.model_copy(update={"decode": "choices"})
    plain = predict(TEXTS[0])
    assert "scores are not calibrated" in plain.stderr
    serve_with(choosing, decoding=decoding, measured=MEASURED)
    scaled = predict(TEXTS[0])
    assert "scores are calibrated on 40 validation rows" in scaled.stderr
    ((label, score),) = expected(choosing, TEXTS[:1], temperature=2.0)
    assert scaled.stdout == f"{label}\t{score}\n"
    assert plain.stdout != scaled.stdout


def test_a_generated_label_has_a_score_only_where_it_is_a_choice(elsewhere):
    result = predict(TEXTS[0])
    label, score = result.stdout.removesuffix("\n").split("\t")
    assert label
    assert score == ""
    assert "without a score: the prediction is none of the choices" in result.stderr
    asked = {"a": query(TEXTS[0])}
    labels = predict_labels(load_student(elsewhere / "model"), asked, DECODING, CPU)
    serve_with(elsewhere, FREE | {"choices": "options", "columns": ["text", "options"]})
    row = {"text": TEXTS[0], "options": [labels["a"], "something else"]}
    (line,) = predict("--jsonl", stdin=json.dumps(row)).stdout.splitlines()
    assert 0 < json.loads(line)["score"] <= 1


def test_without_choices_a_score_is_that_of_the_whole_text(elsewhere):
    serve_with(elsewhere, FREE, metric="exact")
    result = predict(TEXTS[0])
    assert 0 < float(result.stdout.split("\t")[1]) < 1
    assert "scores are probabilities of the whole text" in result.stderr


def test_lines_are_answered_in_their_places_and_text_files_too(choosing):
    texts = [TEXTS[0], "", TEXTS[3]]
    wanted = [f"{label}\t{score}" for label, score in expected(choosing, [TEXTS[0], TEXTS[3]])]
    wanted.insert(1, "\t")
    assert predict(stdin="\n".join(texts)).stdout.splitlines() == wanted
    Path("queries.txt").write_text("\n".join(texts))
    assert predict("--file", "queries.txt").stdout.splitlines() == wanted
    predict("--file", "queries.txt", "--out", "out.csv")
    found = read_csv(Path("out.csv").read_text())
    assert [row["text"] for row in found] == texts
    assert [f"{row['prediction']}\t{row['score']}" for row in found] == wanted


def test_json_lines_keep_all_they_have_and_give_the_rationale_when_asked(choosing):
    rows = [{"id": i, "text": text} for i, text in enumerate(TEXTS)]
    stdin = "".join(json.dumps(row) + "\n" for row in rows)
    found = [json.loads(line) for line in predict("--jsonl", stdin=stdin).stdout.splitlines()]
    assert found == [
        row | {"prediction": label, "score": score}
        for row, (label, score) in zip(rows, expected(choosing), strict=True)
    ]
    explained = predict("--jsonl", "--rationale", stdin=stdin).stdout.splitlines()
    queries = {text: query(text) for text in TEXTS}
    reasons = predict_rationales(load_student(choosing / "model"), queries, CPU)
    assert {row["text"]: row["rationale"] for row in map(json.loads, explained)} == reasons


def test_what_is_written_already_needs_no_template(choosing):
    wanted = predict(TEXTS[0]).stdout
    assert predict("--raw", query(TEXTS[0])).stdout == wanted
    line = json.dumps({"query": query(TEXTS[0])})
    found = json.loads(predict("--raw", "--jsonl", stdin=line).stdout)
    assert f"{found['prediction']}\t{found['score']}\n" == wanted
    line = json.dumps({"query": query(TEXTS[0]), "choices": ["yes", "no", "42"]})
    assert json.loads(predict("--raw", "--jsonl", stdin=line).stdout)["prediction"] in (
        "yes",
        "no",
        "42",
    )


def test_the_model_alone_takes_queries_as_they_are(elsewhere):
    """Up to as many tokens as it was trained to write."""
    decoding = StudentDecoding(max_tokens=12)
    labels = predict_labels(load_student(elsewhere / "model"), {"a": TEXTS[0]}, decoding, CPU)
    stdin = json.dumps({"query": TEXTS[0]})
    found = predict("--student", "copy/model", "--jsonl", stdin=stdin).stdout
    assert json.loads(found)["prediction"] == labels["a"]


def test_several_columns_want_a_table(elsewhere):
    serve_with(elsewhere, TWO)
    said = fails("a text")
    assert "made of 3 columns: title, full text, options" in said
    assert "--file" in said
    assert "--raw" in said
    assert "made of 3 columns" in fails(stdin="a line\n")
    row = {"title": "a", "full text": "b", "options": ["x", "y"]}
    assert json.loads(predict("--jsonl", stdin=json.dumps(row)).stdout)["prediction"]
    asker = Asker(elsewhere, CPU)
    asked = asker.of_row(row, "here")
    assert (asked.text, asked.choices) == ("a: b", ("x", "y"))
    assert asker.of_row(row | {"title": ""}, "here").text == ": b"
    assert asker.of_row(row | {"full text": None}, "here").problem == "empty `full text`"


def test_a_table_is_read_with_the_quotes_of_the_training_rows(elsewhere):
    serve_with(elsewhere, TWO | {"choices": [], "columns": ["title", "full text"]})
    Path("new.tsv").write_text('title|full text\na "b" c|"as it is\n')
    result = predict("--file", "new.tsv", "--out", "out.jsonl")
    assert "1 row in out.jsonl" in result.stderr
    (row,) = map(json.loads, Path("out.jsonl").read_text().splitlines())
    assert (row["title"], row["full text"]) == ('a "b" c', '"as it is')


def test_a_column_that_is_not_there_is_named_with_the_near_ones(choosing):
    write_csv("new.csv", ["txt", "other"], [["good", "1"]])
    said = fails("--file", "new.csv")
    assert "new.csv has no column 'text', as the training rows have. Did you mean 'txt'" in said
    result = predict("--jsonl", stdin='{"txt": "good"}\n{"text": "good"}\n')
    assert [json.loads(line)["score"] is None for line in result.stdout.splitlines()] == [
        True,
        False,
    ]
    assert "1 of 2 rows without a prediction: no column `text`. Did you mean 'txt'" in result.stderr


def test_a_template_may_do_without_a_column(elsewhere):
    inputs = FREE | {"query": "{{ text | default('') }} {{ other }}", "columns": ["text", "other"]}
    serve_with(elsewhere, inputs)
    write_csv("new.csv", ["other"], [["good"]])
    assert read_csv(predict("--file", "new.csv").stdout)[0]["prediction"]


def test_nothing_is_overwritten(choosing):
    write_csv("new.csv", ["text"], [["good"]])
    Path("out.csv").write_text("mine")
    assert "out.csv exists" in fails("--file", "new.csv", "--out", "out.csv")
    assert Path("out.csv").read_text() == "mine"
    predict("--file", "new.csv", "--out", "out.csv", "--force")
    said = fails("--file", "out.csv")
    assert "has a column 'prediction' already" in said
    names = read_csv(predict("--file", "out.csv", "--prefix", "new_").stdout)[0]
    assert list(names) == ["text", "prediction", "score", "new_prediction", "new_score"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["new.csv"], "new.csv is a file. Did you mean `--file new.csv`?"),
        (["nwe.csv"], "nwe.csv looks like a file, and there is none of that name. Did you mean"),
        (["copy", "why?"], "copy is a student's folder, not a text: give it with --student"),
        (["great", "food"], "There are 2 texts, the second 'food'"),
        ([" "], "The text is empty"),
        (["why?", "--student", "coyp"], "There is no folder coyp. Did you mean 'copy'"),
        (["why?", "--student", "."], "neither it nor its model/ has a stillhouse.json"),
        (["why?", "--file", "new.csv"], "Give a text or --file, not both"),
        (["why?", "--out", "a.csv"], "--out is for a table"),
        (["--file", "nwe.csv"], "nwe.csv does not exist. Did you mean 'new.csv'"),
        (["--file", "empty.txt"], "empty.txt has no text in it"),
        (["--file", "blank.csv"], "No query can be made of the input: empty `text`"),
        (["--file", "new.csv", "--out", "a.doc"], "cannot write a .doc file"),
        (["--file", "new.csv", "--out", "copy"], "copy is a folder"),
        ([], "There is no query"),
    ],
)
def test_a_mistake_says_what_to_do(choosing, arguments, says):
    write_csv("new.csv", ["text"], [["good"]])
    write_csv("blank.csv", ["text", "n"], [["", "1"], [" ", "2"]])
    Path("empty.txt").write_text("\n")
    assert says in fails(*arguments)


def test_without_a_student_or_a_project_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StillhouseError, match=r"no params\.yaml here .* --student"):
        CliRunner().invoke(cli.app, ["predict", "a text"], catch_exceptions=False)


def test_a_student_of_labels_alone_cannot_explain(elsewhere):
    manifest = elsewhere / "model/stillhouse.json"
    manifest.write_text(manifest.read_text().replace('"rationales": 5', '"rationales": 0'))
    assert "trained on labels alone" in fails("--rationale", "why?")


def test_a_folder_of_an_earlier_version_says_what_to_do(elsewhere):
    (elsewhere / "serving.json").rename(elsewhere / "decoding.json")
    said = fails("why?")
    assert "of an earlier version: it has decoding.json and no serving.json" in said
    assert "dvc repro evaluate" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"text": "a"}\nnope', "standard input:2 is not well-formed JSON"),
        ('["a"]', "standard input:1 should be a JSON object"),
    ],
)
def test_a_line_that_is_no_object_is_named(choosing, text, says):
    assert says in fails("--jsonl", stdin=text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("serving.json", "[" * 200_000),
        ("serving.json", "[]"),
        ("serving.json", '{"format": 99}'),
        ("serving.json", '{"format": 1, "query": "{{ text"}'),
        ("model/stillhouse.json", "[" * 200_000),
        ("model/stillhouse.json", '{"format": 1}'),
        ("model/config.json", "{"),
        ("model/model.safetensors", "half"),
    ],
)
def test_a_damaged_student_is_one_message(elsewhere, name, text):
    (elsewhere / name).write_text(text)
    said = fails("two nuts")
    assert str(Path("copy") / name) in said
    assert len(said) < 1000


def test_half_characters_and_bytes_that_are_no_text(choosing):
    """A terminal gives lone surrogates for bytes that are no UTF-8, JSON for a cut emoji."""
    asker = Asker(choosing, CPU)
    assert asker.of_text("caf\udce9?").text == query("caf\ufffd?")
    Path("new.JSONL").write_text('{"text": "half \\ud83d"}\n')
    assert "half" in predict("--file", "new.JSONL").stdout
    Path("latin.txt").write_bytes("café?\n".encode("latin-1"))
    assert "latin.txt is not UTF-8 text" in fails("--file", "latin.txt")
    assert "standard input is not UTF-8 text" in fails(stdin="café?\n".encode("latin-1"))
    Path("marked.txt").write_text("one?\n\ufefftwo?\n", encoding="utf-16")
    assert len(predict("--file", "marked.txt").stdout.splitlines()) == 2


def process(fast, *arguments, **options):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    return subprocess.Popen(
        [
            fast / "python",
            "-c",
            COMMAND,
            "predict",
            "--student",
            "copy",
            "--device",
            "cpu",
            *arguments,
        ],
        env=environment,
        **options,
    )


def test_a_line_is_answered_before_the_next_one_comes(choosing, fast):
    pipe = subprocess.PIPE
    with process(fast, stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1) as asked:
        for text, (label, score) in zip(TEXTS[:2], expected(choosing, TEXTS[:2]), strict=True):
            asked.stdin.write(f"{text}\n")
            asked.stdin.flush()
            assert asked.stdout.readline() == f"{label}\t{score}\n"
        asked.stdin.close()
        assert asked.wait() == 0


def test_questions_at_a_prompt_are_answered_in_turn(choosing, fast):
    wanted = [f"{label}\t{score}" for label, score in expected(choosing, TEXTS[:1])]
    ours, theirs = pty.openpty()
    with process(fast, stdin=theirs, stdout=theirs, stderr=theirs) as asked:
        os.close(theirs)
        shown = ""
        for answered in range(2):
            os.write(ours, f"{TEXTS[0]}\n".encode())
            shown = _read_until(
                ours, shown, lambda text, n=answered + 1: text.count(wanted[0]) == n
            )
        os.write(ours, b"\x04")
        assert asked.wait() == 0
    os.close(ours)
    assert "A text a line; end with Ctrl-D" in shown


def _read_until(terminal, shown, enough):
    ended = time.monotonic() + 120
    while not enough(shown) and time.monotonic() < ended:
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 4096).decode().replace("\t", "\t")
    assert enough(shown), shown
    return shown


def test_the_folder_says_what_it_is_asked(choosing):
    serving = read_serving(choosing)
    assert serving.labels == ("good", "bad")
    assert serving.versions.keys() == {"stillhouse", "transformers"}
    serve_with(choosing, TWO)
    assert read_serving(choosing).labels is None
