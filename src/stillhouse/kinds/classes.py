"""The classes of rows that all have the same choices."""

from collections.abc import Iterable, Mapping
from typing import Any

from stillhouse.config.dataset import Metric
from stillhouse.kinds.registry import kind_of


def fixed_classes(rows: Iterable[Mapping[str, Any]], metric: Metric) -> list[str]:
    """The classes that the rows are of: their choices, where all have the same; else none.

    Each is as the choices first write it: those with equal texts are one.
    """
    lists = {tuple(row["choices"]) for row in rows}
    if metric != "choice" or len({frozenset(choices) for choices in lists}) != 1:
        return []
    choices = min(lists)
    kind = kind_of("choice", choices)
    return list(dict.fromkeys(kind.canonical(each) or each for each in choices))
