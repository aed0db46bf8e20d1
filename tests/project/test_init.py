"""`stillhouse init`: whole projects, checked before the first file, never over another's."""

import re
import subprocess

import pytest
import yaml

from stillhouse.config.whole import check_all
from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import read_json
from stillhouse.core.tables import EXAMPLES, PARSED
from stillhouse.core.templates import render
from tests.conftest import REPOSITORY
from tests.pipeline.scripts import run
from tests.project.tables import reviews, write_csv, write_jsonl


def counted(shown: str) -> dict[str, int]:
    """The rows by split of the table that is printed."""
    lines = re.findall(r"^  (train|validation|test|unlabelled) +(\d+) ", shown, re.MULTILINE)
    return {split: int(rows) for split, rows in lines}


SAID = ("--query", "text", "--label", "rating")


def test_a_table_becomes_a_project(stillhouse, tmp_path, capsys, monkeypatch):
    write_csv(tmp_path / "reviews.csv", reviews(300))
    stillhouse("init", "mine", "--csv", "reviews.csv", *SAID)
    shown = capsys.readouterr().out
    assert counted(shown) == {"train": 210, "validation": 30, "test": 60}
    assert "What is the rating: bad, good or mixed?" in shown
    assert "cd mine" in shown

    project = tmp_path / "mine"
    tops = {path.name for path in project.iterdir() if not path.name.startswith(".")}
    assert tops == {"conf", "data", "dvc.yaml", "params.yaml", "stages", "Makefile", "README.md",
                    "requirements.txt"}  # fmt: skip
    assert "# reviews" in (project / "README.md").read_text(encoding="utf-8")
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    assert (params["dataset"], params["limit"], params["lambda"]) == ("reviews", None, 0.0)
    prompt = yaml.safe_load((project / "conf/prompt/few_shot.yaml").read_text(encoding="utf-8"))
    assert prompt["splits"] == ["train", "unlabelled", "test"]
    student = (project / "conf/student/smollm2_135m.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load(student)
    assert values["decoding"]["decode"] == "choices"
    assert values["training"]["validation"] == {"epochs": 1, "patience": 3}
    assert "# On a CPU the backward pass" in student  # comments are the package's still
    workflow = (REPOSITORY / ".github/workflows/stillhouse.yml").read_bytes()
    for place in (project, project / ".template"):
        assert (place / ".github/workflows/stillhouse.yml").read_bytes() == workflow
    assert "PYTHONPATH" not in (project / "dvc.yaml").read_text(encoding="utf-8")
    monkeypatch.chdir(project)
    check_all()
    assert (project / ".git").is_dir()
    listed = subprocess.check_output(["git", "add", "--all", "-v"], text=True)
    assert "data/raw/reviews.csv" in listed


def test_few_rows_train_by_steps(stillhouse, tmp_path):
    write_csv(tmp_path / "few.csv", reviews(60))
    stillhouse("init", "mine", "--csv", "few.csv", *SAID)
    values = (tmp_path / "mine/conf/student/smollm2_135m.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(values)["training"]["steps"] == 80
    assert "epochs" not in yaml.safe_load(values)["training"]


def test_tables_of_their_own_for_test_and_unlabelled(stillhouse, tmp_path, capsys):
    for name, rows in (("a", reviews(60)), ("b", reviews(90)[60:]), ("c", reviews(120)[90:])):
        write_csv(tmp_path / f"{name}.csv", rows)
    stillhouse("init", "mine", "--csv", "a.csv", "--test", "b.csv", "--unlabelled", "c.csv", *SAID)
    assert counted(capsys.readouterr().out) == {"train": 60, "test": 30, "unlabelled": 30}


def test_another_encoding_and_delimiter_become_plain(stillhouse, tmp_path):
    rows = [row | {"text": row["text"].replace("😀", "é")} for row in reviews(60)]
    write_csv(tmp_path / "old.csv", rows, encoding="windows-1252", delimiter=";")
    stillhouse(
        "init", "mine", "--csv", "old.csv", "--encoding", "windows-1252", "--delimiter", ";", *SAID
    )
    text = (tmp_path / "mine/data/raw/old.csv").read_text(encoding="utf-8")
    assert text.startswith("id,text,rating\n")
    assert "é" in text


def test_long_texts_get_room(stillhouse, tmp_path):
    rows = [row | {"text": row["text"] + " long" * 400} for row in reviews(60)]
    write_csv(tmp_path / "long.csv", rows)
    stillhouse("init", "mine", "--csv", "long.csv", *SAID)
    values = (tmp_path / "mine/conf/student/smollm2_135m.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(values)["model"]["max_query_tokens"] == 1024


def test_nothing_is_overwritten(stillhouse, tmp_path):
    write_csv(tmp_path / "reviews.csv", reviews(60))
    (tmp_path / "mine/conf/dataset").mkdir(parents=True)
    (tmp_path / "mine/conf/dataset/reviews.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(StillhouseError, match=r"conf/dataset/reviews\.yaml already"):
        stillhouse("init", "mine", "--csv", "reviews.csv", *SAID)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["conf"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Give one of --csv FILE, --example NAME and --from-logs FILE"),
        (("--csv", "reviews.csv", "--example", "svamp"), "Give one of"),
        (("--csv", "review.csv", *SAID), r"review\.csv is no file.*Did you mean 'reviews\.csv'"),
        (("--csv", "reviews.csv"), "Which column is the query.*'text' looks right"),
        (("--csv", "reviews.csv", "--query", "txt", "--label", "rating"), "Did you mean 'text'"),
        (("--csv", "reviews.csv", *SAID, "--teacher", "smolm"), "has no teacher 'smolm'"),
        (("--example", "swamp"), "Did you mean .*'svamp'"),
        (("--example", "my_csv"), "files that the package does not carry"),
        (("--csv", "reviews.csv", *SAID, "--delimiter", ";;"), "one character"),
        (("--csv", "reviews.csv", *SAID, "--encoding", "utf-99"), "no encoding 'utf-99'"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_written(stillhouse, tmp_path, arguments, message):
    write_csv(tmp_path / "reviews.csv", reviews(60))
    with pytest.raises(StillhouseError, match=message):
        stillhouse("init", "mine", *arguments)
    assert not (tmp_path / "mine").exists()


def test_an_example_in_the_current_folder(stillhouse, tmp_path):
    stillhouse("init", "--example", "svamp")
    assert (tmp_path / "conf/dataset/svamp.yaml").is_file()
    assert (tmp_path / "conf/exemplars/svamp.jsonl").is_file()
    check_all()


def test_a_server_is_a_teacher(stillhouse, tmp_path):
    write_csv(tmp_path / "reviews.csv", reviews(60))
    address = "http://127.0.0.1:9/v1"
    stillhouse(
        "init", "mine", "--csv", "reviews.csv", *SAID, "--teacher", address, "--model", "Q/w-2.5"
    )
    entry = yaml.safe_load((tmp_path / "mine/conf/teacher/w_2_5.yaml").read_text(encoding="utf-8"))
    assert entry["compute"] == {"backend": "openai", "base_url": address}
    assert "lambda: 1.0" in (tmp_path / "mine/params.yaml").read_text(encoding="utf-8")
    with pytest.raises(StillhouseError, match="Name it: --model"):
        stillhouse("init", "other", "--csv", "reviews.csv", *SAID, "--teacher", address)


def test_a_log_becomes_rows_and_a_teacher_that_was_paid_already(stillhouse, tmp_path, monkeypatch):
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    system = {"role": "system", "content": "Is it {good}?"}
    write_jsonl(
        tmp_path / "log.jsonl",
        [
            {"messages": [system, {"role": "user", "content": row["text"]}], "reply": row["rating"]}
            | {"model": "m", "usage": usage}
            for row in reviews(60)
        ],
    )
    stillhouse("init", "mine", "--from-logs", "log.jsonl")
    monkeypatch.chdir(tmp_path / "mine")
    run(
        "code",
        "ingest",
        "embed",
        "retrieve",
        "teacher_select",
        "prompt",
        "teacher_generate",
        "parse",
    )
    metrics = read_json(paths.TEACHER_METRICS)
    assert (metrics["prompt_tokens"], metrics["completion_tokens"]) == (60 * 9, 60 * 2)
    parsed = {row["id"]: row["label"] for row in PARSED.read_rows()}
    queries = {row["id"]: row["query"] for row in EXAMPLES.read_rows()}
    said = {row["text"].strip(): row["rating"] for row in reviews(60)}
    assert len(parsed) == 60
    assert all(said[queries[id_]] == label for id_, label in parsed.items())


def test_tables_of_one_name_stay_apart(stillhouse, tmp_path):
    for name, rows in (("train", reviews(60)), ("test", reviews(90)[60:])):
        (tmp_path / name).mkdir()
        write_csv(tmp_path / name / "data.csv", rows)
    stillhouse("init", "mine", "--csv", "train/data.csv", "--test", "test/data.csv", *SAID)
    raw = {path.name for path in (tmp_path / "mine/data/raw").iterdir()}
    assert raw == {"train_data.csv", "test_data.csv"}


@pytest.mark.parametrize("odd", ["{% b", "{{ text }}", "{# no #} c", 'a "quoted" {one}'])
def test_labels_and_questions_with_braces_are_texts(stillhouse, tmp_path, odd):
    rows = [row | {"rating": odd if row["rating"] == "bad" else "good"} for row in reviews(60)]
    write_csv(tmp_path / "x.csv", rows)
    stillhouse("init", "mine", "--csv", "x.csv", *SAID, "--question", f"Is it {odd}?")
    entry = yaml.safe_load((tmp_path / "mine/conf/dataset/x.yaml").read_text(encoding="utf-8"))
    assert {render(choice, {}, "it") for choice in entry["fields"]["choices"]} == {odd, "good"}


@pytest.mark.parametrize("query", ["{{ text", "{{ e mail }}", "{% if %}"])
def test_a_template_that_is_none_is_said(stillhouse, tmp_path, query):
    write_csv(tmp_path / "x.csv", reviews(60))
    with pytest.raises(StillhouseError, match="is no template"):
        stillhouse("init", "mine", "--csv", "x.csv", "--query", query, "--label", "rating")


def test_a_cell_of_any_size_and_a_folder_that_is_a_file(stillhouse, tmp_path):
    rows = reviews(60)
    rows[0]["text"] = "long " * 40_000
    write_csv(tmp_path / "x.csv", rows, delimiter=";")
    (tmp_path / "taken").touch()
    with pytest.raises(StillhouseError, match="cannot be written"):
        stillhouse("init", "taken/x", "--csv", "x.csv", "--delimiter", ";", *SAID)
    stillhouse("init", "mine", "--csv", "x.csv", "--delimiter", ";", *SAID)


def test_a_log_of_long_replies_gives_its_student_room(stillhouse, tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": f"q {n}"}], "reply": f"{n} " * 300}
        for n in range(20)
    ]
    write_jsonl(tmp_path / "log.jsonl", rows)
    stillhouse("init", "mine", "--from-logs", "log.jsonl")
    student = (tmp_path / "mine/conf/student/smollm2_135m.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load(student)
    assert values["model"]["max_target_tokens"] >= 300
    assert values["decoding"]["max_tokens"] >= 300
