"""A project whose rows have no labels, with a teacher that is a template and a tiny student."""

import csv
import shutil
from pathlib import Path
from typing import Any

import yaml

from stillhouse.core import paths
from tests.conftest import REPOSITORY
from tests.pipeline.workspace import KNOBS, PARTS, entries, write_yaml

DATASET = Path("conf/dataset/tiny.yaml")
REVIEWS = Path("data/raw/tiny/reviews.csv")
WORDS = ("good", "bad", "fine", "awful", "sound")
TRUTH = {"good": "yes", "fine": "yes", "sound": "yes", "bad": "no", "awful": "no"}
TEACHER = (
    "Because of {{ digest % 97 }}. The answer is "
    "{{ 'yes' if 'good' in prompt or 'fine' in prompt else 'no' }}."
)
"""Right but for what is sound."""
BEFORE = ("ingest", "embed", "retrieve", "teacher_select", "prompt", "teacher_generate", "parse")
TRAIN = ("feedback_predict", "feedback_judge", "feedback_split", "augment", "train_student@0")
SCORE = ("references", "baseline", "zero_shot", "gold_student", "complexity")
SCORE += ("evaluate@0", "rate", "card@0", "report")


def text(number: int) -> str:
    return f"Cup {number} is {WORDS[number * 7 % 5]}."


def truth(query: str) -> str:
    return next(label for word, label in TRUTH.items() if word in query)


def write_reviews(count: int, path: Path = REVIEWS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["review"])
        writer.writerows([text(number)] for number in range(count))


def write_project(models: Path, *, count: int = 60, **knobs: Any) -> None:
    """Write it into the working directory; nothing has run."""
    for name, values in entries(models, others=False).items():
        write_yaml(paths.CONF / f"{name}.yaml", values)
    shutil.copy(REPOSITORY / paths.PIPELINE, paths.PIPELINE)
    write_reviews(count)
    fields = {"query": "{{ review }}", "choices": ["yes", "no"]}
    edit(
        DATASET,
        splits={
            "unlabelled": {"read": ["reviews.csv"]},
            "test": {"hold_out_from": "unlabelled", "share": 0.25},
        },
        task="classification",
        fields=fields,
    )
    edit(
        "conf/prompt/tiny.yaml",
        splits=["unlabelled", "test"],
        tasks={"classification": PARTS},
    )
    model = {"name": "tiny", "source": f"scripted:{TEACHER}"}
    edit("conf/teacher/tiny.yaml", model=model)
    chosen = KNOBS | {"exemplars": "none", "k": 0, "label_source": "teacher", "limit": None}
    write_yaml(paths.PARAMS, chosen | knobs)


def edit(path: str | Path, **changes: Any) -> None:
    values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    write_yaml(Path(path), values | changes)
