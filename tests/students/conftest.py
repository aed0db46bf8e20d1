"""Tiny students from config, trained in a second."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stillhouse.config.student import StudentConf, StudentModel, Templates

if TYPE_CHECKING:
    from stillhouse.students.text import StudentText

Make = Callable[..., StudentConf]

TINY = "file:data/raw/"
FAMILIES = ["decoder", "encoder_decoder"]
TEMPLATES = {
    "decoder": {
        "query": "{{ query }}\n{{ prefix }}",
        "target": " {{ target }}",
        "label_prefix": "Answer:",
        "rationale_prefix": "Explain:",
    },
    "encoder_decoder": {
        "query": "{{ prefix }}{{ query }}",
        "label_prefix": "predict: ",
        "rationale_prefix": "explain: ",
    },
}
MODEL = {"max_query_tokens": 128, "max_target_tokens": 64}
TRAINING = {"epochs": 1, "batch_size": 4, "learning_rate": 1e-2}

T5_TINY = {
    "model_type": "t5",
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 1,
    "num_heads": 4,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
}
STEADY_T5: dict[str, Any] = {
    "source": None,
    "tokenizer": "t5",
    "architecture": T5_TINY | {"dropout_rate": 0.0},
}
"""Random weights and no dropout: its loss falls and does not jump."""


@pytest.fixture(autouse=True)
def local_models(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A student's source is that of a tiny model, by its name."""
    monkeypatch.setattr(
        "stillhouse.students.weights.model_folder",
        lambda source, mirror: tiny_models / source.removeprefix(TINY),
    )


@pytest.fixture
def make_conf() -> Make:
    """A student of a family; changes go over small defaults, those of `model` by key."""

    def make(family: str = "decoder", **changes: Any) -> StudentConf:
        model: dict[str, Any] = MODEL | {"family": family}
        model["source"] = "decoder" if family == "decoder" else "t5"
        model |= {key: changes.pop(key) for key in StudentModel.model_fields if key in changes}
        method = {key: changes.pop(key) for key in ("method", "lora") if key in changes}
        for key in ("source", "tokenizer"):
            if model.get(key) and ":" not in model[key]:
                model[key] = TINY + model[key]
        values: dict[str, Any] = {
            "description": "tiny",
            "model": model,
            "templates": TEMPLATES[family],
            "training": TRAINING | changes.pop("training", {}) | method,
            "decoding": {"max_tokens": 8},
            "compute": {"device": "cpu"},
        }
        return StudentConf.model_validate(values | changes)

    return make


def student_text(
    tiny_models: Path, family: str = "decoder", query: int = 512, target: int = 512
) -> "StudentText":
    """The text of a student with these limits of tokens; families share a tokenizer."""
    from stillhouse.students.text import StudentText
    from stillhouse.students.weights import read_tokenizer

    tokenizer = read_tokenizer(tiny_models / "decoder")
    templates = Templates.model_validate(TEMPLATES[family])
    return StudentText(tokenizer, family, templates, query, target)  # type: ignore[arg-type]


def rows(number: int = 8) -> list[dict[str, Any]]:
    """Training rows of varied length; every third has no rationale."""
    return [
        {
            "id": f"row-{place:02d}",
            "query": f"how many apples? {'fox ' * (place % 4)}{place}",
            "label": ["yes", "no", "entailment", "42"][place % 4],
            "rationale": None if place % 3 == 0 else f"the lazy dog {'jumps ' * (place % 5)}",
            "origin": "real",
        }
        for place in range(number)
    ]
