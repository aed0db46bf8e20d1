"""The kinds by the name of their metric."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from stillhouse.core.errors import did_you_mean
from stillhouse.kinds.choice import Choice
from stillhouse.kinds.equation import Equation
from stillhouse.kinds.kind import Kind
from stillhouse.kinds.latex import Latex
from stillhouse.kinds.number import Number
from stillhouse.kinds.text import Text

KINDS: dict[str, Callable[[tuple[str, ...]], Kind]] = {
    "exact": Text,
    "choice": Choice,
    "number": Number,
    "equation": Equation,
    "latex": Latex,
}


def kind_of(metric: str, choices: Sequence[str] = ()) -> Kind:
    """The kind of a metric, for the choices of one row. Raises KeyError for an unknown metric."""
    return _kind(metric, tuple(choices))


def known_metric(name: str) -> str:
    """`name`; raises ValueError where no kind has it."""
    if name not in KINDS:
        raise ValueError(f"there is no metric {name!r}.{did_you_mean(name, KINDS)}")
    return name


@lru_cache(maxsize=1 << 14)
def _kind(metric: str, choices: tuple[str, ...]) -> Kind:
    return KINDS[metric](choices)
