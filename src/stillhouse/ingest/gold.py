"""Whether a gold label has a value under the dataset's metric; without one no answer is right."""

from collections.abc import Sequence

from stillhouse.config.dataset import Metric
from stillhouse.kinds.registry import kind_of


def has_value(label: str, metric: Metric, choices: Sequence[str]) -> bool:
    """Whether an answer can be equal to `label`."""
    return kind_of(metric, choices).canonical(label) is not None
