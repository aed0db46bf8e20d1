"""Summaries from articles to report: a scripted Chain of Density and a tiny student."""

import json

import pytest
import yaml

from stillhouse.core import tables
from stillhouse.core.tables import PARSED, TRAINING
from stillhouse.kinds.entities import entities, found_by
from tests.pipeline.workspace import Workspace, write_yaml

pytestmark = pytest.mark.slow

NAMES = ("Microsoft", "Paris", "Barack Obama", "London")
CHAIN = (
    "{% set names = " + str(list(NAMES)) + " %}"
    "[{% for n in range(3 if 'number 4 ' in prompt else 4) %}"
    '{"missing_entities": "{{ names[n] }}", "denser_summary": '
    "\"{{ names[: n + 1] | join(', ') }} and Japan were named.\"}"
    "{{ ', ' if not loop.last }}{% endfor %}{{ ']' if 'number 5 ' not in prompt }}"
)
"""Four summaries, each naming one more of the article, and Japan, which the article does not name;
three summaries of number 4, and a list that is cut off of number 5."""
LAST = "Microsoft, Paris, Barack Obama, London and Japan were named."
LOST = {"train-4": "malformed", "train-5": "malformed"}
DATASET = {
    "description": "Made-up articles",
    "licence": "CC0-1.0",
    "source": "file:data/raw/articles",
    "splits": {"train": {"read": ["train.jsonl"]}, "test": {"read": ["test.jsonl"]}},
    "task": "summary",
    "fields": {"id": "{{ name }}", "query": "{{ article }}", "label": "{{ reference }}"},
    "answer": {"metric": "summary", "markers": ["Summary:"]},
    "reject": [],
    "human_exemplars": None,
    "exclude_same_group": False,
}


def article(number):
    return (
        f"This is number {number} of the news. Microsoft opened an office in Paris on Monday. "
        "Barack Obama spoke in London."
    )


def prepare(workspace: Workspace) -> None:
    folder = workspace.path / "data/raw/articles"
    folder.mkdir(parents=True)
    for split, numbers in (("train", range(10)), ("test", range(20, 28))):
        rows = [
            {"name": f"{split}-{n}", "article": article(n), "reference": "Microsoft is in Paris."}
            for n in numbers
        ]
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    conf = workspace.path / "conf"
    write_yaml(conf / "dataset/articles.yaml", DATASET)
    teacher = {"name": "chain", "source": f"scripted:{CHAIN}"}
    workspace.edit("conf/teacher/tiny.yaml", model=teacher, decoding={"max_tokens": 200})
    student = conf / "student/tiny.yaml"
    model = yaml.safe_load(student.read_text())["model"] | {"max_query_tokens": 400}
    workspace.edit(
        "conf/student/tiny.yaml",
        model=model,
        templates="prompt",
        decoding={"max_tokens": 12, "stop": []},
    )
    workspace.edit(
        "params.yaml",
        dataset="articles",
        prompt="elaborate",
        exemplars="none",
        k=0,
        limit=None,
        label_source="teacher",
        rationale_source="none",
        zero_shot=["teacher:elaborate"],
        seeds=[0],
        **{"lambda": 0},
    )


def test_summaries_with_references_and_without(workspace: Workspace):
    prepare(workspace)
    said = workspace.dvc("repro")

    # Three summaries and a cut list are failed parses, which nothing fills in.
    parsed = {row["id"]: row for row in PARSED.of(workspace.path).read_rows()}
    assert {id_: row["status"] for id_, row in parsed.items() if row["status"] != "ok"} == LOST
    assert all(parsed[id_]["label"] is None for id_ in LOST)
    trained = TRAINING.of(workspace.path).read_rows()
    assert {row["id"] for row in trained} == parsed.keys() - LOST.keys()
    assert {row["label"] for row in trained} == {LAST}

    # The teacher's last summary names what is not in the article, which counts in one density.
    densities = workspace.read("metrics/parse.json")
    named, tokens = len(entities(LAST).found), entities(LAST).tokens
    shared = len(entities(LAST).found & entities(article(0)).found)
    assert 0 < shared < named
    whole = 8 / 10  # of the completions; one that was not read has a density of 0
    assert densities["teacher_label_entity_density"] == pytest.approx(
        whole * shared / tokens, abs=1e-3
    )
    assert densities["teacher_label_entity_density_all"] == pytest.approx(named / tokens, abs=1e-5)
    assert densities["teacher_label_tokens"] == tokens
    assert densities["scored_with"] == found_by()
    assert densities["teacher_label_rows"] == 10

    scores = workspace.read("metrics/eval/seed=0.json")
    predicted = tables.predictions("seed=0").of(workspace.path).read_rows()
    assert len(predicted) == scores["rows"] == 8
    mean = sum(row["score"] for row in predicted) / 8
    assert scores["entity_density"] == pytest.approx(mean, abs=1e-6)
    assert scores["entity_density_low"] <= mean <= scores["entity_density_high"]
    assert {"rouge_l", "tokens", "entity_density_all"} <= scores.keys()
    assert scores["scored_with"] == found_by()
    assert workspace.read("metrics/baseline.json").keys() == {"untrained"}
    assert workspace.read("metrics/references.json") == {}
    assert workspace.read("metrics/calibration/seed=0.json")["rows"] == 0
    student = workspace.read("metrics/summary.json")["student"]
    assert {"entity_density", "rouge_l", "tokens"} <= student.keys()

    card = (workspace.path / "models/student/seed=0/README.md").read_text(encoding="utf-8")
    assert "`entity_density`, from 0 to 1; scored with en" in card
    assert f"Scored with {found_by()}" in " ".join(said.split())
    assert "Teacher, elaborate " in said
    zero_shot = workspace.read("metrics/zero_shot.json")["teacher:elaborate"]
    assert zero_shot["entity_density_of_parsed"] == pytest.approx(shared / tokens, abs=1e-6)
    assert zero_shot["parsed"] == 8
    for text in (said.partition("Entity density on 8 test rows")[2], card, json.dumps(student)):
        assert text
        assert "ccuracy" not in text
    assert "majority" not in said.casefold()

    drawn = json.loads(workspace.dvc("plots", "show", "--json"))
    assert "errors" not in drawn
    (plot,) = drawn["data"]["metrics/plots/graded.csv"]
    content = plot["content"] if isinstance(plot["content"], str) else json.dumps(plot["content"])
    assert "Entity density" in content
    assert "<DVC_METRIC" not in content

    shown = workspace.stillhouse("rows", "test-20")
    assert "(entity density 0." in shown
    assert "(right)" not in shown
    assert "(wrong)" not in shown
    assert "scores are graded" in workspace.stillhouse("rows", "--wrong", fails=True)
    assert "stillhouse ratings" in workspace.stillhouse("sample", fails=True)
    asked = workspace.stillhouse("predict", article(99))
    assert asked.strip()

    workspace.commit()
    compared = workspace.stillhouse("compare", "HEAD")
    assert "Entity density" in compared
    assert "Randomisation: first higher in 0 rows, second in 0: p = 1" in compared

    # Without references there is nothing that ROUGE could compare with, and all else is the same.
    without = {"id": "{{ name }}", "query": "{{ article }}"}
    splits = {"unlabelled": {"read": ["train.jsonl"]}, "test": {"read": ["test.jsonl"]}}
    workspace.edit("conf/dataset/articles.yaml", fields=without, splits=splits)
    workspace.edit("conf/prompt/elaborate.yaml", splits=["unlabelled"])
    workspace.dvc("repro")
    bare = workspace.read("metrics/eval/seed=0.json")
    assert "rouge_l" not in bare
    assert bare["entity_density"] == scores["entity_density"]
    assert workspace.read("metrics/report.json")["measure"] == "entity_density"
