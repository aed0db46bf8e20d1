"""Rows, exemplars and configurations to render."""

from stillhouse.config.dataset import Answer
from stillhouse.config.prompt import PromptConf

TASKS = ("multiple_choice", "nli", "math", "classification", "text")
CHOICES = {
    "multiple_choice": ["red", "blue", "green"],
    "nli": ["entailment", "neutral", "contradiction"],
    "classification": ["yes", "no"],
}
SUMMARISING = ("vanilla", "elaborate")
"""The prompts that serve the task `summary`, too."""
CHATTING = ("chat_rated",)
"""Those that serve conversations alone (tests/prompt/test_chat.py)."""
ANSWER = Answer(metric="exact", markers=("So the answer is", "Answer:"))


def tasks_of(name):
    """The kinds of tasks that a shipped prompt serves."""
    if name in CHATTING:
        return ()
    return (*TASKS, "summary") if name in SUMMARISING else TASKS


def example(id_, split="train", label="the label", rationale=None, query=None, choices=()):
    return {
        "id": id_, "split": split, "query": query or f"query of {id_}", "label": label,
        "choices": list(choices), "gold_rationale": rationale, "group": None, "meta": None,
    }  # fmt: skip


def exemplars_table(**chosen):
    """The exemplars table of a mapping from id to exemplar ids, the nearest first."""
    return [
        {"id": id_, "rank": rank, "exemplar_id": other, "distance": None}
        for id_, others in chosen.items()
        for rank, other in reversed(list(enumerate(others, start=1)))
    ]


def prompt(layout="text", reply="label", splits=("train",), **parts):
    values = {"description": "A prompt", "layout": layout, "reply": reply, "splits": splits}
    return PromptConf(**values, tasks={"text": {"query": "Q: {{ query }}"} | parts})


def text(prompt_row):
    """All that a prompt shows."""
    return "\n".join(message["content"] for message in prompt_row["messages"])
