"""Mistakes in the data, collected by kind and reported together."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from stillhouse.core.errors import StillhouseError

SHOWN = 3
ENOUGH = 1000


class Problems:
    """Collects problems; each kind is reported with its count and its first places."""

    def __init__(self) -> None:
        self._found: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        self._count = 0

    def add(self, kind: str, advice: str, example: str, *, place: str = "") -> None:
        """Note one; `kind` groups, `advice` says what to do, `example` names place and value.

        What is said of many rows alike is said once, with each one's `place`.

        After very many the rest would say nothing new, so they are reported at once.
        """
        self._found[kind, advice].append((example, place))
        self._count += 1
        if self._count >= ENOUGH:
            self.fail()

    def first(self) -> str | None:
        """What was noted first, if anything was: its kind or, said of one row, what it says."""
        for (kind, _), ((example, place), *_) in self._found.items():
            return example if place else kind
        return None

    def fail(self) -> None:
        """Raise one error that holds all problems, if there are any."""
        if not self._found:
            return
        lines = []
        for (kind, advice), examples in self._found.items():
            rows = "1 row" if len(examples) == 1 else f"{len(examples):,} rows"
            lines.append(f"  - {kind}, {rows}. {advice}")
            lines.extend(f"      {line}" for line in _listed(examples))
        stopped = " (stopped looking)" if self._count >= ENOUGH else ""
        raise StillhouseError("The dataset has mistakes" + stopped + ":\n" + "\n".join(lines))


def _listed(examples: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The first few examples, each with its places."""
    places: dict[str, list[str]] = {}
    for example, place in examples:
        places.setdefault(example, []).append(place)
    for example, found in islice(places.items(), SHOWN):
        shown = ", ".join(filter(None, found[:SHOWN]))
        more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
        yield f"{shown}{more}: {example}" if shown else example
