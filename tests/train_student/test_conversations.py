"""Conversations in training: cross-entropy over the tokens of replies; what is left out is said."""

import json
import logging

import pytest
import torch

from stillhouse.core.conversation import read_messages
from stillhouse.students.asked import with_prompt
from stillhouse.students.folder import load_student, read_manifest
from stillhouse.students.text import StudentText
from stillhouse.students.weights import load_weights
from stillhouse.train_student.rows import tokenize_rows
from stillhouse.train_student.training import train_student
from tests.core.test_conversation import said
from tests.train_student.test_objective import fused

ASKED = {
    "system": "Be kind.", "query": "{{ query }}", "target": "{{ label }}", "values": {},
    "choices": [], "chat": True,
}  # fmt: skip
TALK = [
    ["Hi!", "Hello."],
    ["one", "two", "three", "four", "five", "six six six"],
    ["how many apples?", "7", "and the fox?", "it jumps over the lazy dog"],
]


def row(number, *texts):
    found = read_messages(said(*texts))
    return {
        "id": f"chat-{number}", "query": found.query, "label": found.label, "rationale": None,
    }  # fmt: skip


ROWS = [row(number, *texts) for number, texts in enumerate(TALK)]


@pytest.fixture
def ready(make_conf):
    def make(**changes):
        changes = {"max_query_tokens": 256} | changes
        return with_prompt(make_conf(templates="prompt", **changes), ASKED)

    return make


def by_the_whole_conversation(model, text, rows):
    """The plain way: each conversation through its chat template, and a mask over its replies."""
    total, count = torch.zeros(()), 0
    end = text.end
    for each in rows:
        replies = json.loads(each["label"])
        turns = [m["content"] for m in json.loads(each["query"])]
        pairs = [part for pair in zip(turns, replies, strict=True) for part in pair]
        messages = said(*pairs, system=ASKED["system"])
        rendered = text.tokenizer.apply_chat_template(messages, tokenize=False)
        tokens = text.tokens(rendered.removesuffix("\n"))
        labels = [-100] * len(tokens)
        header = text.tokens("<|im_start|>assistant\n")
        place = 0
        while place < len(tokens):
            place += 1
            if tokens[place - len(header) : place] == header:
                while True:
                    labels[place] = tokens[place]
                    place += 1
                    if tokens[place - 1] == end:
                        break
        logits = model(input_ids=torch.tensor([tokens])).logits[0, :-1]
        wanted = torch.tensor(labels[1:])
        total = total + torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")
        count += int((wanted != -100).sum())
    return total / count


@pytest.mark.parametrize("micro", [3, 1])
def test_the_loss_is_the_mean_over_all_tokens_of_replies_of_the_whole_template(ready, micro):
    conf = ready()
    torch.manual_seed(0)
    model, tokenizer = load_weights(conf)
    model.eval()
    text = StudentText.of(conf, tokenizer)
    learnt, _ = tokenize_rows(ROWS, text, 0)
    groups = [learnt[start : start + micro] for start in range(0, len(learnt), micro)]
    expected = by_the_whole_conversation(model, text, ROWS)
    loss = fused(model, groups)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    model.zero_grad()
    expected.backward()
    reference = {n: p.grad.clone() for n, p in model.named_parameters()}
    model.zero_grad()
    loss.backward()
    for name, weight in model.named_parameters():
        torch.testing.assert_close(weight.grad, reference[name], atol=1e-5, rtol=1e-4)


def test_a_student_of_conversations_says_so_in_its_folder(ready, tmp_path):
    conf = ready(training={"epochs": 2, "validation": {"epochs": 1, "metric": "loss"}})
    folder = tmp_path / "student"
    curve = train_student(ROWS, conf, 0.0, 0, folder, validation=ROWS[:1])
    manifest = read_manifest(folder)
    assert manifest.templates == conf.templates
    assert manifest.training["truncated"] == {
        "queries": 0, "rationales": 0, "replies": 0, "turns": 0,
    }  # fmt: skip
    student = load_student(folder)
    tokens = sum(
        len(student.text.target(reply)) for each in ROWS for reply in json.loads(each["label"])
    )
    assert manifest.training["mean_tokens"] == {"label": pytest.approx(tokens / 3, abs=1e-3)}
    assert len(curve.scores) == 2
    train_student(ROWS, conf, 0.0, 0, tmp_path / "again", validation=ROWS[:1])
    for file in folder.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_a_student_without_conversations_says_nothing_of_them(make_conf, tmp_path):
    asked = {name: value for name, value in ASKED.items() if name != "chat"}
    conf = with_prompt(make_conf(templates="prompt"), asked)
    rows = [{"id": "a", "query": "Hi", "label": "ho", "rationale": None}]
    train_student(rows, conf, 0.0, 0, tmp_path / "student")
    written = json.loads((tmp_path / "student/stillhouse.json").read_text())
    assert "chat" not in written["templates"]
    assert written["training"]["truncated"] == {"queries": 0, "rationales": 0}


def test_what_is_left_out_is_said(ready, caplog):
    conf = ready(max_query_tokens=60, max_target_tokens=8)
    text = StudentText.of(conf, load_weights(conf)[1])
    rows = [
        row(0, "word " * 200, "fine"),
        row(1, "Hi!", "so many words in a reply", "lost", "lost"),
        row(2, *["a b c d e f g"] * 8),
    ]
    with caplog.at_level(logging.WARNING):
        _, truncation = tokenize_rows(rows, text, 0)
    facts = truncation.facts()
    assert (facts["queries"], facts["replies"]) == (1, 1 + (len(text.target("a b c d e f g")) > 8))
    assert facts["turns"] >= 1
    told = " ".join(record.getMessage() for record in caplog.records)
    assert "cut at their end to model.max_query_tokens (60)" in told
    assert "end with a reply that was cut at model.max_target_tokens (8)" in told
    assert "turns are left out" in told
