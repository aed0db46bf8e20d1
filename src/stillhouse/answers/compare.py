"""Whether two answers are the same under a dataset's metric."""

from collections.abc import Sequence

from stillhouse.answers.choices import read_choice
from stillhouse.answers.equation import evaluate
from stillhouse.answers.numbers import read_number, written
from stillhouse.config.dataset import Metric


def normalise(text: str, metric: Metric, choices: Sequence[str] = ()) -> str | None:
    """The canonical form of an answer, or None when it has no value under `metric`.

    `exact`: stripped, whitespace collapsed, casefolded, one final full stop removed.
    `choice`: the text of the choice that it names, as `choices` writes it.
    `equation`: the exact value of the arithmetic expression; a final full stop may follow.
    `number`: the value of the one number, whatever its currency sign, commas or unit.
    """
    if metric == "exact":
        return " ".join(text.casefold().split()).removesuffix(".").rstrip() or None
    if metric == "choice":
        choice = read_choice(text, choices)
        return choice.text if choice else None
    value = read_number(text) if metric == "number" else evaluate(text.strip().removesuffix("."))
    return None if value is None else written(value)


def is_correct(prediction: str, label: str, metric: Metric, choices: Sequence[str] = ()) -> bool:
    """Whether `prediction` and `label` have the same value; two without a value are not equal."""
    predicted = normalise(prediction, metric, choices)
    return predicted is not None and predicted == normalise(label, metric, choices)
