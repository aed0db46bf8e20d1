"""A study, and results for its conditions without any repository."""

from typing import Any

from stillhouse.experiments.git import Experiment
from stillhouse.studies.config import Condition, Study
from stillhouse.studies.state import Found

STUDY: dict[str, Any] = {
    "description": "Rationales or not",
    "reference": "labels",
    "knobs": {"seeds": [0, 1]},
    "rows": {
        "labels": {"title": "Labels", "knobs": {"lambda": 0}},
        "both": {"title": "Both | all", "knobs": {"lambda": 0.5}},
    },
    "columns": {
        "half": {"title": "50%", "knobs": {"fraction": 0.5}},
        "all": {"title": "100%", "knobs": {"fraction": 1.0, "seeds": [3]}},
    },
    "cells": {"both": {"half": None, "all": {"k": 1}}},
    "published": {"source": "A paper", "values": {"both": {"half": 55.0, "all": 62.5}}},
    "small": {
        "description": "Less",
        "columns": ["half"],
        "knobs": {"seeds": [0]},
        "cells": {"both": {"half": {"k": 2}}},
    },
}


def study(**changes: Any) -> Study:
    return Study.model_validate(STUDY | changes)


def found(condition: Condition, *, changed: tuple[str, ...] = ()) -> Found:
    """A finished condition; its experiment's commit is its own name."""
    return Found(condition, Experiment(condition.name, condition.name, "0" * 40, 0), changed)
