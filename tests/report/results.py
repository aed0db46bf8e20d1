"""Results as the stages write them, to summarise and to show."""

from typing import Any

from stillhouse.config.dataset import Answer
from stillhouse.config.teacher import Price
from stillhouse.report.summary import everything
from stillhouse.statistics.intervals import mean_interval

SCORES = {"accuracy_low": 0.25, "accuracy_high": 0.75, "rows": 4}
ANSWER = Answer(markers=("Answer:",), metric="exact")
PRICE = Price(currency="EUR", prompt=2.0, completion=10.0)
TRAINING = {
    "epochs": 2.0,
    "steps": None,
    "batch_size": 4,
    "learning_rate": 1e-4,
    "validation": None,
}
RUN: dict[str, Any] = {
    "seeds": [0],
    "lambda": 1.0,
    "fraction": 1.0,
    "exemplars": "topk",
    "rationale_filter": "none",
    "teacher": "small",
    "max_tokens": 64,
    "student": "tiny",
    "training": TRAINING,
}
CURVE = "step,loss,label_loss,rationale_loss\n" + "".join(
    f"{step},0.50000,0.05000,0.45000\n" for step in range(1, 61)
)


def scores(accuracy: float, **others: Any) -> dict[str, Any]:
    return SCORES | {"accuracy": accuracy} | others


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


def example(id_: str, split: str, label: str | None = "a") -> dict[str, Any]:
    return {"id": id_, "split": split, "group": None, "label": label, "choices": [], "query": id_}


def examples() -> list[dict[str, Any]]:
    """Four test rows, of which the majority class of the train row gets two right."""
    labels = ("a", "a", "b", "b")
    test = [example(f"r{n}", "test", label) for n, label in enumerate(labels)]
    return [*test, example("t0", "train")]


def predictions(*right: str) -> list[dict[str, Any]]:
    return [{"id": f"r{n}", "score": float(f"r{n}" in right)} for n in range(4)]


def report(
    stages: dict[str, Any],
    evaluations: dict[int, Any],
    examples: list[dict[str, Any]],
    predicted: dict[str, Any],
    **others: Any,
) -> dict[str, Any]:
    """`everything` of a run, but for `others` as above."""
    run = RUN | {"seeds": list(evaluations)}
    given = {
        "curves": dict.fromkeys(evaluations, CURVE),
        "parsed": [],
        "answer": ANSWER,
        "price": PRICE,
        "run": run,
    }
    return everything(stages, evaluations, examples, predicted, **given | others)


def measured(right: int, rows: int) -> dict[str, float]:
    """The figures of so many right rows."""
    found = mean_interval([1.0] * right + [0.0] * (rows - right))
    return {
        "accuracy": found.mean,
        "accuracy_low": found.low,
        "accuracy_high": found.high,
        "rows": rows,
    }


def contest(rows: int = 100, seeds: int = 1, **right: int) -> dict[str, Any]:
    """The report of a run on so many test rows: how many each model gets right, the first ones.

    Names are those of references, `teacher`, and `student`; of seeds after the first one row less
    each. Every row is of the label `a`, which no train row is.
    """
    ids = [f"r{n:03}" for n in range(rows)]
    test = [example(id_, "test") for id_ in ids]
    own = {seed: right["student"] - seed for seed in range(seeds)}
    models = {name: count for name, count in right.items() if name not in ("student", "teacher")}
    untrained = models.pop("untrained", 0)

    def scored(count: int, **model: str) -> list[dict[str, Any]]:
        return [{"id": id_, "score": float(n < count), **model} for n, id_ in enumerate(ids)]

    predicted = {f"seed={seed}": scored(count) for seed, count in own.items()}
    predicted["untrained"] = scored(untrained)
    references = [row for name, count in models.items() for row in scored(count, model=name)]
    made = stages()
    made["baseline"] = {
        "untrained": measured(untrained, rows),
        "majority": measured(0, rows),
    }
    made["references"] = {name: measured(count, rows) for name, count in models.items()}
    parsed = []
    if "teacher" in right:
        asked = measured(right["teacher"], rows)
        made["parse"]["test"] = {"rows": rows, "status": {"ok": 1.0}} | {
            name.replace("accuracy", "teacher_label_accuracy"): value
            for name, value in asked.items()
            if name != "rows"
        }
        parsed = [
            {"id": id_, "sample": 0, "label": "a" if n < right["teacher"] else None}
            for n, id_ in enumerate(ids)
        ]
    evaluations = {seed: measured(count, rows) for seed, count in own.items()}
    train = example("t0", "train", "b")
    given = {"parsed": parsed, "references": references}
    return report(made, evaluations, [*test, train], predicted, **given)
