"""Results as the stages write them, to summarise and to show."""

from typing import Any

from stillhouse.config.teacher import Price

SCORES = {"accuracy_low": 0.25, "accuracy_high": 0.75, "rows": 4}
PRICE = Price(currency="EUR", prompt=2.0, completion=10.0)
RUN: dict[str, Any] = {"price": PRICE, "knobs": {"lambda": 1.0, "fraction": 1.0}}


def scores(accuracy: float, **others: float) -> dict[str, float]:
    return SCORES | {"accuracy": accuracy, "exact_match": accuracy} | others


def stages() -> dict[str, Any]:
    return {
        "ingest": {
            "rows": {"train": 8, "test": 4},
            "unlimited": {"train": 30},
            "rejects": {"no label": 1},
        },
        "retrieve": {"same_label_share": 0.6, "chance_same_label_share": 0.3, "k": 4, "rows": 8},
        "teacher": {"prompt_tokens": 1_000_000, "completion_tokens": 100_000},
        "parse": {
            "rows": 8,
            "status": {"ok": 0.75, "truncated": 0.25},
            "teacher_label_accuracy": 0.5,
            "teacher_label_accuracy_low": 0.25,
            "teacher_label_accuracy_high": 0.75,
        },
        "judge": {"rows": 0},
        "chosen": {"candidates": 8, "selected": 6},
        "augment": {"real": 6, "synthetic": 0},
        "baseline": {"untrained": scores(0.25), "majority": scores(0.5)},
    }


def examples() -> list[dict[str, Any]]:
    return [
        *({"id": f"r{n}", "split": "test", "group": None} for n in range(4)),
        {"id": "t0", "split": "train", "group": None},
    ]


def predictions(*right: str) -> list[dict[str, Any]]:
    return [{"id": f"r{n}", "score": float(f"r{n}" in right)} for n in range(4)]
