"""A small dataset and a scripted teacher that writes queries and labels them."""

from collections.abc import Mapping
from typing import Any

from stillhouse.augment.config import AugmentConfig
from stillhouse.config.augment import AugmentConf
from stillhouse.config.dataset import DatasetConf
from stillhouse.config.prompt import PromptConf
from tests.config.project import ENTRIES
from tests.feedback_judge.judges import judge
from tests.teacher_generate.helpers import teacher

NOUNS = ["apples", "boats", "cats", "doors", "eggs", "forks", "goats", "hats", "ink", "jars"]
WORDS = "red|old|big|sad|new|wet|dry|hot|shy|odd|raw|sly|icy|mad|fit|fun|bad|dim|fat|wry"
NEW = (
    "{% set words = '" + WORDS + "'.split('|') %}"
    "Take{% for power in [1, 20, 400, 8000, 160000, 3200000, 64000000, 1280000000] %}"
    " {{ words[(digest // power) % 20] }}{% endfor %} things?"
)
"""A query of random words: hardly ever near another."""
SAY = "{{ digest % 97 }} it is. The answer is {{ digest % 5 }}."
SCRIPT = "{% if 'New one' in prompt %}QUERY{% else %}ANSWER{% endif %}"


def script(query: str = NEW, answer: str = SAY) -> str:
    """A teacher's template."""
    return SCRIPT.replace("QUERY", query).replace("ANSWER", answer)


def example(id_: str, split: str = "train", query: str | None = None, **changes: Any) -> dict:
    noun = NOUNS[sum(map(ord, id_)) % len(NOUNS)]
    return {
        "id": id_,
        "split": split,
        "query": query or f"How many {noun} does {id_} see in the yard of aunt {id_}?",
        "label": "3",
        "choices": [],
        "gold_rationale": None,
        "group": None,
        "meta": None,
    } | changes


def chosen_row(row: Mapping[str, Any], difficulty: str | None = None) -> dict[str, Any]:
    return {
        "id": row["id"],
        "query": row["query"],
        "label": row["label"],
        "rationale": "as told",
        "difficulty": difficulty,
    }


TRAIN = [example(f"t{n}") for n in range(6)]
TEST = [
    example(
        f"x{n}", "test", f"A {noun} costs two coins, and Ann buys {n} of them on a rainy Monday."
    )
    for n, noun in enumerate(NOUNS[:4])
]
EXAMPLES = TRAIN + TEST
EXEMPLARS = [
    {"id": a["id"], "rank": rank, "exemplar_id": b["id"], "distance": 1.0}
    for place, a in enumerate(TRAIN)
    for rank, b in enumerate([TRAIN[place - 1], TRAIN[place - 2]])
]
PROMPT = {
    "description": "for tests",
    "layout": "text",
    "reply": "rationale_then_label",
    "tasks": {
        "math": {
            "exemplar_query": "Q: {{ query }}",
            "exemplar_reply": "A: {{ label }}",
            "query": "Q: {{ query }}\nA:",
        }
    },
}
FILTERS = {"min_words": 3, "max_words": 40, "rouge_l": 0.7, "ngram": 8}


def augment(**changes: Any) -> AugmentConf:
    values = ENTRIES["augment/few"] | {
        "prompts": {
            "hard": {"prompt": "New one like: {{ query }}"},
            "easy": {"prompt": "New one rarer than: {{ query }}"},
        },
        "queries_per_seed": 4,
        "filters": FILTERS | changes.pop("filters", {}),
    }
    return AugmentConf.model_validate(values | changes)


def config(**changes: Any) -> AugmentConfig:
    """What the stage would read; `script` makes the teacher, other names replace fields."""
    dataset = ENTRIES["dataset/own"] | {"task": "math", "answer": {"metric": "number"}}
    values: dict[str, Any] = {
        "real": True,
        "synthetic": 5,
        "feedback": "none",
        "hard_share": 0.5,
        "rationale_source": "teacher",
        "dataset": DatasetConf.model_validate(dataset | changes.pop("dataset", {})),
        "prompt": PromptConf.model_validate(PROMPT | changes.pop("prompt", {})),
        "teacher": teacher(model={"source": f"scripted:{changes.pop('script', script())}"}),
        "judge": judge("answer"),
        "augment": augment(),
    }
    return AugmentConfig.model_construct(**values | changes)
