"""Asking a saved student through the command, from a copy of its folder and nothing else."""

import io
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillhouse import cli
from stillhouse.config.student import StudentCompute, StudentConf, StudentDecoding
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_json
from stillhouse.deployment.predict import predict_queries
from stillhouse.deployment.queries import Query, read_queries
from stillhouse.sources.pin import pin
from stillhouse.students.folder import load_student, save_student, untrained_student
from stillhouse.students.predict import predict_labels, predict_rationales

QUERIES = ["how many apples?", "the lazy dog jumps", "42 foxes over the dog"]
CPU = StudentCompute(device="cpu")
DECODING = StudentDecoding(max_tokens=6, stop=("\n",))


@pytest.fixture(scope="module")
def trained(tiny_models, tmp_path_factory) -> Path:
    """A student's folder, as the stages leave it."""
    conf = StudentConf.model_validate(
        {
            "description": "tiny",
            "model": {
                "family": "decoder",
                "source": pin(tiny_models / "decoder"),
                "max_query_tokens": 128,
                "max_target_tokens": 12,
            },
            "templates": {
                "query": "{{ query }}\n{{ prefix }}",
                "target": " {{ target }}",
                "label_prefix": "Answer:",
                "rationale_prefix": "Explain:",
            },
            "training": {"epochs": 1, "batch_size": 4, "learning_rate": 1e-2},
            "decoding": {"max_tokens": 6},
        }
    )
    folder = tmp_path_factory.mktemp("trained") / "seed=0"
    save_student(folder / "model", untrained_student(conf), "float32", {"rationales": 5})
    write_json(folder / "decoding.json", DECODING.model_dump())
    return folder


@pytest.fixture
def elsewhere(trained, tmp_path, monkeypatch) -> Path:
    """A copy of the folder, with no repository around it."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(trained, tmp_path / "copy")


def predict(*arguments, stdin=""):
    result = CliRunner().invoke(
        cli.app, ["predict", *map(str, arguments)], input=stdin, catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def expected(folder):
    queries = {query: query for query in QUERIES}
    found = predict_labels(load_student(folder / "model"), queries, DECODING, CPU)
    return [found[query] for query in QUERIES]


def as_shown(label):
    """One line; what a terminal might obey is spelt out."""
    line = " ".join(label.split())
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def test_text_lines_and_files_are_answered_as_the_test_rows_were(elsewhere):
    labels = expected(elsewhere)
    assert any(labels)
    shown = [as_shown(label) for label in labels]
    assert predict(elsewhere, QUERIES[0]) == shown[:1]
    assert predict(elsewhere, "--batch-size", 2, stdin="\n".join(QUERIES)) == shown
    Path("queries.txt").write_text("\n\n".join(QUERIES))
    assert predict(elsewhere, "--file", "queries.txt") == shown
    Path("rows.csv").write_text("query,label\n" + "".join(f"{query},x\n" for query in QUERIES))
    assert predict(elsewhere, "--file", "rows.csv") == shown


def test_json_lines_keep_ids_and_order_and_give_the_rationale_when_asked(elsewhere):
    rows = [{"id": f"r{9 - i}", "query": query} for i, query in enumerate(QUERIES)]
    stdin = "".join(json.dumps(row) + "\n" for row in rows)
    found = [json.loads(line) for line in predict(elsewhere, "--jsonl", stdin=stdin)]
    assert found == [
        row | {"prediction": label} for row, label in zip(rows, expected(elsewhere), strict=True)
    ]
    explained = predict(elsewhere, "--jsonl", "--rationale", stdin=stdin)
    reasons = {row["query"]: row["rationale"] for row in map(json.loads, explained)}
    queries = {query: query for query in QUERIES}
    assert reasons == predict_rationales(load_student(elsewhere / "model"), queries, CPU)


def test_a_choice_is_made_among_a_rows_choices_and_decoded_freely_without_them(elsewhere):
    write_json(elsewhere / "decoding.json", DECODING.model_dump() | {"decode": "choices"})
    row = {"query": QUERIES[0], "choices": ["yes", "no"]}
    (line,) = predict(elsewhere, "--jsonl", stdin=json.dumps(row))
    assert json.loads(line)["prediction"] in ("yes", "no")
    assert predict(elsewhere, QUERIES[0]) == [as_shown(expected(elsewhere)[0])]


def test_the_model_alone_predicts_up_to_what_it_was_trained_to(elsewhere):
    assert len(predict(elsewhere / "model", QUERIES[0])) == 1


def test_a_student_of_labels_alone_cannot_explain(elsewhere):
    manifest = elsewhere / "model/stillhouse.json"
    manifest.write_text(manifest.read_text().replace('"rationales": 5', '"rationales": 0'))
    with pytest.raises(StillhouseError, match="trained on labels alone"):
        predict(elsewhere, "--rationale", "why?")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["coyp", "why?"], "no folder coyp. Did you mean 'copy'"),
        (["."], "neither it nor its model/ has a stillhouse.json"),
        ([], "params.yaml does not exist"),
        (["copy", "--file", "qeries.txt"], "Did you mean 'queries.txt'"),
        (["copy", "--file", "empty.txt"], "There is no query"),
        (["copy", " "], "`query` is ' '"),
    ],
)
def test_a_mistake_says_what_to_do(elsewhere, arguments, says):
    Path("queries.txt").write_text("why?\n")
    Path("empty.txt").write_text("\n")
    with pytest.raises(StillhouseError) as error:
        predict(*arguments)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"query": "a"}\nnope', "standard input:2 is not well-formed JSON"),
        ('["a"]', "standard input:1 should be a JSON object"),
        ('{"qeury": "a"}', "has no `query`. Did you mean 'qeury'"),
        ('{"query": {"a": 1}}', "`query` is {'a': 1}"),
        ('{"query": "a", "id": 1}\n{"query": "b", "id": 1}', "The id '1' occurs twice"),
    ],
)
def test_a_line_that_is_no_query_is_named(text, says):
    with pytest.raises(StillhouseError) as error:
        read_queries(None, None, io.StringIO(text), json_lines=True)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("decoding.json", "[" * 200_000),
        ("decoding.json", "[]"),
        ("decoding.json", '{"max_tokens": "many"}'),
        ("model/stillhouse.json", "[" * 200_000),
        ("model/stillhouse.json", '{"format": 1}'),
        ("model/config.json", "{"),
        ("model/model.safetensors", "half"),
    ],
)
def test_a_damaged_student_is_one_message(elsewhere, name, text):
    (elsewhere / name).write_text(text)
    with pytest.raises(StillhouseError) as error:
        predict_queries(elsewhere, [Query(id="1", query="two nuts")], CPU)
    assert str(elsewhere / name) in str(error.value)
    assert len(str(error.value)) < 1000


def test_half_characters_and_bytes_that_are_no_text(tmp_path, trained):
    """A terminal gives lone surrogates for bytes that are no UTF-8, JSON for a cut emoji."""
    assert read_queries("caf\udce9?", None, io.StringIO(), False)[0].text == "caf\ufffd?"
    lines = io.StringIO('{"query": "a \\ud83d", "choices": ["x\\udc00", "y"], "id": NaN}\n')
    (query,) = read_queries(None, None, lines, True)
    assert (query.id, query.text, query.choices) == ("1", "a \ufffd", ("x\ufffd", "y"))
    surrogates = tmp_path / "queries.JSONL"
    surrogates.write_text('{"query": "half \\ud83d"}\n')
    done = CliRunner().invoke(
        cli.app, ["predict", str(trained), "--file", str(surrogates), "--device", "cpu"]
    )
    assert done.exit_code == 0, done.output
    latin = tmp_path / "queries.txt"
    latin.write_bytes("café?\n".encode("latin-1"))
    with pytest.raises(StillhouseError, match=r"queries\.txt is not UTF-8 text"):
        read_queries(None, latin, io.StringIO(), False)
    stdin = io.TextIOWrapper(io.BytesIO("café?\n".encode("latin-1")), encoding="utf-8")
    with pytest.raises(StillhouseError, match="standard input is not UTF-8 text"):
        read_queries(None, None, stdin, False)
    marked = tmp_path / "marked.txt"
    marked.write_text("one?\n\ufefftwo?\n", encoding="utf-16")
    assert [q.text for q in read_queries(None, marked, io.StringIO(), False)] == ["one?", "two?"]
