"""Judges without a model: their completions are templates over the prompt."""

from typing import Any

from stillhouse.config.judge import JudgeConf, judging_model
from stillhouse.config.teacher import TeacherConf
from tests.teacher_generate.helpers import teacher

PAIRWISE: dict[str, Any] = {
    "description": "for tests",
    "form": "pairwise",
    "system": "Judge.",
    "prompt": "{{ query }}\n1: {{ answer_1 }}\n2: {{ answer_2 }}",
    "markers": ["Score of 1:", "Score of 2:"],
    "scale": [1, 10],
    "words": {},
    "teacher": None,
    "decoding": {"max_tokens": 200},
}
FORMS: dict[str, dict[str, Any]] = {
    "pairwise": {},
    "reference": {
        "prompt": "{{ query }}\nis: {{ reference }}\nsaid: {{ answer }}",
        "markers": ["Verdict:"],
        "scale": [0, 1],
        "words": {"correct": 1, "incorrect": 0},
    },
    "answer": {
        "prompt": "{% for t in history %}{{ t.content }}\n{% endfor %}{{ query }}: {{ answer }}",
        "markers": ["Rating:"],
        "scale": [1, 5],
    },
    "query": {"prompt": "{{ query }}", "markers": ["Complexity:"], "scale": [1, 5]},
}


def judge(form: str = "pairwise", **changes: Any) -> JudgeConf:
    """A judge of one form."""
    return JudgeConf.model_validate(PAIRWISE | {"form": form} | FORMS[form] | changes)


def completing(template: str, judge: JudgeConf, **changes: Any) -> TeacherConf:
    """The model behind `judge`: it completes with a template over `prompt`."""
    return judging_model(judge, teacher(model={"source": f"scripted:{template}"}, **changes))
