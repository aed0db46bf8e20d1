"""A minimal valid project to make mistakes in."""

import shutil
from copy import deepcopy
from pathlib import Path

import yaml

from tests.conftest import REPOSITORY

PARAMS = {
    "dataset": "own",
    "embedder": "small",
    "prompt": "plain",
    "teacher": "small",
    "student": "small",
    "judge": "pair",
    "augment": "few",
    "search": "none",
    "limit": None,
    "exemplars": "topk",
    "k": 2,
    "exemplar_seed": 0,
    "fraction": 1.0,
    "label_source": "gold",
    "label_filter": "none",
    "rationale_source": "teacher",
    "rationale_filter": "none",
    "feedback": "none",
    "feedback_student": "untrained",
    "tau": 1.0,
    "hard_at_tau": False,
    "hard_share": 0.5,
    "real": True,
    "synthetic": 0,
    "lambda": 1.0,
    "complexity": False,
    "gold_student": False,
    "zero_shot": [],
    "seeds": [0],
}
ENTRIES = {
    "dataset/own": {
        "description": "Ours",
        "licence": "CC0-1.0",
        "source": "file:data/raw/own.csv",
        "splits": {
            "train": {"read": ["own.csv"]},
            "test": {"hold_out_from": "train", "share": 0.25},
        },
        "task": "classification",
        "fields": {"query": "{{ text }}", "label": "{{ label }}"},
        "answer": {"metric": "exact"},
        "reject": [],
        "human_exemplars": None,
        "exclude_same_group": False,
    },
    "embedder/small": {
        "description": "Small",
        "kind": "mean_pooling",
        "source": "file:data/raw/bert",
        "max_tokens": 64,
        "normalise": True,
    },
    "prompt/plain": {
        "description": "Plain",
        "layout": "text",
        "reply": "rationale_then_label",
        "tasks": {"classification": {"query": "{{ query }}"}},
    },
    "teacher/small": {
        "description": "Small",
        "model": {"name": "small", "source": f"file:data/raw/decoder#sha256={'0' * 64}"},
        "format": "plain",
        "context": 512,
        "decoding": {"max_tokens": 16},
        "compute": {"backend": "transformers"},
        "price": {},
    },
    "student/small": {
        "description": "Small",
        "model": {
            "family": "decoder",
            "source": "file:data/raw/decoder",
            "max_query_tokens": 64,
            "max_target_tokens": 32,
        },
        "templates": {
            "label_prefix": "[label]",
            "rationale_prefix": "[rationale]",
            "query": "{{ prefix }} {{ query }}",
        },
        "training": {
            "epochs": 1,
            "batch_size": 4,
            "learning_rate": 1e-4,
        },
        "decoding": {"max_tokens": 4},
    },
    "judge/pair": {
        "description": "Two answers",
        "form": "pairwise",
        "system": "",
        "prompt": "{{ query }}\n1: {{ answer_1 }}\n2: {{ answer_2 }}",
        "markers": ["First:", "Second:"],
        "scale": [1, 10],
        "words": {},
        "teacher": None,
        "decoding": {"max_tokens": 64},
    },
    "augment/few": {
        "description": "A few new queries",
        "prompts": {
            "hard": {"prompt": "Like: {{ query }}"},
            "easy": {"prompt": "Rarer: {{ query }}"},
        },
        "decoding": {"temperature": 1.0, "max_tokens": 64},
        "queries_per_seed": 2,
        "rounds": 1,
        "filters": {"min_words": 2, "max_words": 60, "rouge_l": 0.7, "ngram": 8},
        "verify": {},
    },
    "search/none": {"description": "Nothing is tried", "prompts": []},
}


def write_project(root: Path, **changes: object) -> Path:
    """Write the project below `root`; `changes` replace knobs."""
    files = {f"conf/{name}.yaml": deepcopy(values) for name, values in ENTRIES.items()}
    files["params.yaml"] = PARAMS | changes
    for name, values in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(yaml.safe_dump(values), encoding="utf-8")
    shutil.copy(REPOSITORY / "dvc.yaml", root)
    return root


def edit(root: Path, name: str, **changes: object) -> None:
    """Change top-level keys of one YAML file; None removes a key."""
    path = root / name
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        if value is None:
            del values[key]
        else:
            values[key] = value
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
