"""Conversations from end to end: a served teacher and judge, and a tiny student with a template."""

import json
from random import Random

import pytest

from stillhouse.core.conversation import read_query
from stillhouse.core.tables import COMPLETIONS, EXAMPLES, RATINGS, TRAINING, predictions
from tests.core.test_conversation import said
from tests.pipeline.workspace import write_yaml
from tests.teacher_generate.loopback import serve

pytestmark = pytest.mark.slow
ANSWER = "[The assistant's answer]\n"
SIX, PROSE = "Is six a number?", "Who can say?"
KNOBS = {
    "dataset": "chats", "prompt": "vanilla", "teacher": "served", "student": "chats",
    "judge": "served", "limit": None, "exemplars": "none", "label_source": "teacher",
    "rationale_source": "none", "lambda": 0.0,
}  # fmt: skip


def body(text):
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}
    return json.dumps({"choices": [choice | {"message": {"content": text, "role": "assistant"}}]})


def verdicts():
    """What the judge writes: a 6 and prose for two turns, else by the answer's first letter."""
    unclear = {f"{SIX}\n\n[The": body("Rating: 6"), f"{PROSE}\n\n[The": body("Hard to say.")}
    hexadecimal = {f"{ANSWER}{sign}": body(f"Rating: {4 + n % 2}") for n, sign in
                   enumerate("0123456789abcdef")}  # fmt: skip
    return unclear | hexadecimal | {ANSWER: body("It is nothing.\nRating: 2")}


def write_chats(folder, count, turns):
    """Made-up conversations; gold replies say that they are."""
    folder.mkdir(parents=True)
    chance = Random(3)
    lines = []
    for number in range(count):
        texts = []
        for turn in range(1 + number % turns):
            question = f"What is {number} and {turn} and {chance.randint(0, 99)}?"
            texts += [{3: SIX, 4: PROSE}.get(number, question), f"GOLD {number} {turn}"]
        system = "You are brief." if number % 4 == 0 else None
        messages = said(*texts, system=system)
        lines.append(json.dumps({"id": f"chat-{number:02}", "messages": messages}) + "\n")
    lines.append(json.dumps({"id": "bad", "messages": [{"role": "tool", "content": "x"}]}) + "\n")
    (folder / "test.jsonl").write_text("".join(lines[:10]))
    (folder / "train.jsonl").write_text("".join(lines[10:]))


def prepare(workspace, url):
    write_chats(workspace.path / "data/raw/chats", 24, 3)
    conf = workspace.path / "conf"
    answer = {"metric": "rating"}
    write_yaml(conf / "dataset/chats.yaml", {
        "description": "Made up", "licence": "CC0-1.0", "source": "file:data/raw/chats",
        "splits": {"train": {"read": ["train.jsonl"]}, "test": {"read": ["test.jsonl"]}},
        "task": "chat", "fields": {"id": "{{ id }}", "messages": "messages"}, "answer": answer,
        "reject": [], "human_exemplars": None, "exclude_same_group": False,
    })  # fmt: skip
    served = {"backend": "openai", "base_url": url, "max_in_flight": 4}
    model = {"name": "m", "source": "api://loopback/m@1"}
    write_yaml(conf / "teacher/served.yaml", {
        "description": "A server", "model": model, "format": "chat", "context": 4000,
        "decoding": {"max_tokens": 64}, "compute": served, "price": {},
    })  # fmt: skip
    judge = {
        "teacher": {"model": model, "format": "chat", "context": 4000}, "compute": served,
    }  # fmt: skip
    (conf / "judge/served.yaml").write_text((conf / "judge/hhh.yaml").read_text())
    workspace.edit("conf/judge/served.yaml", **judge)
    (conf / "student/chats.yaml").write_text((conf / "student/tiny.yaml").read_text())
    student = {"templates": "prompt", "decoding": {"max_tokens": 12}}
    workspace.edit("conf/student/chats.yaml", **student)
    workspace.edit(
        "conf/student/chats.yaml",
        model={
            "family": "decoder", "max_query_tokens": 500, "max_target_tokens": 128,
            "source": workspace.model,
        },
    )  # fmt: skip
    prompt = (
        (conf / "prompt/vanilla.yaml")
        .read_text()
        .replace("splits: [train]", "splits: [train, test]")
    )
    (conf / "prompt/vanilla.yaml").write_text(prompt)
    workspace.edit("params.yaml", **KNOBS)


@pytest.fixture
def chats(workspace):
    """A workspace of conversations, and the server that is its teacher and its judge."""
    import yaml

    tiny = yaml.safe_load((workspace.path / "conf/student/tiny.yaml").read_text())
    workspace.model = tiny["model"]["source"]
    with serve(responses=verdicts()) as server:
        prepare(workspace, server.url)
        yield workspace, server


def rows(workspace, table):
    return table.of(workspace.path).read_rows()


def test_conversations_from_their_rows_to_the_report(chats):
    workspace, server = chats
    printed = workspace.dvc("repro")
    assert "Rejected: 1 of 25, the unknown role 'tool'" in printed
    examples = {row["id"]: row for row in rows(workspace, EXAMPLES)}
    turns = {id_: len(read_query(row["query"]).turns) for id_, row in examples.items()}

    # The teacher's own replies, of every turn; no gold one is anywhere that a model reads.
    replies = {row["id"]: json.loads(row["text"]) for row in rows(workspace, COMPLETIONS)}
    assert {id_: len(said) for id_, said in replies.items()} == turns
    assert not [text for text in server.asked() if "GOLD" in text]
    teacher = workspace.read("metrics/teacher.json")
    assert (teacher["rows"], teacher["turns"]) == (24, sum(turns.values()))

    # The student learns them, and only those of train rows.
    trained = {row["id"]: json.loads(row["label"]) for row in rows(workspace, TRAINING)}
    assert trained == {id_: replies[id_] for id_ in trained}
    assert {examples[id_]["split"] for id_ in trained} == {"train"}
    manifest = workspace.read("models/student/seed=0/model/stillhouse.json")
    assert manifest["templates"]["chat"] is True

    # Every reply of every model is rated, but where the judge is unclear.
    ratings = rows(workspace, RATINGS)
    assert {row["model"] for row in ratings} == {"seed=0", "untrained", "teacher"}
    test = {id_ for id_, row in examples.items() if row["split"] == "test"}
    predicted = {
        row["id"]: json.loads(row["prediction"]) for row in rows(workspace, predictions("seed=0"))
    }
    assert predicted.keys() == test
    of_student = [row for row in ratings if row["model"] == "seed=0"]
    assert len(of_student) == sum(map(len, predicted.values()))
    unclear = {row["id"] for row in ratings if row["rating"] is None}
    assert unclear == {"chat-03", "chat-04"}
    metrics = workspace.read("metrics/ratings.json")
    assert metrics["teacher"]["unrated"] >= 2

    summary = workspace.read("metrics/summary.json")
    assert 1 <= summary["student"]["rating_low"] <= summary["student"]["rating"] <= 5
    assert summary["student"]["rating"] == metrics["seed=0"]["rating"]
    assert "accuracy" not in json.dumps(summary)
    report = workspace.stillhouse("results")
    assert "Rating on" in report
    assert "no verdict on" in report
    assert "Untrained student" in report
    assert "Teacher" in report
    card = (workspace.path / "models/student/seed=0/README.md").read_text()
    assert "`rating`" in card
    assert "accuracy" not in card

    assert workspace.ran("repro") == set()
    assert server.requests() > 0
    server.set(responses=verdicts())
    (workspace.path / "data/ratings.parquet").unlink()
    (workspace.path / "data/completions.parquet").unlink()
    workspace.dvc("repro", "--force", "teacher_generate", "rate", "--single-item")
    assert server.requests() == 0


def test_what_shows_rows_shows_conversations(chats):
    workspace, _ = chats
    workspace.dvc("repro")
    shown = workspace.stillhouse("rows", "chat-02", "--whole")
    assert "user: What is 2 and 0" in shown
    sheet = workspace.path / "sheet.csv"
    workspace.stillhouse(
        "ratings", "export", str(sheet), "--model", "untrained=data/predictions/untrained.parquet",
        "--model", "student=workspace", "--model", "teacher=data/parsed.parquet", "--n", "0",
    )  # fmt: skip
    text = sheet.read_text(encoding="utf-8-sig")
    assert "User: What is 2 and 0" in text
    assert "Assistant: " in text
    assert "GOLD" not in text
    compared = workspace.stillhouse("compare", "workspace", "workspace")
    assert "Rating" in compared
