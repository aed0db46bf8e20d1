"""docs/prompts.md shows every shipped prompt for every kind of task as it is rendered."""

import pytest

from stillhouse.config.dataset import Answer
from stillhouse.config.prompt import PromptConf
from stillhouse.config.whole import load_entry, names
from stillhouse.prompt.render import render_prompts
from tests.conftest import REPOSITORY
from tests.prompt.rows import CHOICES, example, exemplars_table, tasks_of

PAIRS = {
    "multiple_choice": [
        ("Where is milk kept?\nAnswer Choices:\n(a) oven\n(b) fridge", "fridge", "It turns sour."),
        ("Where do fish live?\nAnswer Choices:\n(a) sea\n(b) sky", "sea", None),
    ],
    "nli": [
        ("Premise: It snows.\nHypothesis: It is hot.", "contradiction", "Snow needs cold."),
        ("Premise: A dog runs.\nHypothesis: An animal moves.", "entailment", None),
    ],
    "math": [
        ("Ann had 5 nuts and ate 2. How many are left?", "3", "5 - 2 = 3."),
        ("A box has 4 rows of 6 eggs. How many eggs?", "24", None),
    ],
    "classification": [
        ("Review: Cold food. Is the reviewer satisfied?", "no", "That is a complaint."),
        ("Review: Lovely! Is the reviewer satisfied?", "yes", None),
    ],
    "text": [
        ("What is the capital of France?", "Paris", "The government sits there."),
        ("Who wrote Emma?", "Jane Austen", None),
    ],
    "summary": [
        ("Acme of Leeds said on Monday that it grew.", "Acme grew.", None),
        ("Ann Lee, who leads Acme, was in Paris on Friday.", "Ann Lee was in Paris.", None),
    ],
}
OPTIONS = {"exemplar": ["oven", "fridge"], "train": ["sea", "sky"]}
MARKERS = {"math": "The answer is"}


def choices(task, split):
    return OPTIONS[split] if task == "multiple_choice" else CHOICES.get(task, ())


def rendering(name, task):
    """The second pair's prompt with the first one as its exemplar, a role before each message."""
    metric = "number" if task == "math" else "exact"
    answer = Answer(metric=metric, markers=(MARKERS.get(task, "So the answer is"),))
    rows = [
        example(split, split, label, rationale, query=query, choices=choices(task, split))
        for split, (query, label, rationale) in zip(("exemplar", "train"), PAIRS[task], strict=True)
    ]
    conf = load_entry(PromptConf, name, REPOSITORY)
    prompt = render_prompts(conf, task, answer, rows, exemplars_table(train=["exemplar"]))[0]
    return "\n".join(f"[{m['role']}] {m['content']}" for m in prompt["messages"])


@pytest.mark.parametrize("name", names("prompt", REPOSITORY))
def test_the_documentation_shows_the_prompt_as_it_is(name):
    page = (REPOSITORY / "docs/prompts.md").read_text(encoding="utf-8")
    for task in tasks_of(name):
        block = f"#### {name}, {task}\n\n```text\n{rendering(name, task)}\n```\n"
        assert block in page, f"docs/prompts.md should show:\n{block}"
