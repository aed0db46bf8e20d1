"""The parser on outputs that other people's teachers really wrote."""

import json

import pytest

from stillhouse.config.dataset import Answer
from stillhouse.config.prompt import Reply
from stillhouse.kinds.registry import kind_of
from stillhouse.parse.form import Form
from stillhouse.parse.parse import parse_completions

CQA = Answer(markers=("So the answer is", "The answer is", "Answer:"), metric="choice")
SVAMP = Answer(markers=("The answer is", "Answer:"), metric="equation")


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def palm(shared_data, dataset, split, batches):
    folder = shared_data / "distilling_step_by_step" / dataset / "llm"
    files = [folder / f"{split}_CoT_{batch}.json" for batch in range(batches)]
    return [text for file in files for text in json.loads(file.read_text(encoding="utf-8"))]


def parse(gold, texts, answer, task, finish_reason="length"):
    """`gold` holds a label and choices for each text, in the files' common order."""
    examples, completions = [], []
    for i, ((label, choices), text) in enumerate(zip(gold, texts, strict=True)):
        key = {"id": f"{i:05}"}
        examples.append(key | {"split": "train", "label": label, "choices": choices, "group": None})
        completions.append(key | {"sample": 0, "text": text, "finish_reason": finish_reason})
    form = Form(Reply(content="rationale_then_label"), task, answer)
    rows, metrics = parse_completions(examples, completions, form)
    return examples, rows, metrics


@pytest.mark.parametrize(
    ("split", "gold", "batches", "as_text", "as_letter", "ambiguous"),
    [
        pytest.param("train", "train", 10, 0.743, 0.753, 0.032, marks=pytest.mark.slow),
        ("test", "validation", 2, 0.771, 0.783, 0.025),
    ],
)
def test_palm_on_commonsense_qa(shared_data, split, gold, batches, as_text, as_letter, ambiguous):
    rows = read_lines(shared_data / "cos_e" / f"{gold}.jsonl")
    examples, parsed, metrics = parse(
        [(row["answer"], row["choices"]) for row in rows],
        palm(shared_data, "cqa", split, batches),
        CQA,
        "multiple_choice",
    )
    text_correct = [
        row["label"] is not None and kind_of("exact").score(row["label"], example["label"]) == 1
        for row, example in zip(parsed, examples, strict=True)
    ]
    assert round(sum(text_correct) / len(text_correct), 3) >= as_text
    assert round(metrics["teacher_label_accuracy"], 3) >= as_letter
    assert metrics["status"]["ok"] > 0.96
    assert metrics["status"]["ambiguous"] < ambiguous
    assert metrics["rationale"]["agrees"] > 0.85


@pytest.mark.parametrize(
    ("split", "batches", "accuracy"), [("train", 2, 0.733), ("test", 1, 0.740)]
)
def test_palm_on_svamp(shared_data, split, batches, accuracy):
    rows = read_lines(shared_data / "distilling_step_by_step" / "svamp" / f"svamp_{split}.json")
    _, parsed, metrics = parse(
        [(row["label"], []) for row in rows],
        palm(shared_data, "svamp", split, batches),
        SVAMP,
        "math",
    )
    assert metrics["teacher_label_accuracy"] >= accuracy
    assert all("Q:" not in (row["rationale"] or "") for row in parsed)


@pytest.mark.parametrize(("split", "accuracy"), [("train", 0.66), ("test", 0.68)])
def test_llama_without_a_fixed_marker(shared_data, split, accuracy):
    rows = read_lines(shared_data / "dss_rag_llama3" / f"svamp_{split}.jsonl")
    _, parsed, metrics = parse(
        [(row["org_label"], []) for row in rows], [row["gen_label"] for row in rows], SVAMP,
        "math", "stop",
    )  # fmt: skip
    assert metrics["teacher_label_accuracy"] >= accuracy
    assert metrics["status"]["ok"] + metrics["status"]["repaired"] > 0.85
    empty = [row["id"] for row in parsed if row["status"] == "empty"]
    assert empty == [f"{i:05}" for i, row in enumerate(rows) if not row["gen_label"].strip()]
