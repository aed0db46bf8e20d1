"""Whether a rationale ends on the answer that it is said to explain."""

from collections.abc import Sequence

from stillhouse.answers.choices import named_choices
from stillhouse.answers.compare import normalise
from stillhouse.answers.numbers import last_number, written
from stillhouse.config.dataset import Metric


def is_consistent(rationale: str, label: str, metric: Metric, choices: Sequence[str]) -> bool:
    """Whether the answer that a rationale itself ends on is its label.

    That answer is the last choice it names; without choices, the number behind its last `=`, or its
    last number; for free text, its last words.
    """
    if choices and metric in ("choice", "exact"):
        named = named_choices(rationale, choices)
        return bool(named) and normalise(choices[named[-1]], "choice", choices) == normalise(
            label, "choice", choices
        )
    if metric in ("equation", "number"):
        result = last_number(rationale)
        return result is not None and written(result) == normalise(label, metric)
    ending = normalise(rationale, "exact")
    return ending is not None and ending.endswith(normalise(label, "exact") or "\n")
