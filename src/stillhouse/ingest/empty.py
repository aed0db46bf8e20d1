"""Source cells with nothing in them, where a template reads them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from stillhouse.config.dataset import Fields
from stillhouse.core.templates import columns_read
from stillhouse.ingest.files import RawRow


def is_empty(value: object) -> bool:
    """Whether a cell is null, holds nothing that can be seen, or an empty list."""
    if isinstance(value, str):
        return all(sign.isspace() or not sign.isprintable() for sign in value)
    return value is None or value in ([], {}, ())


def filled(rows: Iterable[RawRow], *templates: str) -> list[RawRow]:
    """The rows that have something in every column that the templates read."""
    read = frozenset[str]().union(*map(columns_read, templates))
    return [
        row
        for row in rows
        if not any(name in row.values and is_empty(row.values[name]) for name in read)
    ]


@dataclass(frozen=True)
class Reading:
    """The columns that a split's templates read."""

    required: tuple[str, ...]
    """Those that may not be empty: of `query` and, where rows are labelled, `label`."""
    every: tuple[str, ...]

    @classmethod
    def of(cls, fields: Fields, *, labelled: bool) -> Self:
        """What `fields` read; the templates of labels and rationales only where rows have them."""
        required = fields.columns(labelled=labelled)
        choices = fields.choices
        others = [fields.id, fields.group, *fields.meta.values()]
        others += [f"{{{{ {choices} }}}}"] if isinstance(choices, str) else choices
        others += [fields.rationale] if labelled else []
        every = required.union(*(columns_read(template) for template in others if template))
        return cls(tuple(sorted(required.difference(fields.optional))), tuple(sorted(every)))

    def empty(self, values: Mapping[str, Any]) -> list[str]:
        """The columns that a row has and that are empty in it."""
        return [name for name in self.every if name in values and is_empty(values[name])]
