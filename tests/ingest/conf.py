"""Small dataset confs and raw rows."""

from typing import Any

from stillhouse.config.dataset import DatasetConf
from stillhouse.ingest.files import RawRow

VALUES: dict[str, Any] = {
    "description": "Ours",
    "licence": "CC0-1.0",
    "source": "file:data/raw",
    "splits": {"train": {"read": ["train.jsonl"]}, "test": {"read": ["test.jsonl"]}},
    "task": "classification",
    "fields": {"query": "{{ text }}", "label": "{{ label }}", "choices": ["yes", "no"]},
    "answer": {"metric": "choice"},
    "reject": [],
    "human_exemplars": None,
    "exclude_same_group": False,
}


def make_conf(**changes: Any) -> DatasetConf:
    """The conf with other top-level values; `fields` are merged."""
    changes["fields"] = VALUES["fields"] | changes.get("fields", {})
    return DatasetConf.model_validate(VALUES | changes)


def raw(*rows: dict[str, Any], name: str = "train.jsonl") -> list[RawRow]:
    """Rows as if read from a file."""
    return [RawRow(f"{name}:{line}", row) for line, row in enumerate(rows, 1)]


def texts(count: int, *, first: int = 0) -> list[dict[str, Any]]:
    """Rows with different texts; three of them share a topic."""
    return [
        {"text": f"text {i}", "label": ("yes", "no")[i % 2], "topic": f"topic {i // 3}"}
        for i in range(first, first + count)
    ]
