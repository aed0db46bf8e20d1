"""Whether a gold label has a value under the dataset's metric; without one no answer is right."""

from collections.abc import Sequence

from stillhouse.answers.compare import normalise
from stillhouse.config.dataset import Metric


def has_value(label: str, metric: Metric, choices: Sequence[str]) -> bool:
    """Whether an answer can be equal to `label`."""
    return normalise(label, metric, choices) is not None
