"""The kinds by the name of their metric."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from stillhouse.config.dataset import Metric
from stillhouse.hooks.reference import is_reference
from stillhouse.kinds.choice import Choice
from stillhouse.kinds.equation import Equation
from stillhouse.kinds.kind import Kind
from stillhouse.kinds.latex import Latex
from stillhouse.kinds.number import Number
from stillhouse.kinds.own import Own
from stillhouse.kinds.summary import Summary
from stillhouse.kinds.text import Text

KINDS: dict[Metric, Callable[[tuple[str, ...]], Kind]] = {
    "exact": Text,
    "choice": Choice,
    "number": Number,
    "equation": Equation,
    "latex": Latex,
    "summary": Summary,
    "rating": Text,
}


def kind_of(metric: Metric, choices: Sequence[str] = ()) -> Kind:
    """The kind of a metric, for the choices of one row."""
    return _kind(metric, tuple(choices))


@lru_cache(maxsize=1 << 14)
def _kind(metric: Metric, choices: tuple[str, ...]) -> Kind:
    return Own(metric, choices) if is_reference(metric) else KINDS[metric](choices)
