"""A student that others have trained, through the pipeline; and what is handed over for it."""

import json
import os
import signal
import subprocess
import time

import pytest

from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, predictions
from stillhouse.core.yaml import dump_yaml
from tests.config.test_served import SERVED
from tests.evaluate.test_served import body
from tests.pipeline.workspace import PARTS, Workspace
from tests.teacher_generate.conftest import _running, server

pytestmark = pytest.mark.slow
__all__ = ["_running", "server"]  # fixtures

KNOBS = {"student": "tuned", "lambda": 0.0, "rationale_source": "none"}
ASKING = PARTS | {"preamble": "", "exemplar_query": "", "exemplar_reply": ""}


@pytest.fixture
def served(workspace: Workspace, server) -> Workspace:
    """The workspace with a student behind the server, which is right about every other test row."""
    workspace.edit("conf/prompt/tiny.yaml", layout="turns")
    parts = ASKING | {"student": "Reply with the colour.", "query": "Q: {{ query }}"}
    workspace.edit("conf/prompt/tiny.yaml", tasks={"multiple_choice": parts})
    serve_at(workspace, server.url)
    workspace.edit("params.yaml", **KNOBS)
    return workspace


def serve_at(workspace, url, **compute):
    entry = SERVED | {"compute": {"backend": "openai", "base_url": url} | compute}
    (workspace.path / "conf/student/tuned.yaml").write_text(dump_yaml(entry))


def replies(workspace):
    """What the server says of every row: its label, of every other row with an argument."""
    rows = EXAMPLES.of(workspace.path).read_rows()
    return {
        row["query"]: body(row["label"] if place % 2 else f"{row['label']} or another")
        for place, row in enumerate(sorted(rows, key=lambda row: row["id"]))
    }


def costs_of(workspace):
    return json.loads(workspace.stillhouse("cost", "--json"))["asked"]


def test_it_stands_in_the_same_table_and_its_server_is_asked_once(served, server):
    server.set(responses=replies(served))
    served.dvc("repro", "prompt")
    (cost,) = [each for each in costs_of(served) if each["what"] == "student"]
    assert (cost["model"], cost["requests"], cost["to_ask"]) == ("tuned", 12, 12)
    ran = served.ran("repro")
    assert {"train_student@0", "baseline", "evaluate@0", "card@0", "report"} <= ran
    rows = predictions("seed=0").of(served.path).read_rows()
    assert {row["score"] for row in rows} == {0.0, 1.0}
    test = [row for row in EXAMPLES.of(served.path).read_rows() if row["split"] == "test"]
    assert server.requests() == len(test) + 1  # and the example
    assert served.ran("repro") == set()
    assert [each["to_ask"] for each in costs_of(served) if each["what"] == "student"] == [0]

    folder = served.path / paths.student(0)
    assert [path.name for path in (folder / paths.MODEL).iterdir()] == [paths.MANIFEST]
    assert predictions(paths.BASELINE).of(served.path).read_rows() == []
    assert served.read(str(paths.BASELINE_METRICS)).keys() == {"majority"}
    report = served.read(str(paths.REPORT))
    assert "untrained" not in report["references"]
    assert "untrained" not in report["against"]
    assert report["student"]["unread"] > 0
    summary = served.read(str(paths.SUMMARY))
    assert summary["student"]["accuracy"] == pytest.approx(
        sum(r["score"] for r in rows) / len(rows)
    )
    card = (folder / paths.CARD).read_text(encoding="utf-8")
    for said in ("No weights are here", "`tuned`", "`api://localhost/tuned@1`", "are no label"):
        assert said in card
    assert "library_name" not in card
    assert "transformers" not in card.partition("## How it was made")[0]
    request = json.loads(card.partition("POST /v1/chat/completions\n\n")[2].partition("\n```")[0])
    assert request["messages"][0] == {"role": "system", "content": "Reply with the colour."}
    assert request["messages"][1]["content"] in server.asked()

    said = served.stillhouse("predict", "What is it?", fails=True)
    assert "served elsewhere, as 'tuned'" in said
    assert "Traceback" not in said
    assert "seed=0" in served.stillhouse("rows", "--split", "test", "-n", "1")
    served.commit()
    assert "Majority class" in served.stillhouse("results")
    compared = served.stillhouse("compare", "HEAD~1", "HEAD")
    assert "McNemar" in compared

    # Another address reruns nothing; another model asks again.
    serve_at(served, "http://127.0.0.1:9/v1")
    assert served.ran("repro") == set()


def test_what_is_handed_over_is_what_it_is_asked(served, server):
    server.set(responses=replies(served))
    served.dvc("repro", "evaluate")
    said = served.stillhouse("export", "--openai-chat", "train.jsonl")
    assert "As the run's prompt asks a student (data/asked.json)" in said
    assert "estimated" in said
    lines = (served.path / "train.jsonl").read_text().splitlines()
    rows = [json.loads(line)["messages"] for line in lines]
    assert len(rows) == 20
    test = {row["query"] for row in EXAMPLES.of(served.path).read_rows() if row["split"] == "test"}
    asked = server.asked()
    assert {f"Q: {query}" for query in test} <= asked
    assert not {row[1]["content"] for row in rows} & {f"Q: {query}" for query in test}
    assert {row[1]["content"][:3] for row in rows} == {"Q: "}
    assert {row[0]["content"] for row in rows} == {"Reply with the colour."}


def test_an_evaluation_that_is_killed_goes_on_and_gives_the_same_bytes(served, server, tmp_path):
    said = replies(served)
    server.set(responses=said)
    served.dvc("repro", "evaluate")
    wanted = {
        path: (served.path / path).read_bytes()
        for path in (predictions("seed=0").path, paths.eval_metrics(0), paths.student_serving(0))
    }
    served.env["STILLHOUSE_STORE"] = str(tmp_path / "store")
    served.env["PYTHONPATH"] = "src"
    serve_at(served, server.url, max_in_flight=1)
    server.set(responses=said, latency=0.3)
    process = subprocess.Popen(
        ["python", "stages/evaluate.py", "0"], cwd=served.path, env=served.env,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while server.requests() < 8 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    asked = server.requests()
    assert 8 <= asked < len(wanted) + 12
    server.set(responses=said)
    served.run("python", "stages/evaluate.py", "0")
    assert server.requests() < 13, "what had come was asked again"
    assert {path: (served.path / path).read_bytes() for path in wanted} == wanted
